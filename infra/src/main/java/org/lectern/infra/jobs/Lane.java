package org.lectern.infra.jobs;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** A lane has its own workers, prefetch and time limit ({@code lectern.jobs.lanes.*}); each job has one lane. */
public enum Lane {
    /** What people wait for: 10 workers, prefetch 1, 30 s. */
    HIGH,
    /** The usual: 20 workers, prefetch 5, 60 s. */
    STANDARD,
    /** What may take long: 5 workers, prefetch 20, 300 s. */
    BATCH,
    /** FFmpeg: as many workers as the node's transcoding limit, prefetch 1, its own time limit. */
    TRANSCODE;

    /** The name in configuration, JSON and metrics: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
