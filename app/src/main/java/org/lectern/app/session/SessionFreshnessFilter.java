package org.lectern.app.session;

import org.lectern.db.replica.SessionPositions;
import org.lectern.infra.session.LaunchSession;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.security.core.context.ReactiveSecurityContextHolder;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Mono;

/**
 * Tells the data plane whose request it is, so that a person sees what the same session has just written, also when a
 * replica answers. Runs inside the security filter, which knows the session.
 */
@Component
@Order(Ordered.LOWEST_PRECEDENCE - 10)
class SessionFreshnessFilter implements WebFilter {

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        return ReactiveSecurityContextHolder.getContext()
                .mapNotNull(security -> security.getAuthentication())
                .mapNotNull(authentication ->
                        authentication.getPrincipal() instanceof LaunchSession session ? session.id() : null)
                .map(SessionPositions::of)
                .defaultIfEmpty(context -> context)
                .flatMap(mark -> chain.filter(exchange).contextWrite(mark));
    }
}
