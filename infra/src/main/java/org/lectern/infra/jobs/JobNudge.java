package org.lectern.infra.jobs;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Tells this node's relay that there may be something to do, so that a job starts within milliseconds of its commit. Only
 * a hint: a relay that hears nothing looks anyway. Thread-safe, never blocks the one who nudges for longer than a moment.
 */
final class JobNudge {

    /** A job is submitted inside a transaction: after a nudge the relay looks again and again for as long as most commit. */
    private static final long ATTENTIVE_NANOS = Duration.ofMillis(200).toNanos();

    private static final long ATTENTIVE_PAUSE_NANOS = Duration.ofMillis(10).toNanos();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition nudged = lock.newCondition();
    private boolean pending;
    private long attentiveUntil = Long.MIN_VALUE;

    /** There is, or will be in a moment, something to do. */
    void now() {
        lock.lock();
        try {
            pending = true;
            attentiveUntil = System.nanoTime() + ATTENTIVE_NANOS;
            nudged.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for a nudge, at most for the given time. */
    void await(Duration atMost) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            boolean attentive = attentiveUntil != Long.MIN_VALUE && System.nanoTime() - attentiveUntil < 0;
            long left = attentive ? Math.min(ATTENTIVE_PAUSE_NANOS, atMost.toNanos()) : atMost.toNanos();
            while (!pending && left > 0) {
                left = nudged.awaitNanos(left);
            }
            pending = false;
        } finally {
            lock.unlock();
        }
    }
}
