package org.lectern.infra.jobs.order;

/** How many workers a lane has, or how many consumers a queue, while many or few jobs wait for it. */
public final class LaneSize {

    /** Deeper than this: one worker more. */
    public static final int DEEP = 100;

    /** Shallower than this: one worker less. */
    public static final int SHALLOW = 10;

    private LaneSize() {}

    /**
     * The size after one look at the queue; between the two depths it stays.
     *
     * @param now how many there are
     * @param least the configured number
     * @param most the upper bound
     * @param depth jobs that wait
     */
    public static int next(int now, int least, int most, long depth) {
        int wanted = depth > DEEP ? now + 1 : depth < SHALLOW ? now - 1 : now;
        return Math.clamp(wanted, least, most);
    }
}
