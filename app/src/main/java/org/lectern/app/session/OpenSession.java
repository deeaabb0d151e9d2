package org.lectern.app.session;

import org.jspecify.annotations.Nullable;
import org.lectern.infra.session.LaunchSession;

/**
 * A session as its holder first sees it.
 *
 * @param token the bearer token; shown once, stored nowhere
 * @param session the session
 * @param target the page the launch leads to
 * @param item what on that page, where the launch says so
 */
public record OpenSession(
        String token,
        LaunchSession session,
        LaunchTarget target,
        @Nullable String item) {

    /** Leaves the token out. */
    @Override
    public String toString() {
        return "OpenSession[session=" + session.id() + ", target=" + target + "]";
    }
}
