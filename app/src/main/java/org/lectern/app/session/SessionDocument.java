package org.lectern.app.session;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;

/**
 * A session as JSON.
 *
 * @param token the bearer token; only where the session is handed over
 * @param expiresAt when it ends
 * @param contextId the course
 * @param contextTitle the course's title, where known
 * @param userId the person
 * @param name the person's name, where known
 * @param roles the roles of the launch, from the least to the most
 * @param operator whether {@code /api/ops} is open to it
 * @param target the page the launch leads to
 * @param path the address of that page, with what the launch is about
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record SessionDocument(
        @Nullable String token,
        Instant expiresAt,
        ContextId contextId,
        @Nullable String contextTitle,
        UUID userId,
        @Nullable String name,
        List<CourseRole> roles,
        boolean operator,
        LaunchTarget target,
        String path) {

    /** The hand-over, with the token. */
    public static SessionDocument handOver(OpenSession open) {
        return of(open.token(), open.session(), open.target(), open.item());
    }

    static SessionDocument current(LaunchSession session, Sessions.Place place) {
        return of(null, session, place.target(), place.item());
    }

    private static SessionDocument of(
            @Nullable String token, LaunchSession session, LaunchTarget target, @Nullable String item) {
        return new SessionDocument(
                token,
                session.expiresAt(),
                session.context(),
                session.contextTitle(),
                session.userId(),
                session.name(),
                session.roles().stream().sorted().toList(),
                session.operator(),
                target,
                target.path(item));
    }
}
