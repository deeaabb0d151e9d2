package org.lectern.video.media;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs one program on a file that nobody vouches for.
 *
 * <p>The process has no network (an own, empty network namespace, where the kernel grants one), a bounded address space,
 * the lowest priority, its own working folder, an environment of three variables, nothing on its standard input, and
 * bounded output. It is killed when it runs too long, makes no progress, is asked to stop, or its caller is interrupted;
 * and it dies with this JVM, also after kill -9: a watcher beside it waits for the end of a pipe that only the JVM holds
 * open.
 */
final class Sandbox {

    private static final Logger LOG = LoggerFactory.getLogger(Sandbox.class);

    /** Arguments: address space in KiB, then the command. The watcher kills the command when standard input ends. */
    private static final String SCRIPT = """
            ulimit -v "$1" || exit 125
            ulimit -c 0
            shift
            exec 3<&0
            "$@" 3<&- </dev/null &
            command=$!
            { cat <&3; kill -KILL $command; } >/dev/null 2>&1 &
            watcher=$!
            exec 3<&-
            wait $command
            result=$?
            kill $watcher 2>/dev/null
            exit $result
            """;

    private static final int ERROR_TAIL_CHARS = 4000;
    private static final int LINE_LIMIT_CHARS = 2_000_000;
    private static final Duration LOOK = Duration.ofMillis(200);

    private final Clock clock;
    private final boolean networkless;

    Sandbox(Clock clock) {
        this.clock = clock;
        this.networkless = canUnshare();
        if (!networkless) {
            LOG.warn(
                    "The kernel grants no network namespace here: FFmpeg runs with protocol and format whitelists only");
        }
    }

    /**
     * What one run may use.
     *
     * @param memoryBytes address space
     * @param time wall clock
     * @param stall longest time without progress
     */
    record Limits(long memoryBytes, Duration time, Duration stall) {}

    /** How a run ended. */
    sealed interface Ended {
        /**
         * By itself.
         *
         * @param code 0 is success
         * @param errors the end of what it wrote to standard error
         */
        record Exited(int code, String errors) implements Ended {}

        /**
         * Killed by us.
         *
         * @param reason for people
         */
        record Killed(String reason) implements Ended {}
    }

    /**
     * Runs a command to its end. Blocks.
     *
     * @param command program (absolute) and arguments
     * @param environment added to the few variables it gets
     * @param folder its working folder
     * @param line gets each line of standard output, from one other thread; answers whether it means progress
     * @param stopped asked several times a second; true kills the process
     * @throws InterruptedException when the caller is interrupted; the process is dead then
     */
    Ended run(
            List<String> command,
            Map<String, String> environment,
            Path folder,
            Limits limits,
            Predicate<String> line,
            BooleanSupplier stopped)
            throws IOException, InterruptedException {
        List<String> whole = new ArrayList<>(
                List.of("/bin/sh", "-c", SCRIPT, "lectern-ffmpeg", Long.toString(limits.memoryBytes() / 1024)));
        if (networkless) {
            whole.addAll(List.of("unshare", "--map-root-user", "--net", "--"));
        }
        whole.addAll(List.of("nice", "-n", "19"));
        whole.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(whole).directory(folder.toFile());
        String path = System.getenv("PATH");
        builder.environment().clear();
        builder.environment().put("PATH", path == null ? "/usr/bin:/bin" : path);
        builder.environment().put("HOME", folder.toString());
        builder.environment().put("LC_ALL", "C");
        builder.environment().putAll(environment);

        Process process = builder.start();
        AtomicReference<Instant> advanced = new AtomicReference<>(clock.instant());
        StringBuilder errors = new StringBuilder();
        try {
            // Platform threads: reading a pipe holds on to a virtual thread's carrier, and there may be only two of
            // them.
            Thread output =
                    Thread.ofPlatform().daemon().name("ffmpeg-output").start(() -> lines(process, line, advanced));
            Thread complaints =
                    Thread.ofPlatform().daemon().name("ffmpeg-errors").start(() -> tail(process, errors));
            Instant deadline = clock.instant().plus(limits.time());
            while (!process.waitFor(LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
                Instant now = clock.instant();
                if (stopped.getAsBoolean()) {
                    return new Ended.Killed("asked to stop");
                }
                if (now.isAfter(deadline)) {
                    return new Ended.Killed("took longer than " + limits.time());
                }
                if (now.isAfter(advanced.get().plus(limits.stall()))) {
                    return new Ended.Killed("made no progress for " + limits.stall());
                }
            }
            output.join(Duration.ofSeconds(5));
            complaints.join(Duration.ofSeconds(5));
            synchronized (errors) {
                return new Ended.Exited(process.exitValue(), errors.toString());
            }
        } finally {
            kill(process);
        }
    }

    private void lines(Process process, Predicate<String> line, AtomicReference<Instant> advanced) {
        try (BufferedReader reader = reader(process.getInputStream())) {
            StringBuilder current = new StringBuilder();
            for (int character = reader.read(); character >= 0; character = reader.read()) {
                if (character == '\n') {
                    if (line.test(current.toString())) {
                        advanced.set(clock.instant());
                    }
                    current.setLength(0);
                } else if (current.length() < LINE_LIMIT_CHARS) {
                    current.append((char) character);
                }
            }
        } catch (IOException | UncheckedIOException gone) {
            LOG.trace("Output of a killed process", gone);
        }
    }

    private static void tail(Process process, StringBuilder errors) {
        try (BufferedReader reader = reader(process.getErrorStream())) {
            char[] buffer = new char[1024];
            for (int count = reader.read(buffer); count >= 0; count = reader.read(buffer)) {
                synchronized (errors) {
                    errors.append(buffer, 0, count);
                    if (errors.length() > ERROR_TAIL_CHARS) {
                        errors.delete(0, errors.length() - ERROR_TAIL_CHARS);
                    }
                }
            }
        } catch (IOException gone) {
            LOG.trace("Output of a killed process", gone);
        }
    }

    private static BufferedReader reader(InputStream stream) {
        return new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
    }

    private static void kill(Process process) throws IOException {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        try {
            // Ends the watcher, and through it whatever was missed.
            process.getOutputStream().close();
        } catch (InterruptedIOException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean canUnshare() {
        try {
            Process process = new ProcessBuilder("unshare", "--map-root-user", "--net", "--", "true")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return false;
            }
            return process.exitValue() == 0;
        } catch (IOException unused) {
            return false;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
