package org.lectern.analytics.capacity;

import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.analytics.capacity.Rule.Priority;
import org.lectern.infra.scaling.Actuator.Resource;
import org.lectern.infra.scaling.Signal.Kind;

/**
 * What the control plane holds to be right.
 *
 * @param id newer decisions have larger ids
 * @param at when it was made
 * @param resource what there should be more or less of
 * @param subject of what: a database, a queue, a room, or {@code cluster} for nodes
 * @param change how many more, or fewer when negative
 * @param priority how urgent it is
 * @param state where it stands
 * @param mode {@code dry-run}: it is shown, and not carried out
 * @param reason why, in a sentence
 * @param evidence what was measured
 * @param lapsedAt when its cause was gone
 */
record Decision(
        UUID id,
        Instant at,
        Resource resource,
        String subject,
        int change,
        Priority priority,
        State state,
        String mode,
        String reason,
        List<Evidence> evidence,
        @Nullable Instant lapsedAt) {

    static final String DRY_RUN = "dry-run";

    /** Where a decision stands. */
    enum State {
        /** Made, and its cause is still there. */
        PROPOSED,
        /** Its cause went away before anything was done. */
        LAPSED;

        /** The name in the database and in JSON: lower case. */
        @JsonValue
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * One rule that held.
     *
     * @param kind the signal
     * @param limit the limit it passed
     * @param mean its mean over the window
     * @param windowSeconds how long it was watched
     */
    record Evidence(Kind kind, double limit, double mean, long windowSeconds) {}

    /** What a decision is about. */
    record Target(Resource resource, String subject) {}

    Target target() {
        return new Target(resource, subject);
    }
}
