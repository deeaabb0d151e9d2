package org.lectern.infra.jobs;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Tells this node's relay that there may be something to do, so that a job starts within milliseconds of its commit. Only
 * a hint: a relay that hears nothing looks anyway. Thread-safe, never blocks the one who nudges for longer than a moment.
 */
final class JobNudge {

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition nudged = lock.newCondition();
    private boolean pending;

    /** There is something to do. */
    void now() {
        lock.lock();
        try {
            pending = true;
            nudged.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits for a nudge, at most for the given time. */
    void await(Duration atMost) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = atMost.toNanos();
            while (!pending && left > 0) {
                left = nudged.awaitNanos(left);
            }
            pending = false;
        } finally {
            lock.unlock();
        }
    }
}
