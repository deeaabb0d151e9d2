package org.lectern.infra.jobs;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** How long jobs from each queue take lately on this node: a moving average. Thread-safe. */
final class QueueTimes {

    private static final double NEWEST = 0.1;

    private final Map<String, Double> means = new ConcurrentHashMap<>();

    /** A job from the queue took so long. */
    void took(String queue, Duration duration) {
        double millis = Math.max(1, duration.toMillis());
        means.merge(queue, millis, (mean, value) -> mean + NEWEST * (value - mean));
    }

    /** The average in milliseconds; 0 when unknown. */
    double meanMillis(String queue) {
        return means.getOrDefault(queue, 0.0);
    }
}
