package org.lectern.db.embedded;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A server that belongs to this JVM: it listens on 127.0.0.1 only, keeps its port over every restart, and can be stopped,
 * killed, paused and started again, which is what fault tests need. Thread-safe.
 */
public abstract class PrivateServer implements AutoCloseable {

    private static final int PORT_ATTEMPTS = 3;
    private static final long PROBE_INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final String name;
    private final Path portFile;
    private volatile int port;
    private volatile @Nullable ChildProcess process;

    /**
     * A server that does not run yet.
     *
     * @param name for people and for the log file
     * @param portFile where the port is noted for the next JVM
     */
    protected PrivateServer(String name, Path portFile) {
        this.name = name;
        this.portFile = portFile;
    }

    /** Starts the process and returns at once. */
    protected abstract ChildProcess launch() throws IOException;

    /** Whether the server serves now; called every few milliseconds, and may throw while it does not. */
    // Exception: the clients of the servers throw checked exceptions of their own.
    protected abstract boolean probe() throws Exception;

    /** How long the server may take to serve. */
    protected abstract Duration startTimeout();

    /** The name for people: "PostgreSQL (primary)". */
    protected abstract String label();

    /** The name of the server; unique in its folder. */
    public final String name() {
        return name;
    }

    /** The TCP port on 127.0.0.1; 0 before the first start. */
    public final int port() {
        return port;
    }

    /** Host and port, as in {@code 127.0.0.1:20432}. */
    public final String address() {
        return "127.0.0.1:" + port;
    }

    /** Whether the server's process exists (it may be paused). */
    public final boolean isRunning() {
        ChildProcess current = process;
        return current != null && current.isAlive();
    }

    /**
     * Starts the server and returns when it serves. Harmless when it runs.
     *
     * @throws EmbeddedServiceException if it does not serve in time, with its last words
     */
    public final synchronized void start() throws IOException {
        if (isRunning()) {
            return;
        }
        if (port == 0) {
            port = FreePort.remembered(portFile);
        }
        for (int attempt = 1; ; attempt++) {
            ChildProcess started = launch();
            process = started;
            try {
                awaitServing(started);
                return;
            } catch (EmbeddedServiceException e) {
                boolean portTaken = !started.isAlive() && !FreePort.isFree(port);
                started.close();
                process = null;
                if (!portTaken || attempt == PORT_ATTEMPTS) {
                    throw e;
                }
                port = FreePort.remembered(portFile);
            }
        }
    }

    /** Stops the server in order. Harmless when it does not run. */
    public final synchronized void stop() {
        ChildProcess current = process;
        if (current != null) {
            current.close();
            process = null;
        }
    }

    /** Ends the server at once (SIGKILL), as a crash would; {@link #start} recovers it. */
    public final synchronized void kill() {
        ChildProcess current = process;
        if (current != null) {
            current.kill();
            process = null;
        }
    }

    /** Stops the server if it runs, and starts it again on the same port. */
    public final synchronized void restart() throws IOException {
        stop();
        start();
    }

    /** Freezes the server (SIGSTOP): connections stay open and answer nothing. */
    public final synchronized void pause() {
        ChildProcess current = process;
        if (current != null) {
            current.pause();
        }
    }

    /** Lets a paused server go on. */
    public final synchronized void resume() {
        ChildProcess current = process;
        if (current != null) {
            current.resume();
        }
    }

    @Override
    public void close() {
        stop();
    }

    private void awaitServing(ChildProcess started) {
        long deadline = System.nanoTime() + startTimeout().toNanos();
        @Nullable Exception last = null;
        while (System.nanoTime() < deadline) {
            if (!started.isAlive()) {
                throw failed("ended while starting", started, last);
            }
            try {
                if (probe()) {
                    return;
                }
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                last = e;
            }
            LockSupport.parkNanos(PROBE_INTERVAL_NANOS);
        }
        throw failed("did not serve in " + startTimeout().toSeconds() + " s", started, last);
    }

    private EmbeddedServiceException failed(String what, ChildProcess started, @Nullable Throwable cause) {
        String lastWords = started.lastOutput()
                .lines()
                .filter(line -> !line.isBlank())
                .reduce((ignored, second) -> second)
                .orElse("it wrote nothing");
        return new EmbeddedServiceException(
                "The private " + label() + " " + what + ": " + lastWords,
                "Its log is " + started.logFile() + ".",
                cause);
    }
}
