package org.lectern.infra.jobs;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import tools.jackson.databind.JsonNode;

/**
 * A job as its row says now.
 *
 * @param id the job's id
 * @param context the course whose shard holds the row
 * @param type which queues carry it
 * @param kind which handler runs it
 * @param lane which workers run it
 * @param score priority
 * @param state where it stands
 * @param attempt how many attempts have begun, from 0 before the first
 * @param payload what the handler needs
 * @param percent progress, 0 to 100
 * @param stage what is being done now, where the handler says
 * @param speed how fast the attempt goes, where the handler says
 * @param secondsLeft how long it still takes, where that can be told
 * @param cause why the last attempt failed
 * @param createdAt when it was asked for
 * @param runAt not before this time
 * @param startedAt when the last attempt began
 * @param finishedAt when it reached a final state
 * @param cancelRequested whether it is asked to end
 * @param history earlier attempts that ended without the job's effect, the newest last, at most twenty
 * @param traceparent the trace of what asked for it (W3C Trace Context)
 */
public record Job(
        UUID id,
        ContextId context,
        JobType type,
        String kind,
        Lane lane,
        int score,
        JobState state,
        int attempt,
        JsonNode payload,
        int percent,
        @Nullable String stage,
        @Nullable Double speed,
        @Nullable Integer secondsLeft,
        @Nullable String cause,
        Instant createdAt,
        Instant runAt,
        @Nullable Instant startedAt,
        @Nullable Instant finishedAt,
        boolean cancelRequested,
        List<PastAttempt> history,
        @JsonIgnore @Nullable String traceparent) {

    /** Keeps what it was given. */
    public Job {
        history = List.copyOf(history);
    }

    /**
     * An attempt that ended without the job's effect.
     *
     * @param attempt its number, from 1
     * @param startedAt when it began
     * @param endedAt when its end was written down
     * @param outcome failed, lost (its worker gave no sign of life), handed_back (its node stopped), unknown_kind (its node
     *     did not know what to do) or cancelled
     * @param cause what went wrong
     * @param times for how many attempts in a row that ended like this the entry stands; more than one only for unknown_kind
     */
    public record PastAttempt(
            int attempt,
            Instant startedAt,
            Instant endedAt,
            String outcome,
            @Nullable String cause,
            int times) {}

    /** The id of the trace of what asked for it, for the logs and the tracing back end. */
    @JsonProperty("trace_id")
    public @Nullable String traceId() {
        return JobRows.traceId(traceparent);
    }
}
