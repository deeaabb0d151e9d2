package org.lectern.app.e2e;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.FreePort;

/**
 * A server that speaks S3 and is none of ours (S3Proxy), in a process of its own: it can be away, and comes back with what it had.
 * Maven puts it where it is looked for ({@code process-test-resources}).
 */
final class BucketServer implements AutoCloseable {

    static final String ACCESS_KEY = "lectern";
    static final String SECRET_KEY = "a secret of the tests";
    static final String BUCKET = "media";

    private static final Path JAR = Path.of("target", "s3proxy", "s3proxy.jar");
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int FORBIDDEN = 403;

    private final Path folder;
    private final int port;
    private @Nullable Process process;

    /** A server that is not there yet, with an empty bucket. */
    BucketServer(Path folder) throws IOException {
        this.folder = folder;
        port = FreePort.any();
        Files.createDirectories(folder.resolve("data").resolve(BUCKET));
        Files.write(
                folder.resolve("server.properties"),
                List.of(
                        "s3proxy.endpoint=" + endpoint(),
                        "s3proxy.authorization=aws-v2-or-v4",
                        "s3proxy.identity=" + ACCESS_KEY,
                        "s3proxy.credential=" + SECRET_KEY,
                        // The checksum headers of the SDK that this server does not know.
                        "s3proxy.ignore-unknown-headers=true",
                        "jclouds.provider=filesystem-nio2",
                        "jclouds.identity=local",
                        "jclouds.credential=local",
                        "jclouds.filesystem.basedir=" + folder.resolve("data").toAbsolutePath()));
    }

    URI endpoint() {
        return URI.create("http://127.0.0.1:" + port);
    }

    /** Starts it and waits until it answers. */
    void start() throws IOException {
        if (!Files.exists(JAR)) {
            throw new IllegalStateException(JAR + " is missing: run ./mvnw -pl app dependency:copy@bucket-server");
        }
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-jar",
                        JAR.toString(),
                        "--properties",
                        folder.resolve("server.properties").toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("server.log").toFile())
                .start();
        try (HttpClient http = HttpClient.newHttpClient()) {
            HttpRequest request = HttpRequest.newBuilder(endpoint())
                    .timeout(Duration.ofSeconds(10))
                    .build();
            Awaitility.await()
                    .atMost(PATIENCE)
                    .ignoreExceptionsInstanceOf(IOException.class)
                    // Nobody may do anything without a signature.
                    .until(() -> http.send(request, BodyHandlers.discarding()).statusCode() == FORBIDDEN);
        }
    }

    /** The files of its objects. */
    List<Path> objects() throws IOException {
        try (Stream<Path> files = Files.walk(folder.resolve("data").resolve(BUCKET))) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    /** Kills it; what it has stays. */
    @Override
    public void close() {
        Process running = process;
        if (running != null) {
            running.destroyForcibly();
            try {
                running.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
