package org.lectern.app.lti.doctor;

import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

/**
 * What was found about a registration.
 *
 * @param registrationId the registration
 * @param at when
 * @param verdict the worst of the steps'
 * @param steps what was looked at, in the order of a launch
 */
record Diagnosis(UUID registrationId, Instant at, Verdict verdict, List<Step> steps) {

    /** Takes the worst verdict. */
    Diagnosis(UUID registrationId, Instant at, List<Step> steps) {
        this(
                registrationId,
                at,
                steps.stream().map(Step::verdict).max(Verdict::compareTo).orElse(Verdict.OK),
                List.copyOf(steps));
    }

    /** How well a step is, the worst last. */
    enum Verdict {
        /** As it should be. */
        OK,
        /** Works, or works in part; somebody should look. */
        WARNING,
        /** Launches or services fail because of it. */
        FAILURE;

        /** The name on the wire: lower case. */
        @JsonValue
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * One thing that was looked at.
     *
     * @param step its name, such as {@code key-set}
     * @param verdict how well it is
     * @param found what was found
     * @param advice what to do; empty where nothing is to be done
     */
    record Step(String step, Verdict verdict, String found, String advice) {

        static Step ok(String step, String found) {
            return new Step(step, Verdict.OK, found, "");
        }

        static Step warning(String step, String found, String advice) {
            return new Step(step, Verdict.WARNING, found, advice);
        }

        static Step failure(String step, String found, String advice) {
            return new Step(step, Verdict.FAILURE, found, advice);
        }
    }
}
