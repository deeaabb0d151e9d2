package org.lectern.app.security;

import java.io.Serial;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.session.LaunchSession;
import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.SimpleGrantedAuthority;

/** A request that carried the token of a live session; the principal is the {@link LaunchSession}. */
final class SessionAuthentication extends AbstractAuthenticationToken {

    /** Held by every session. */
    static final String SESSION = "SESSION";

    /** Held by operators, with a session or without. */
    static final String OPERATOR = "OPERATOR";

    @Serial
    private static final long serialVersionUID = 1L;

    private final transient LaunchSession session;

    SessionAuthentication(LaunchSession session) {
        super(authorities(session));
        this.session = session;
        super.setAuthenticated(true);
    }

    @Override
    public LaunchSession getPrincipal() {
        return session;
    }

    @Override
    public @Nullable Object getCredentials() {
        return null;
    }

    /** The id of the session: what stands in logs. */
    @Override
    public String getName() {
        return session.id().toString();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof SessionAuthentication that && session.equals(that.session);
    }

    @Override
    public int hashCode() {
        return session.hashCode();
    }

    private static List<GrantedAuthority> authorities(LaunchSession session) {
        return Stream.of(SESSION, OPERATOR)
                .filter(authority -> authority.equals(SESSION) || session.operator())
                .<GrantedAuthority>map(SimpleGrantedAuthority::new)
                .toList();
    }
}
