package org.lectern.infra.latency;

import java.time.Duration;
import java.util.OptionalDouble;

/**
 * The buckets of every response-time histogram: bucket i holds times in (0.1 ms x 1.1^(i-1), 0.1 ms x 1.1^i].
 *
 * <p>A quantile read from them is within {@link #RELATIVE_ERROR} of a time that was really measured at that rank, as
 * long as the times lie between 0.1 ms and about ten minutes; outside, the nearest end is told. Histograms of several
 * hours, nodes or courses are merged by adding their buckets, which percentiles themselves do not allow. The bounds are
 * stored data: they never change.
 */
public final class LogBuckets {

    /** How many buckets there are, numbered from 0. */
    public static final int COUNT = 165;

    private static final double GROWTH = 1.1;

    /** The largest relative error of {@link #quantileMillis}. */
    public static final double RELATIVE_ERROR = (GROWTH - 1) / (GROWTH + 1);

    private static final double SMALLEST_MILLIS = 0.1;
    private static final double LOG_GROWTH = Math.log(GROWTH);

    private LogBuckets() {}

    /** The bucket of a time; negative times count as the shortest. */
    public static int bucketOf(Duration elapsed) {
        double millis = elapsed.toNanos() / 1_000_000.0;
        if (millis <= SMALLEST_MILLIS) {
            return 0;
        }
        int bucket = (int) Math.ceil(Math.log(millis / SMALLEST_MILLIS) / LOG_GROWTH);
        return Math.clamp(bucket, 0, COUNT - 1);
    }

    /**
     * The time in milliseconds below which a share of the measured times lies.
     *
     * @param counts how many times fell into each bucket, {@link #COUNT} long
     * @param share 0 to 1, such as 0.95
     * @return empty when nothing was measured
     */
    public static OptionalDouble quantileMillis(long[] counts, double share) {
        if (counts.length != COUNT || share < 0 || share > 1) {
            throw new IllegalArgumentException(counts.length + " buckets, share " + share);
        }
        long total = 0;
        for (long count : counts) {
            total += count;
        }
        if (total == 0) {
            return OptionalDouble.empty();
        }
        long rank = Math.max(1, (long) Math.ceil(share * total));
        int bucket = 0;
        for (long seen = counts[0]; seen < rank; seen += counts[bucket]) {
            bucket++;
        }
        return OptionalDouble.of(middleMillis(bucket));
    }

    /** The value that is equally far, relatively, from both ends of a bucket. */
    private static double middleMillis(int bucket) {
        return SMALLEST_MILLIS * Math.pow(GROWTH, bucket) * 2 / (GROWTH + 1);
    }
}
