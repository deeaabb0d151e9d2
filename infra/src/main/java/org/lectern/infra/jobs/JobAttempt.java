package org.lectern.infra.jobs;

import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.jobs.JobLeases.Leased;

/**
 * One attempt in progress on this node: what its handler tells, and what it is told. The handler's thread and the beat
 * meet here; thread-safe.
 */
final class JobAttempt implements JobRun {

    /** Before this share is done, what is left cannot be told from the time it took. */
    private static final int TELLING_PERCENT = 2;

    private final Leased leased;
    private final Thread thread;
    private final Instant deadline;
    private final AtomicReference<@Nullable Ending> ending = new AtomicReference<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile Progress progress = Progress.NONE;
    private volatile Progress seen = Progress.NONE;
    private boolean interruptible = true;

    /** Why an attempt was told to end; the first reason counts. */
    enum Ending {
        CANCELLED,
        TIME_LIMIT,
        LEASE_LOST,
        NODE_STOPS
    }

    JobAttempt(Leased leased, Thread thread, Instant deadline) {
        this.leased = leased;
        this.thread = thread;
        this.deadline = deadline;
    }

    @Override
    public Job job() {
        return leased.job();
    }

    @Override
    public void progress(Progress progress) {
        this.progress = progress;
    }

    @Override
    public boolean stopped() {
        return ending.get() != null;
    }

    Leased leased() {
        return leased;
    }

    Instant deadline() {
        return deadline;
    }

    @Nullable
    Ending ending() {
        return ending.get();
    }

    /** How far it is; the time left is reckoned from the time it took so far where the handler does not say. */
    JobLeases.Pulse pulse(Instant now) {
        Progress last = progress;
        Duration left = last.left();
        Instant begun = leased.job().startedAt();
        if (left == null && begun != null && last.percent() >= TELLING_PERCENT && last.percent() < 100) {
            left = Duration.between(begun, now)
                    .multipliedBy(100L - last.percent())
                    .dividedBy(last.percent());
        }
        return new JobLeases.Pulse(leased, last, left);
    }

    /** Whether the handler has told something since this was last asked. */
    boolean hasNews() {
        Progress last = progress;
        boolean news = !last.equals(seen);
        seen = last;
        return news;
    }

    /** Tells the handler to end, unless it has returned. */
    synchronized void end(Ending reason) {
        if (ending.compareAndSet(null, reason) && interruptible) {
            thread.interrupt();
        }
    }

    /** From now on the thread works on the result and is not interrupted. */
    synchronized void handlerReturned() {
        interruptible = false;
        // Whatever interrupt came, it was for the handler.
        boolean unused = Thread.interrupted();
    }

    /** The result is written, or given up. */
    void over() {
        over.countDown();
    }

    /** Waits until the attempt is over; false when it is not in time. */
    boolean awaitOver(long nanos) throws InterruptedException {
        return over.await(Math.max(0, nanos), TimeUnit.NANOSECONDS);
    }
}
