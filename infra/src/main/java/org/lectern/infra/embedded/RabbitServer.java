package org.lectern.infra.embedded;

import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.impl.DefaultExceptionHandler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.ChildProcess;
import org.lectern.db.embedded.EmbeddedServiceException;
import org.lectern.db.embedded.FreePort;
import org.lectern.db.embedded.PrivateServer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A private node of the machine's RabbitMQ, in no way connected with a node that the machine runs itself: own name
 * service (epmd), ports, cookie, data, configuration and user.
 */
public final class RabbitServer extends PrivateServer {

    /** The broker's user; its password is kept beside the data. */
    public static final String USERNAME = "lectern";

    private static final Logger log = LoggerFactory.getLogger(RabbitServer.class);
    private static final Duration START_TIMEOUT = Duration.ofMinutes(3);
    private static final int PROBE_TIMEOUT_MILLIS = 3000;

    private final Path directory;
    private final Path home;
    private final Path script;
    private final Path epmdBinary;
    private final String password;
    private @Nullable ChildProcess epmd;
    private int epmdPort;

    RabbitServer(Path directory, Path script, Path epmdBinary) throws IOException {
        super("rabbitmq", prepared(directory).resolve("port"));
        this.directory = directory;
        this.home = directory.resolve("rabbitmq");
        this.script = script;
        this.epmdBinary = epmdBinary;
        this.password = rememberedPassword(home.resolve("password"));
    }

    /**
     * The broker of this machine.
     *
     * @throws EmbeddedServiceException if RabbitMQ is not installed
     */
    static RabbitServer installed(Path directory) throws IOException {
        Optional<Path> command = ChildProcess.findOnPath("rabbitmq-server")
                .or(() -> existing(Path.of("/usr/lib/rabbitmq/bin/rabbitmq-server")));
        Optional<Path> epmd = ChildProcess.findOnPath("epmd");
        if (command.isEmpty() || epmd.isEmpty()) {
            throw new EmbeddedServiceException(
                    "There is no " + (command.isEmpty() ? "rabbitmq-server" : "epmd (Erlang)") + " on this machine.",
                    "Install RabbitMQ (Debian: apt install rabbitmq-server; macOS: brew install rabbitmq), or set"
                            + " spring.rabbitmq.host to a broker. The machine's own service may stay off.");
        }
        // Debian's command is a wrapper that switches the user; the script itself lies beside it.
        Path real = command.get().toRealPath();
        Path script = existing(real.resolveSibling("rabbitmq-server")).orElse(real);
        return new RabbitServer(directory, script, epmd.get());
    }

    /** The password of {@link #USERNAME}. */
    public String password() {
        return password;
    }

    @Override
    protected ChildProcess launch() throws IOException {
        ensureEpmd();
        String configuration = """
                listeners.tcp.1 = 127.0.0.1:%d
                default_user = %s
                default_pass = %s
                loopback_users = none
                vm_memory_high_watermark.relative = 0.2
                disk_free_limit.absolute = 64MB
                log.console = true
                log.console.level = warning
                log.file = false
                """.formatted(port(), USERNAME, password);
        writePrivate(home.resolve("rabbitmq.conf"), configuration);
        Files.writeString(home.resolve("enabled_plugins"), "[].\n");

        Map<String, String> environment = new HashMap<>();
        environment.put("HOME", home.toString());
        environment.put("RABBITMQ_NODENAME", "lectern@localhost");
        environment.put("RABBITMQ_NODE_PORT", Integer.toString(port()));
        environment.put("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1");
        environment.put("RABBITMQ_DIST_PORT", Integer.toString(FreePort.remembered(home.resolve("dist.port"))));
        environment.put("RABBITMQ_MNESIA_BASE", home.toString());
        environment.put("RABBITMQ_MNESIA_DIR", home.resolve("data").toString());
        environment.put("RABBITMQ_LOG_BASE", directory.resolve("logs").toString());
        environment.put("RABBITMQ_LOGS", "-");
        environment.put("RABBITMQ_PID_FILE", home.resolve("rabbitmq.pid").toString());
        environment.put("RABBITMQ_CONFIG_FILE", home.resolve("rabbitmq.conf").toString());
        environment.put(
                "RABBITMQ_ADVANCED_CONFIG_FILE", home.resolve("advanced.config").toString());
        environment.put(
                "RABBITMQ_ENABLED_PLUGINS_FILE", home.resolve("enabled_plugins").toString());
        environment.put("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        environment.put(
                "RABBITMQ_GENERATED_CONFIG_DIR", home.resolve("generated").toString());
        // No busy waiting: the broker shares the machine with everything else.
        environment.put("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +sbwtdcpu none +sbwtdio none");
        environment.put("ERL_EPMD_PORT", Integer.toString(epmdPort));
        environment.put("ERL_EPMD_ADDRESS", "127.0.0.1");
        environment.put("ERL_CRASH_DUMP_SECONDS", "0");
        return ChildProcess.start(new ChildProcess.Spec(
                "rabbitmq",
                List.of(script.toString()),
                environment,
                "TERM",
                directory.resolve("run"),
                directory.resolve("logs")));
    }

