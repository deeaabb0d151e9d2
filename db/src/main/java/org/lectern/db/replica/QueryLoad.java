package org.lectern.db.replica;

import java.util.concurrent.atomic.AtomicReference;

/**
 * Mean time of the operations on one database, weighted towards the last half minute: each operation counts by e to the
 * power of minus its age over 30 s. Thread-safe.
 */
final class QueryLoad {

    private static final double WINDOW_NANOS = 30e9;

    private final AtomicReference<Sums> sums = new AtomicReference<>(new Sums(0, 0, 0));

    void add(long durationNanos, long now) {
        sums.updateAndGet(before -> {
            double kept = before.keptAt(now);
            return new Sums(before.count() * kept + 1, before.nanos() * kept + durationNanos, now);
        });
    }

    /** Mean milliseconds, or 0 when there has been next to nothing to measure lately. */
    double meanMillis(long now) {
        Sums current = sums.get();
        double count = current.count() * current.keptAt(now);
        return count < 0.5 ? 0 : current.nanos() / current.count() / 1e6;
    }

    private record Sums(double count, double nanos, long at) {
        double keptAt(long now) {
            return Math.exp(-Math.max(0, now - at) / WINDOW_NANOS);
        }
    }
}
