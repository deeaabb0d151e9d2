package org.lectern.infra.jobs;

import io.r2dbc.spi.Readable;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Between rows of the table {@code job} and {@link Job}. */
final class JobRows {

    /** The columns that {@link #job} reads. */
    static final String COLUMNS = "context_id, id, type, kind, lane, score, state, attempt, payload::text as payload,"
            + " percent, stage, speed, seconds_left, cause, created_at, run_at, started_at, finished_at,"
            + " history::text as history, traceparent, cancel_requested";

    private static final int TRACE_ID_START = 3;
    private static final int TRACE_ID_END = 35;

    private final JsonMapper json;

    JobRows(JsonMapper json) {
        this.json = json;
    }

    Job job(Readable row) {
        return new Job(
                get(row, "id", UUID.class),
                new ContextId(get(row, "context_id", UUID.class)),
                JobType.valueOf(name(row, "type")),
                get(row, "kind", String.class),
                Lane.valueOf(name(row, "lane")),
                get(row, "score", Integer.class),
                JobState.valueOf(name(row, "state")),
                get(row, "attempt", Integer.class),
                json.readTree(get(row, "payload", String.class)),
                get(row, "percent", Integer.class),
                row.get("stage", String.class),
                row.get("speed", Double.class),
                row.get("seconds_left", Integer.class),
                row.get("cause", String.class),
                get(row, "created_at", OffsetDateTime.class).toInstant(),
                get(row, "run_at", OffsetDateTime.class).toInstant(),
                instant(row, "started_at"),
                instant(row, "finished_at"),
                get(row, "cancel_requested", Boolean.class),
                history(get(row, "history", String.class)),
                row.get("traceparent", String.class));
    }

    private List<Job.PastAttempt> history(String text) {
        List<Job.PastAttempt> attempts = new ArrayList<>();
        for (JsonNode entry : json.readTree(text)) {
            attempts.add(new Job.PastAttempt(
                    entry.path("attempt").asInt(),
                    OffsetDateTime.parse(entry.path("started_at").asString()).toInstant(),
                    OffsetDateTime.parse(entry.path("ended_at").asString()).toInstant(),
                    entry.path("outcome").asString(),
                    entry.path("cause").isNull() ? null : entry.path("cause").asString(),
                    entry.path("times").asInt(1)));
        }
        return attempts;
    }

    /** The trace's id out of a W3C traceparent. */
    static @Nullable String traceId(@Nullable String traceparent) {
        return traceparent == null || traceparent.length() < TRACE_ID_END
                ? null
                : traceparent.substring(TRACE_ID_START, TRACE_ID_END);
    }

    /** The states from which a job may go to the given one: the guard of every update. */
    static String[] before(JobState next) {
        return Arrays.stream(JobState.values())
                .filter(state -> state.mayBecome(next))
                .map(JobState::key)
                .toArray(String[]::new);
    }

    static <T> T get(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }

    static String name(Readable row, String column) {
        return get(row, column, String.class).toUpperCase(Locale.ROOT);
    }

    private static @Nullable Instant instant(Readable row, String column) {
        OffsetDateTime time = row.get(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }
}
