package org.lectern.app.session;

import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;

/**
 * What a verified launch says about the session it opens.
 *
 * @param userId Lectern's id of the person
 * @param name display name, where the platform gave one
 * @param context the course
 * @param contextTitle the course's title, where the platform gave one
 * @param roles the roles of this launch
 * @param operator whether the session may use {@code /api/ops}
 * @param target the page the launch leads to
 * @param item what on that page: a video's id, or the id of a message's own row; null for nothing special
 * @param source the platform's deployment it comes from, with which the session ends; null for none
 */
public record NewSession(
        UUID userId,
        @Nullable String name,
        ContextId context,
        @Nullable String contextTitle,
        Set<CourseRole> roles,
        boolean operator,
        LaunchTarget target,
        @Nullable String item,
        @Nullable Source source) {

    /** A session of no platform and about no single thing. */
    public NewSession(
            UUID userId,
            @Nullable String name,
            ContextId context,
            @Nullable String contextTitle,
            Set<CourseRole> roles,
            boolean operator,
            LaunchTarget target) {
        this(userId, name, context, contextTitle, roles, operator, target, null, null);
    }

    /**
     * Where a launch comes from.
     *
     * @param registration Lectern's id of the platform's registration
     * @param deployment the platform's id of the deployment
     */
    public record Source(UUID registration, String deployment) {}

    /** Copies the roles. */
    public NewSession {
        roles = Set.copyOf(roles);
    }
}
