package org.lectern.infra.session;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;

/**
 * The session that one launch opened: one person, in one context, with the roles of that launch. It is the principal of
 * every authenticated request; controllers take it with {@code @AuthenticationPrincipal}. Nobody has rights outside
 * this context but operators.
 *
 * @param id the session's own id (not the bearer token, which is stored only as a digest)
 * @param userId Lectern's id of the person (UUIDv7 for issuer and subject)
 * @param name the person's display name, where the platform gave one
 * @param context the course
 * @param contextTitle the course's title, where the platform gave one
 * @param roles the roles of this launch; empty for a person whose roles are unknown
 * @param operator whether this session may use {@code /api/ops}
 * @param expiresAt when the session ends
 */
public record LaunchSession(
        UUID id,
        UUID userId,
        @Nullable String name,
        ContextId context,
        @Nullable String contextTitle,
        Set<CourseRole> roles,
        boolean operator,
        Instant expiresAt) {

    /** Copies the roles. */
    public LaunchSession {
        roles = Set.copyOf(roles);
    }

    /** Whether the person teaches or runs this course: instructor, teaching assistant or administrator. */
    public boolean staff() {
        return roles.contains(CourseRole.INSTRUCTOR)
                || roles.contains(CourseRole.TA)
                || roles.contains(CourseRole.ADMINISTRATOR);
    }

    /** Whether the person is an instructor (or administrator), whose uploads score higher. */
    public boolean instructor() {
        return roles.contains(CourseRole.INSTRUCTOR) || roles.contains(CourseRole.ADMINISTRATOR);
    }

    /**
     * Refuses a request that names another context than the session's.
     *
     * @throws ProblemException {@link ProblemType#FORBIDDEN} when the contexts differ
     */
    public void requireContext(ContextId asked) {
        if (!context.equals(asked)) {
            throw new ProblemException(ProblemType.FORBIDDEN, "This session belongs to another course");
        }
    }
}
