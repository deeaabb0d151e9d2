package org.lectern.infra.jobs.order;

import java.time.Duration;

/**
 * How many jobs a lane keeps ready beside its busy slots. The configured prefetch is the floor. Where jobs take
 * milliseconds, that floor would empty before the relay looks again, so such a lane keeps what it does in 30 ms: enough
 * hardly ever to idle, little enough that what comes later with a higher score hardly waits.
 */
public final class Ready {

    /** At most this many, however fast the lane is. */
    public static final int MOST = 256;

    private static final Duration AHEAD = Duration.ofMillis(30);

    private Ready() {}

    /**
     * The number to keep ready.
     *
     * @param prefetch the configured floor
     * @param perSecond how many jobs the lane ends per second lately
     */
    public static int jobs(int prefetch, double perSecond) {
        double ahead = perSecond * AHEAD.toMillis() / 1000;
        return Math.max(prefetch, (int) Math.min(MOST, ahead));
    }
}
