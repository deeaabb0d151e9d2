package org.lectern.infra.jobs;

import java.util.Comparator;
import java.util.UUID;
import org.lectern.db.ContextId;

/**
 * What a message says: which job, and where it stands among those that wait. Everything else is in the job's row.
 *
 * @param contextId the course whose shard holds the row
 * @param id the job
 * @param lane which workers
 * @param urgency higher first
 * @param place ascends in the order in which the relay chose, so that equally urgent jobs start in that order
 */
record JobTicket(UUID contextId, UUID id, Lane lane, int urgency, long place) {

    /** The course. */
    ContextId context() {
        return new ContextId(contextId);
    }

    /** Who starts first. */
    static final Comparator<JobTicket> ORDER = Comparator.comparingInt(JobTicket::urgency)
            .reversed()
            .thenComparingLong(JobTicket::place)
            .thenComparing(JobTicket::id);

    /** The message's priority: urgency / 5, 0 to 10. */
    int priority() {
        return Math.clamp(urgency / 5, 0, JobTopology.MAX_PRIORITY);
    }
}
