package org.lectern.app.lti.platform;

import java.time.Duration;
import java.time.Instant;

/**
 * How often one platform's keys may be fetched: a burst, refilled evenly over a minute. A rotation right after a fetch
 * still finds a permit, a flood of unknown key ids soon does not.
 */
final class FetchBudget {

    private final int perMinute;
    private double permits;
    private Instant refilled;

    FetchBudget(int perMinute, Instant now) {
        this.perMinute = perMinute;
        this.permits = perMinute;
        this.refilled = now;
    }

    /** Takes a permit, if there is one. */
    synchronized boolean take(Instant now) {
        Duration passed = Duration.between(refilled, now);
        if (passed.isPositive()) {
            permits = Math.min(perMinute, permits + passed.toMillis() * perMinute / 60_000.0);
            refilled = now;
        }
        if (permits < 1) {
            return false;
        }
        permits--;
        return true;
    }
}
