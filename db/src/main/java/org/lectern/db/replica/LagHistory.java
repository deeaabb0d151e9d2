package org.lectern.db.replica;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

/**
 * Where the primary's log was, and when, so that a replica's position can be told as a time: how long ago the primary
 * first had something that the replica lacks. Needs no clock but this node's, and an idle primary makes no lag, because
 * there is nothing that the replica lacks.
 *
 * <p>Errs on the old side: the log may have grown at once after the sample before. Thread-safe.
 */
final class LagHistory {

    private static final int SAMPLES = 1024;

    private final long boundBytes;
    private final Deque<Sample> samples = new ArrayDeque<>();
    private long lastSampleNanos;
    private volatile long timeline = -1;

    LagHistory(long boundBytes) {
        this.boundBytes = boundBytes;
    }

    /** Notes where the primary's log is at a time. */
    synchronized void sample(long timelineNow, long lsn, long nanos) {
        if (timelineNow != timeline) {
            samples.clear();
            timeline = timelineNow;
            lastSampleNanos = nanos;
        }
        if (samples.isEmpty() || lsn > samples.getLast().lsn()) {
            samples.add(new Sample(lsn, lastSampleNanos));
            if (samples.size() > SAMPLES) {
                samples.removeFirst();
            }
        }
        lastSampleNanos = nanos;
    }

    /** The timeline of the last sample; -1 when there was none. */
    long timeline() {
        return timeline;
    }

    /** For how long, at a time, a replica at the position has lacked more than the bound; 0 when it does not. */
    synchronized long lagNanos(long replayed, long nanos) {
        Iterator<Sample> oldestFirst = samples.iterator();
        while (oldestFirst.hasNext()) {
            Sample sample = oldestFirst.next();
            if (sample.lsn() - replayed > boundBytes) {
                return Math.max(1, nanos - sample.afterNanos());
            }
        }
        return 0;
    }

    /** How many bytes a replica at the position lacks. */
    synchronized long lagBytes(long replayed) {
        return samples.isEmpty() ? 0 : Math.max(0, samples.getLast().lsn() - replayed);
    }

    /**
     * @param lsn the primary's position
     * @param afterNanos it was reached after this time
     */
    private record Sample(long lsn, long afterNanos) {}
}
