package org.lectern.infra.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.ChildProcess;
import org.lectern.db.embedded.EmbeddedServiceException;
import org.lectern.db.embedded.FreePort;
import org.lectern.db.embedded.PrivateServer;

/**
 * A private Redis that keeps nothing on disk: by design nothing that must last is only in Redis, and what a node that
 * is gone had left there should not greet the next one.
 */
public final class RedisServer extends PrivateServer {

    private static final Duration START_TIMEOUT = Duration.ofSeconds(45);
    private static final int PROBE_TIMEOUT_MILLIS = 1000;

    private final Path directory;
    private final Path binary;

    RedisServer(Path directory, Path binary) {
        super("redis", directory.resolve("redis").resolve("port"));
        this.directory = directory;
        this.binary = binary;
    }

    /** A server for whom the folder is its own, not yet started; for tests that kill what they use. */
    public static RedisServer in(Path directory) throws IOException {
        return new RedisServer(directory, locate(BinaryCache.ofUser()));
    }

    /** The address for clients: {@code redis://127.0.0.1:port}. */
    public String uri() {
        return "redis://" + address();
    }

    /** The machine's Redis, else the one on the class path. */
    static Path locate(BinaryCache cache) throws IOException {
        Optional<Path> installed = ChildProcess.findOnPath("redis-server");
        return installed.isPresent() ? installed.get() : bundled(cache);
    }

    /** Redis from the class path, unpacked. */
    static Path bundled(BinaryCache cache) throws IOException {
        String name = bundledName();
        String resource = "/" + name;
        if (name.isEmpty() || RedisServer.class.getResource(resource) == null) {
            throw new EmbeddedServiceException(
                    "There is no redis-server on this machine, and none for its kind on the class path.",
                    "Install it (Debian: apt install redis-server), or set lectern.redis.address.");
        }
        return cache.folder(name, folder -> {
                    Path target = folder.resolve("redis-server");
                    try (InputStream content = RedisServer.class.getResourceAsStream(resource)) {
                        if (content == null) {
                            throw new IOException(resource + " vanished from the class path");
                        }
                        Files.copy(content, target);
                    }
                    Files.setPosixFilePermissions(target, BinaryCache.permissions(true));
                })
                .resolve("redis-server");
    }

    @Override
    protected ChildProcess launch() throws IOException {
        Path data = directory.resolve("redis");
        Files.createDirectories(data);
        return ChildProcess.start(new ChildProcess.Spec(
                "redis",
                List.of(
                        binary.toString(),
                        "--bind",
                        "127.0.0.1",
                        "--port",
                        Integer.toString(port()),
                        "--protected-mode",
                        "yes",
                        "--dir",
                        data.toString(),
                        "--save",
                        "",
                        "--appendonly",
                        "no",
                        "--daemonize",
                        "no",
                        "--maxclients",
                        "2000",
                        "--loglevel",
                        "notice"),
                Map.of(),
                "TERM",
                directory.resolve("run"),
                directory.resolve("logs")));
    }

    @Override
    protected boolean probe() throws IOException {
        try (Socket socket = new Socket()) {
            socket.setSoTimeout(PROBE_TIMEOUT_MILLIS);
            socket.connect(FreePort.loopback(port()), PROBE_TIMEOUT_MILLIS);
            socket.getOutputStream().write("PING\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] answer = socket.getInputStream().readNBytes("+PONG".length());
            return new String(answer, StandardCharsets.US_ASCII).equals("+PONG");
        }
    }

    @Override
    protected Duration startTimeout() {
        return START_TIMEOUT;
    }

    @Override
    protected String label() {
        return "Redis";
    }

    private static String bundledName() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        boolean arm = List.of("aarch64", "arm64")
                .contains(System.getProperty("os.arch").toLowerCase(Locale.ROOT));
        if (system.startsWith("linux")) {
            return arm ? "redis-server-6.2.7-linux-arm64" : "redis-server-6.2.6-v5-linux-amd64";
        }
        if (system.startsWith("mac")) {
            return arm ? "redis-server-6.2.6-v5-darwin-arm64" : "redis-server-6.2.6-v5-darwin-amd64";
        }
        return "";
    }
}
