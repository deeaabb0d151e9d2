package org.lectern.infra.jobs;

import java.time.Duration;
import java.time.Instant;

/**
 * What becomes of a job whose kind the node that took it does not know: usually its kind is newer than that node, in the
 * middle of a rolling upgrade. Its history tells since when that is so: hand-backs for this reason that follow each other
 * are one entry, which counts them.
 */
final class UnknownKind {

    /** As the history says. */
    static final String OUTCOME = "unknown_kind";

    private static final Duration SHORTEST = Duration.ofSeconds(5);
    private static final Duration LONGEST = Duration.ofMinutes(1);

    /** However long it has been refused, so many takers must have done so before it is dead: nodes may have been away. */
    static final int LEAST_TIMES = 30;

    private UnknownKind() {}

    /** How often in a row it was taken by a node that did not know its kind. */
    static int times(Job job) {
        return job.history().isEmpty() || !job.history().getLast().outcome().equals(OUTCOME)
                ? 0
                : job.history().getLast().times();
    }

    /** Since when every node that took the job did not know its kind. */
    static Instant since(Job job, Instant now) {
        if (job.history().isEmpty()) {
            return now;
        }
        Job.PastAttempt last = job.history().getLast();
        return last.outcome().equals(OUTCOME) ? last.startedAt() : now;
    }

    /** When it is tried again: after half of the time that nobody has known it, between 5 s and a minute. */
    static Duration pause(Duration since) {
        Duration half = since.dividedBy(2);
        return half.compareTo(SHORTEST) < 0 ? SHORTEST : half.compareTo(LONGEST) > 0 ? LONGEST : half;
    }
}
