package org.lectern.app.lti.service.access;

import java.util.UUID;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.LaunchSession;

/**
 * Who may do what with a platform's services: staff of the course read its roster and grade; people see what concerns
 * themselves. Everything is about the session's own course, so no other can be named. What goes wrong on the platform's
 * side is told without its words.
 */
public final class ServiceAccess {

    private ServiceAccess() {}

    /**
     * Refuses others than staff.
     *
     * @param what what they wanted, such as {@code "read the roster"}
     * @throws ProblemException {@link ProblemType#FORBIDDEN}
     */
    public static void requireStaff(LaunchSession session, String what) {
        if (!session.staff()) {
            throw new ProblemException(ProblemType.FORBIDDEN, "Only instructors and teaching assistants may " + what);
        }
    }

    /**
     * Refuses others than staff and the person it is about.
     *
     * @throws ProblemException {@link ProblemType#FORBIDDEN}
     */
    public static void requireStaffOr(UUID person, LaunchSession session) {
        if (!session.staff() && !session.userId().equals(person)) {
            throw new ProblemException(ProblemType.FORBIDDEN, "You may see your own work only");
        }
    }

    /** The problem that tells a client of a platform's failure. */
    public static ProblemException problem(PlatformFailureException failure) {
        return switch (failure.kind()) {
            case NOT_OFFERED ->
                new ProblemException(
                        ProblemType.CONFLICT,
                        "The learning management system has not offered this service to this course yet. Open Lectern from"
                                + " the course once more, or ask its administrator to permit the service.");
            case REFUSED ->
                new ProblemException(
                        ProblemType.UNPROCESSABLE,
                        "The learning management system refused this (status " + failure.status() + ")");
            case PASSING, UNUSABLE ->
                new ProblemException(
                        ProblemType.UNAVAILABLE,
                        "The learning management system does not answer as it should now",
                        failure.retryAfter());
        };
    }
}
