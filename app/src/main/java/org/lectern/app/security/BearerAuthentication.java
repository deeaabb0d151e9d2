package org.lectern.app.security;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.app.session.Sessions;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.springframework.dao.DataAccessException;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.ReactiveAuthenticationManager;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.oauth2.jwt.BadJwtException;
import org.springframework.security.oauth2.jwt.JwtException;
import org.springframework.security.oauth2.jwt.ReactiveJwtDecoder;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationToken;
import reactor.core.publisher.Mono;

/**
 * Turns a bearer token into who is calling: the token of a session, or, where an operators' issuer is configured, its
 * JWT. The two cannot be confused: a session's token has no dots.
 */
final class BearerAuthentication implements ReactiveAuthenticationManager {

    private final Sessions sessions;
    private final @Nullable ReactiveJwtDecoder operatorTokens;

    BearerAuthentication(Sessions sessions, @Nullable ReactiveJwtDecoder operatorTokens) {
        this.sessions = sessions;
        this.operatorTokens = operatorTokens;
    }

    @Override
    public Mono<Authentication> authenticate(Authentication authentication) {
        if (!(authentication instanceof BearerTokenAuthenticationToken bearer)) {
            return Mono.empty();
        }
        String token = bearer.getToken();
        if (operatorTokens != null && token.indexOf('.') > 0) {
            return operator(operatorTokens, token);
        }
        return sessions.find(token)
                .<Authentication>map(SessionAuthentication::new)
                .onErrorMap(DataAccessException.class, BearerAuthentication::unavailable)
                .switchIfEmpty(Mono.error(
                        () -> new BadCredentialsException("The session is unknown, has ended or has expired")));
    }

    private static Mono<Authentication> operator(ReactiveJwtDecoder decoder, String token) {
        return decoder.decode(token)
                .<Authentication>map(jwt -> new JwtAuthenticationToken(
                        jwt, List.of(new SimpleGrantedAuthority(SessionAuthentication.OPERATOR))))
                .onErrorMap(
                        JwtException.class,
                        e -> e instanceof BadJwtException
                                ? new BadCredentialsException("The operator's token is not valid", e)
                                : unavailable(e));
    }

    private static ProblemException unavailable(Throwable cause) {
        var problem = new ProblemException(ProblemType.UNAVAILABLE, "Sessions cannot be checked now; try again");
        problem.initCause(cause);
        return problem;
    }
}
