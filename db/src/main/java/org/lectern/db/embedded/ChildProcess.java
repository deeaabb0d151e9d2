package org.lectern.db.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A server that runs as a child of this JVM and never outlives it.
 *
 * <p>The server is not started directly but through a small shell, its watchdog, that holds the read end of a pipe from
 * this JVM. When the pipe closes, because the server is stopped or because the JVM is gone in whatever way (also kill -9),
 * the watchdog sends the server its stop signal, waits, and kills it in the end. The watchdog leads a session of its own,
 * so that Ctrl-C in a terminal reaches this JVM alone and the servers stop in order after the beans that use them.
 *
 * <p>A record of pid, start time and command line is kept in the run folder while the server lives. Should both JVM and
 * watchdog be killed, {@link #endLeftovers} of the next start finds the server by it; a process that has merely
 * inherited the pid is not touched.
 *
 * <p>Thread-safe.
 */
public final class ChildProcess implements AutoCloseable {

    /** Every child carries this variable with its run folder, so that a person sees in {@code ps e} whose it is. */
    public static final String OWNER_VARIABLE = "LECTERN_EMBEDDED_RUN";

    private static final Logger log = LoggerFactory.getLogger(ChildProcess.class);
    private static final Duration SPAWN_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(65);
    private static final Duration KILL_TIMEOUT = Duration.ofSeconds(10);
    private static final long LOG_LIMIT_BYTES = 8L << 20;

    /**
     * Arguments: pid file, stop signal, grace in tenths of a second, command. {@code cat} rather than {@code read},
     * because a shell reaps its child only while it waits for another.
     */
    private static final String WATCHDOG = """
            f=$1; s=$2; t=$3; shift 3
            "$@" </dev/null & p=$!
            echo "$p;" >"$f"
            cat >/dev/null
            kill "-$s" "$p" 2>/dev/null && kill -CONT "$p" 2>/dev/null
            while [ "$t" -gt 0 ] && kill -0 "$p" 2>/dev/null; do sleep 0.1; t=$((t-1)); done
            kill -KILL "$p" 2>/dev/null
            wait "$p"
            """;

    private final String name;
    private final Process watchdog;
    private final ProcessHandle server;
    private final Path record;
    private final Path pidFile;
    private final Path logFile;

    private ChildProcess(String name, Process watchdog, ProcessHandle server, Path record, Path pidFile, Path logFile) {
        this.name = name;
        this.watchdog = watchdog;
        this.server = server;
        this.record = record;
        this.pidFile = pidFile;
        this.logFile = logFile;
    }

    /**
     * What to start.
     *
     * @param name unique within the run folder; names the log file
     * @param command executable and arguments
     * @param environment beside PATH, HOME and LANG the only variables that the server sees
     * @param stopSignal the signal for a clean stop, without SIG: TERM, INT
     * @param runDirectory where records of running children are kept; created when missing
     * @param logDirectory where the output goes; created when missing
     */
    public record Spec(
            String name,
            List<String> command,
            Map<String, String> environment,
            String stopSignal,
            Path runDirectory,
            Path logDirectory) {

        /** Copies the lists. */
        public Spec {
            command = List.copyOf(command);
            environment = Map.copyOf(environment);
        }
    }

    /**
     * Starts the server. Returns as soon as the process exists; whether it serves is for the caller to find out.
     *
     * @throws IOException if the shell or the server cannot be executed
     */
    public static ChildProcess start(Spec spec) throws IOException {
        Files.createDirectories(spec.runDirectory());
        Files.createDirectories(spec.logDirectory());
        Path pidFile = spec.runDirectory().resolve(spec.name() + ".pid");
        Path record = spec.runDirectory().resolve(spec.name() + ".child");
        Path logFile = spec.logDirectory().resolve(spec.name() + ".log");
        Files.deleteIfExists(pidFile);
        rotate(logFile);

        List<String> command = new ArrayList<>();
        findOnPath("setsid").ifPresent(setsid -> command.add(setsid.toString()));
        long graceTenths = STOP_TIMEOUT.minusSeconds(5).toMillis() / 100;
        command.addAll(List.of(
                "/bin/sh",
                "-c",
                WATCHDOG,
                "lectern-watchdog",
                pidFile.toString(),
                spec.stopSignal(),
                Long.toString(graceTenths)));
        command.addAll(spec.command());
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(spec.runDirectory().toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(logFile.toFile()));
        plainEnvironment(builder.environment());
        builder.environment().put(OWNER_VARIABLE, spec.runDirectory().toString());
        builder.environment().putAll(spec.environment());

        Process watchdog = builder.start();
        try {
            ProcessHandle server = awaitServer(spec, watchdog, pidFile, logFile);
            writeRecord(record, spec, watchdog.toHandle(), server);
            return new ChildProcess(spec.name(), watchdog, server, record, pidFile, logFile);
        } catch (IOException | RuntimeException e) {
            watchdog.getOutputStream().close();
            throw e;
        }
    }

    /** The name given at the start. */
    public String name() {
        return name;
    }

    /** The pid of the server itself. */
    public long pid() {
        return server.pid();
    }

    /** Whether the server's process exists. */
    public boolean isAlive() {
        return server.isAlive();
    }

    /** Where the server's output goes. */
    public Path logFile() {
        return logFile;
    }

    /** The last lines that the server wrote, to explain a failure; empty if there is no log. */
    public String lastOutput() {
        return tail(logFile, 12);
    }

    /** Stops the server by its stop signal and waits; kills it if it does not end in a minute. Harmless when it is gone. */
    @Override
    public synchronized void close() {
        List<ProcessHandle> tree = tree();
        try {
            watchdog.getOutputStream().close();
        } catch (IOException e) {
            log.debug("{}: closing the watchdog's pipe", name, e);
        }
        if (!exitsWithin(watchdog.toHandle(), STOP_TIMEOUT)) {
            log.warn("{} did not stop in {}; killing it", name, STOP_TIMEOUT);
            watchdog.destroyForcibly();
        }
        endAll(tree);
        forget();
    }

    /** Ends the server and all its processes at once with SIGKILL, as a crash would. For fault tests. */
    public synchronized void kill() {
        endAll(tree());
        try {
            watchdog.getOutputStream().close();
        } catch (IOException e) {
            log.debug("{}: closing the watchdog's pipe", name, e);
        }
        if (!exitsWithin(watchdog.toHandle(), KILL_TIMEOUT)) {
            watchdog.destroyForcibly();
        }
        forget();
    }

    /** Freezes the server and all its processes (SIGSTOP), as a machine that hangs would. For fault tests. */
    public synchronized void pause() {
        signalTree("STOP");
    }

    /** Lets a paused server go on (SIGCONT). */
    public synchronized void resume() {
        signalTree("CONT");
    }

    /**
     * Ends what a predecessor left in the run folder. To be called only while the lock on the folder is held, so that no
     * JVM owns these processes any more. Servers whose watchdog is still alive are already stopping and are waited for.
     */
    public static void endLeftovers(Path runDirectory) throws IOException {
        if (!Files.isDirectory(runDirectory)) {
            return;
        }
        List<Path> records = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(runDirectory, "*.child")) {
            found.forEach(records::add);
        }
        for (Path record : records) {
            Properties properties = new Properties();
            try (InputStream in = Files.newInputStream(record)) {
                properties.load(in);
            }
            Optional<ProcessHandle> watchdog = recorded(properties, "watchdog");
            Optional<ProcessHandle> server = recorded(properties, "server");
            if (watchdog.isPresent() || server.isPresent()) {
                log.info("Ending {} of a predecessor that was killed", record.getFileName());
            }
            if (watchdog.isPresent() && !exitsWithin(watchdog.get(), STOP_TIMEOUT)) {
                watchdog.get().destroyForcibly();
            }
            if (server.isPresent() && server.get().isAlive()) {
                List<ProcessHandle> tree =
                        new ArrayList<>(server.get().descendants().toList());
                tree.add(server.get());
                signal(properties.getProperty("signal", "TERM"), List.of(server.get()));
                exitsWithin(server.get(), KILL_TIMEOUT);
                endAll(tree);
            }
            Files.deleteIfExists(record);
        }
    }

    /** Looks the executable up on the PATH and in the folders where packages put servers. */
    public static Optional<Path> findOnPath(String executable) {
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Stream.concat(
                        Arrays.stream(path.split(":")),
                        Stream.of("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
                .filter(folder -> !folder.isBlank())
                .map(folder -> Path.of(folder, executable))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Runs a short command to its end.
     *
     * @return its output, standard error included
     * @throws IOException if it cannot be started, fails, or takes longer than the time-out
     */
    public static String run(List<String> command, Map<String, String> environment, Duration timeout)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        plainEnvironment(builder.environment());
        builder.environment().putAll(environment);
        Path output = Files.createTempFile("lectern-", ".out");
        try {
            Process process = builder.redirectOutput(output.toFile()).start();
            if (!exitsWithin(process.toHandle(), timeout)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                throw new IOException(command.getFirst() + " took longer than " + timeout);
            }
            int status = exitValue(process);
            String text = Files.readString(output);
            if (status != 0) {
                throw new IOException(String.join(" ", command) + " ended with status " + status + ": " + text.strip());
            }
            return text;
        } finally {
            Files.deleteIfExists(output);
        }
    }

    private static int exitValue(Process process) throws IOException {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static void plainEnvironment(Map<String, String> environment) {
        String path = environment.get("PATH");
        String home = environment.get("HOME");
        environment.clear();
        environment.put("PATH", path == null ? "/usr/sbin:/usr/bin:/sbin:/bin" : path);
        environment.put("HOME", home == null ? "/" : home);
        environment.put("LANG", "C.UTF-8");
        environment.put("TZ", "UTC");
    }

    private static ProcessHandle awaitServer(Spec spec, Process watchdog, Path pidFile, Path logFile)
            throws IOException {
        long deadline = System.nanoTime() + SPAWN_TIMEOUT.toNanos();
        while (System.nanoTime() < deadline) {
            if (Files.exists(pidFile)) {
                String text = Files.readString(pidFile).strip();
                if (text.endsWith(";")) {
                    long pid = Long.parseLong(text.substring(0, text.length() - 1));
                    return ProcessHandle.of(pid)
                            .orElseThrow(() -> new IOException(spec.name() + " ended at once: " + tail(logFile, 12)));
                }
            }
            if (!watchdog.isAlive()) {
                throw new IOException("the watchdog of " + spec.name() + " ended: " + tail(logFile, 12));
            }
            exitsWithin(watchdog.toHandle(), Duration.ofMillis(5));
        }
        throw new IOException(spec.name() + " did not start in " + SPAWN_TIMEOUT);
    }

    private static void writeRecord(Path record, Spec spec, ProcessHandle watchdog, ProcessHandle server)
            throws IOException {
        Properties properties = new Properties();
        properties.setProperty("signal", spec.stopSignal());
        describe(properties, "watchdog", watchdog);
        describe(properties, "server", server);
        Path draft = record.resolveSibling(record.getFileName() + ".draft");
        try (OutputStream out = Files.newOutputStream(draft)) {
            properties.store(out, spec.name());
        }
        Files.move(draft, record, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static void describe(Properties properties, String key, ProcessHandle process) {
        properties.setProperty(key + ".pid", Long.toString(process.pid()));
        process.info()
                .startInstant()
                .ifPresent(start -> properties.setProperty(key + ".started", Long.toString(start.toEpochMilli())));
    }

    /** The recorded process if it still runs: same pid, and started at the same moment (to the clock's precision). */
    private static Optional<ProcessHandle> recorded(Properties properties, String key) {
        String pid = properties.getProperty(key + ".pid");
        String started = properties.getProperty(key + ".started");
        if (pid == null || started == null) {
            return Optional.empty();
        }
        Instant expected = Instant.ofEpochMilli(Long.parseLong(started));
        return ProcessHandle.of(Long.parseLong(pid))
                .filter(ProcessHandle::isAlive)
                .filter(process -> process.info()
                        .startInstant()
                        .map(start -> Duration.between(start, expected).abs().toMillis() <= 1000)
                        .orElse(false));
    }

    private List<ProcessHandle> tree() {
        List<ProcessHandle> all = new ArrayList<>(server.descendants().toList());
        all.add(server);
        return all;
    }

    private void signalTree(String signal) {
        // The server first when stopping, so that it cannot start more; a second round catches what it just started.
        signal(signal, List.of(server));
        signal(signal, tree());
    }

    private static void signal(String signal, List<ProcessHandle> processes) {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", "s=$1; shift; kill \"-$s\" \"$@\"", "kill"));
        command.add(signal);
        processes.forEach(process -> command.add(Long.toString(process.pid())));
        try {
            run(command, Map.of(), KILL_TIMEOUT);
        } catch (IOException e) {
            log.debug("signal {} to {}", signal, processes, e);
        }
    }

    private static void endAll(List<ProcessHandle> processes) {
        processes.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle process : processes) {
            if (!exitsWithin(process, KILL_TIMEOUT)) {
                log.warn("process {} is still there after SIGKILL", process.pid());
            }
        }
    }

    private void forget() {
        try {
            Files.deleteIfExists(record);
            Files.deleteIfExists(pidFile);
        } catch (IOException e) {
            log.debug("{}: removing the record of a stopped child", name, e);
        }
    }

    private static boolean exitsWithin(ProcessHandle process, Duration timeout) {
        try {
            process.onExit().get(timeout.toNanos(), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException ignored) {
            return false;
        } catch (InterruptedException ignored) {
            Thread.currentThread().interrupt();
            return !process.isAlive();
        } catch (java.util.concurrent.ExecutionException ignored) {
            return !process.isAlive();
        }
    }

    private static void rotate(Path logFile) throws IOException {
        if (Files.exists(logFile) && Files.size(logFile) > LOG_LIMIT_BYTES) {
            Files.move(
                    logFile, logFile.resolveSibling(logFile.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static String tail(Path file, int lines) {
        @Nullable String text;
        try {
            text = Files.exists(file) ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8) : "";
        } catch (IOException e) {
            log.debug("reading {}", file, e);
            text = "";
        }
        List<String> all = text.lines().toList();
        return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
    }
}
