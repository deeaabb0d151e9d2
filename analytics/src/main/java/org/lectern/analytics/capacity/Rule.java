package org.lectern.analytics.capacity;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.List;
import java.util.Locale;
import org.lectern.infra.scaling.Actuator.Resource;
import org.lectern.infra.scaling.Signal.Kind;

/**
 * When a signal stays beyond a limit, there should be one more, or one fewer, of something.
 *
 * @param kind the signal
 * @param beyond on which side of the limit it must be
 * @param limit in the signal's unit
 * @param resource what there should be more or less of
 * @param change +1 or -1
 * @param priority how urgent it is
 * @param scope whether each subject is judged by itself, or the mean of all nodes
 */
record Rule(Kind kind, Beyond beyond, double limit, Resource resource, int change, Priority priority, Scope scope) {

    /** Subject of what concerns all nodes together. */
    static final String CLUSTER = "cluster";

    enum Beyond {
        ABOVE,
        BELOW
    }

    enum Scope {
        EACH_SUBJECT,
        ALL_NODES
    }

    enum Priority {
        HIGH,
        MEDIUM,
        LOW;

        /** The name in the database and in JSON: lower case. */
        @JsonValue
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    boolean breachedBy(double value) {
        return switch (beyond) {
            case ABOVE -> value > limit;
            case BELOW -> value < limit;
        };
    }

    /** The rules of demand. What makes less is only done when all its rules for a resource hold together. */
    static List<Rule> of(CapacitySettings.Limits limits) {
        return List.of(
                more(Kind.QUERY_MILLIS, limits.queryMillis(), Resource.REPLICAS, Priority.HIGH, Scope.EACH_SUBJECT),
                more(Kind.BACKLOG, limits.backlog(), Resource.CONSUMERS, Priority.MEDIUM, Scope.EACH_SUBJECT),
                more(Kind.QUEUE_DEPTH, limits.queueDepth(), Resource.CONSUMERS, Priority.MEDIUM, Scope.EACH_SUBJECT),
                more(
                        Kind.SHARD_SOCKETS,
                        limits.shardSockets(),
                        Resource.ROOM_SHARDS,
                        Priority.HIGH,
                        Scope.EACH_SUBJECT),
                more(Kind.CPU, limits.cpuHigh(), Resource.NODES, Priority.MEDIUM, Scope.ALL_NODES),
                more(Kind.MEMORY, limits.memoryHigh(), Resource.NODES, Priority.MEDIUM, Scope.ALL_NODES),
                more(Kind.P95_MILLIS, limits.p95Millis(), Resource.NODES, Priority.MEDIUM, Scope.ALL_NODES),
                more(Kind.ERROR_RATE, limits.errorRate(), Resource.NODES, Priority.MEDIUM, Scope.ALL_NODES),
                fewer(Kind.CPU, limits.cpuLow()),
                fewer(Kind.MEMORY, limits.memoryLow()));
    }

    private static Rule more(Kind kind, double limit, Resource resource, Priority priority, Scope scope) {
        return new Rule(kind, Beyond.ABOVE, limit, resource, 1, priority, scope);
    }

    private static Rule fewer(Kind kind, double limit) {
        return new Rule(kind, Beyond.BELOW, limit, Resource.NODES, -1, Priority.LOW, Scope.ALL_NODES);
    }
}
