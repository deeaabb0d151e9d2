package org.lectern.analytics;

import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.LaunchSession;

/** Who may see what of a course's analytics; every route asks here. */
final class AnalyticsAccess {

    private AnalyticsAccess() {}

    /**
     * The figures of a whole course: its staff only.
     *
     * @throws ProblemException {@link ProblemType#FORBIDDEN} for another course, and for students
     */
    static void requireCourseFigures(LaunchSession session, ContextId context) {
        session.requireContext(context);
        if (!session.staff()) {
            throw new ProblemException(
                    ProblemType.FORBIDDEN,
                    "Only the staff of a course sees its figures; your own are at /api/analytics/me");
        }
    }
}
