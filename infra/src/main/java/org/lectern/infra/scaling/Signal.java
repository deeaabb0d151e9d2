package org.lectern.infra.scaling;

import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Instant;
import java.util.Locale;

/**
 * One measured value.
 *
 * @param kind what was measured
 * @param subject of what: a node, a queue, a room, a database
 * @param value in the kind's unit
 * @param at when
 */
public record Signal(Kind kind, String subject, double value, Instant at) {

    /** What can be measured, each with its unit. */
    public enum Kind {
        /** Mean query time in milliseconds. */
        QUERY_MILLIS,
        /** Jobs that wait. */
        BACKLOG,
        /** Messages ready in a queue. */
        QUEUE_DEPTH,
        /** Sockets of the fullest shard of a room. */
        SHARD_SOCKETS,
        /** CPU use of a node, 0 to 1. */
        CPU,
        /** Memory use of a node, 0 to 1. */
        MEMORY,
        /** 95th percentile of response times in milliseconds. */
        P95_MILLIS,
        /** Share of requests that failed, 0 to 1. */
        ERROR_RATE,
        /** Replication lag in milliseconds. */
        REPLICA_LAG_MILLIS,
        /** Requests per second. */
        REQUESTS;

        /** The name in the database and in JSON: lower case. */
        @JsonValue
        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
