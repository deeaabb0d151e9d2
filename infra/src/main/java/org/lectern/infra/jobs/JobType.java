package org.lectern.infra.jobs;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Kinds of work, each with several queues on the broker and consumed by one node role. */
public enum JobType {
    /** Probing and transcoding. */
    VIDEO(3),
    /** Rollups. */
    ANALYTICS(2),
    /** What is sent to people and platforms. */
    NOTIFICATIONS(1);

    private final int queues;

    JobType(int queues) {
        this.queues = queues;
    }

    /** How many queues carry this type. */
    public int queues() {
        return queues;
    }

    /** The name in queue names, JSON and metrics: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
