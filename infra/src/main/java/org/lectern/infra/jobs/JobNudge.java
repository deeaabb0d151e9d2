package org.lectern.infra.jobs;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Tells this node's relay that there may be something to do, so that a job starts within milliseconds of its commit. Only
 * a hint: a relay that hears nothing looks anyway. Thread-safe. Who nudges never waits, not even for a lock: commits end
 * on event loops.
 */
final class JobNudge {

    private final Semaphore nudges = new Semaphore(0);

    /** There is something to do. */
    void now() {
        if (nudges.availablePermits() == 0) {
            nudges.release();
        }
    }

    /** Waits for a nudge, at most for the given time. For the relay's own thread. */
    void await(Duration atMost) throws InterruptedException {
        if (nudges.tryAcquire(atMost.toNanos(), TimeUnit.NANOSECONDS)) {
            nudges.drainPermits();
        }
    }
}
