package org.lectern.infra.latency;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.NotEmpty;
import org.junit.jupiter.api.Test;

class LogBucketsTest {

    static final long LONGEST_NANOS = 550_000_000_000L;

    @Property
    void aQuantileIsWithinItsErrorOfTheTimeAtItsRank(
            @ForAll @NotEmpty List<@LongRange(min = 100_000, max = LONGEST_NANOS) Long> nanos,
            @ForAll @DoubleRange(min = 0, max = 1) double share) {
        long[] counts = new long[LogBuckets.COUNT];
        nanos.forEach(time -> counts[LogBuckets.bucketOf(Duration.ofNanos(time))]++);
        int rank = Math.max(1, (int) Math.ceil(share * nanos.size()));
        double exact = nanos.stream().sorted().toList().get(rank - 1) / 1e6;

        assertThat(LogBuckets.quantileMillis(counts, share).orElseThrow())
                .isCloseTo(exact, within(exact * (LogBuckets.RELATIVE_ERROR + 1e-9)));
    }

    @Property
    void longerTimesNeverFallIntoALowerBucket(@ForAll long one, @ForAll long other) {
        int low = LogBuckets.bucketOf(Duration.ofNanos(Math.min(one, other)));
        int high = LogBuckets.bucketOf(Duration.ofNanos(Math.max(one, other)));
        assertThat(low).isBetween(0, high);
        assertThat(high).isLessThan(LogBuckets.COUNT);
    }

    @Test
    void nothingMeasuredHasNoQuantile() {
        assertThat(LogBuckets.quantileMillis(new long[LogBuckets.COUNT], 0.5)).isEmpty();
    }

    @Test
    void boundsAreStoredDataAndNeverChange() {
        assertThat(LogBuckets.bucketOf(Duration.ofNanos(1))).isZero();
        assertThat(LogBuckets.bucketOf(Duration.ofMillis(1))).isEqualTo(25);
        assertThat(LogBuckets.bucketOf(Duration.ofMillis(100))).isEqualTo(73);
        assertThat(LogBuckets.bucketOf(Duration.ofSeconds(10))).isEqualTo(121);
        assertThat(LogBuckets.bucketOf(Duration.ofDays(1))).isEqualTo(164);
    }
}
