package org.lectern.app.lti.service.grade;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A person's newest score for a resource.
 *
 * @param resource for what
 * @param userId whose
 * @param score how much of the maximum; null where it is only progress
 * @param maximum the most
 * @param activityProgress how far the person is: Initialized, Started, InProgress, Submitted or Completed
 * @param gradingProgress how far grading is: FullyGraded, Pending, PendingManual, Failed or NotReady
 * @param comment for the person, where there is one
 * @param at of its kind ascending, however fast scores follow each other
 * @param state whether the platform has it
 * @param detail why not, for staff
 * @param sentAt when the platform took it
 */
@JsonInclude(JsonInclude.Include.ALWAYS)
record Score(
        String resource,
        UUID userId,
        @Nullable Double score,
        double maximum,
        String activityProgress,
        String gradingProgress,
        @Nullable String comment,
        Instant at,
        ScoreState state,
        @Nullable String detail,
        @Nullable Instant sentAt) {}
