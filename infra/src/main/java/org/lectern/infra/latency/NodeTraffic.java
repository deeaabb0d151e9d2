package org.lectern.infra.latency;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import org.springframework.stereotype.Component;

/**
 * The requests this node answered during the last minute. A ring of ten-second slots: reading it takes nothing away,
 * so that any number of readers see the same. Thread-safe; a request that ends while its slot is being reused may be
 * missed.
 */
@Component
public final class NodeTraffic {

    private static final int SLOT_SECONDS = 10;
    private static final int SLOTS_READ = 6;
    private static final int FEWEST = 20;
    private static final int SLOTS = SLOTS_READ + 2;

    private final MeterRegistry meters;
    private final Slot[] slots = new Slot[SLOTS];

    NodeTraffic(MeterRegistry meters) {
        this.meters = meters;
        for (int slot = 0; slot < SLOTS; slot++) {
            slots[slot] = new Slot(-1);
        }
    }

    /**
     * What a minute brought.
     *
     * @param perSecond requests a second
     * @param errorRate share answered with a status of 500 or above, 0 to 1; empty when there were fewer than 20
     *     requests, of which a single one would say too much
     * @param p95Millis 95th percentile of the times until the response began; empty for the same reason
     */
    public record Traffic(double perSecond, OptionalDouble errorRate, OptionalDouble p95Millis) {}

    void record(Duration elapsed, boolean failed) {
        Slot slot = slotNow();
        slot.histogram.incrementAndGet(LogBuckets.bucketOf(elapsed));
        if (failed) {
            slot.failures.incrementAndGet(0);
        }
    }

    /** The last full minute, in whole slots. */
    public Traffic lastMinute() {
        long current = slotNumber();
        long[] histogram = new long[LogBuckets.COUNT];
        long failures = 0;
        long total = 0;
        synchronized (slots) {
            for (Slot slot : slots) {
                if (slot.number >= current - SLOTS_READ && slot.number < current) {
                    failures += slot.failures.get(0);
                    for (int bucket = 0; bucket < LogBuckets.COUNT; bucket++) {
                        long count = slot.histogram.get(bucket);
                        histogram[bucket] += count;
                        total += count;
                    }
                }
            }
        }
        return new Traffic(
                total / (double) (SLOTS_READ * SLOT_SECONDS),
                total < FEWEST ? OptionalDouble.empty() : OptionalDouble.of(failures / (double) total),
                total < FEWEST ? OptionalDouble.empty() : LogBuckets.quantileMillis(histogram, 0.95));
    }

    private Slot slotNow() {
        long number = slotNumber();
        int index = (int) Math.floorMod(number, (long) SLOTS);
        Slot slot = slots[index];
        if (slot.number != number) {
            synchronized (slots) {
                slot = slots[index];
                if (slot.number != number) {
                    slot = new Slot(number);
                    slots[index] = slot;
                }
            }
        }
        return slot;
    }

    private long slotNumber() {
        return TimeUnit.NANOSECONDS.toSeconds(meters.config().clock().monotonicTime()) / SLOT_SECONDS;
    }

    private static final class Slot {
        private final long number;
        private final AtomicLongArray histogram = new AtomicLongArray(LogBuckets.COUNT);
        private final AtomicLongArray failures = new AtomicLongArray(1);

        Slot(long number) {
            this.number = number;
        }
    }
}