    @Override
    protected boolean probe() throws IOException, TimeoutException {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost("127.0.0.1");
        factory.setPort(port());
        factory.setUsername(USERNAME);
        factory.setPassword(password);
        factory.setConnectionTimeout(PROBE_TIMEOUT_MILLIS);
        factory.setHandshakeTimeout(PROBE_TIMEOUT_MILLIS);
        factory.setAutomaticRecoveryEnabled(false);
        factory.setExceptionHandler(new DefaultExceptionHandler() {
            @Override
            protected void log(String message, Throwable e) {
                log.debug("while RabbitMQ starts: {}", message, e);
            }
        });
        try (Connection connection = factory.newConnection("lectern-probe")) {
            return connection.isOpen();
        } catch (AuthenticationFailureException e) {
            throw new EmbeddedServiceException(
                    "The private RabbitMQ refuses the password in " + home.resolve("password") + ".",
                    "Stop Lectern and remove " + home + "; jobs are sent again from PostgreSQL.",
                    e);
        }
    }

    @Override
    protected Duration startTimeout() {
        return START_TIMEOUT;
    }

    @Override
    protected String label() {
        return "RabbitMQ";
    }

    /** Stops the broker, then its name service. */
    @Override
    public void close() {
        super.close();
        ChildProcess running = epmd;
        if (running != null) {
            running.close();
            epmd = null;
        }
    }

    /** The node would start an epmd that outlives it; ours is a child like the others. */
    private void ensureEpmd() throws IOException {
        ChildProcess running = epmd;
        if (running != null && running.isAlive()) {
            return;
        }
        epmdPort = FreePort.remembered(home.resolve("epmd.port"));
        ChildProcess started = ChildProcess.start(new ChildProcess.Spec(
                "epmd",
                List.of(epmdBinary.toString(), "-port", Integer.toString(epmdPort), "-address", "127.0.0.1"),
                Map.of("HOME", home.toString()),
                "TERM",
                directory.resolve("run"),
                directory.resolve("logs")));
        epmd = started;
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (FreePort.isFree(epmdPort)) {
            if (!started.isAlive() || System.nanoTime() > deadline) {
                throw new EmbeddedServiceException(
                        "epmd, the name service of the private RabbitMQ, did not start: " + started.lastOutput(),
                        "Its log is " + started.logFile() + ".");
            }
            java.util.concurrent.locks.LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
        }
    }

    private static Path prepared(Path directory) throws IOException {
        Path home = directory.resolve("rabbitmq");
        Files.createDirectories(home);
        return home;
    }

    private static Optional<Path> existing(Path file) {
        return Files.isExecutable(file) ? Optional.of(file) : Optional.empty();
    }

    private static String rememberedPassword(Path file) throws IOException {
        if (!Files.exists(file)) {
            byte[] secret = new byte[24];
            new SecureRandom().nextBytes(secret);
            writePrivate(file, HexFormat.of().formatHex(secret));
        }
        return Files.readString(file).strip();
    }

    private static void writePrivate(Path file, String text) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".part");
        Files.deleteIfExists(draft);
        Files.createFile(draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(draft, text);
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
