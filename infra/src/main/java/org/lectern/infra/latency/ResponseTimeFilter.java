package org.lectern.infra.latency;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Optional;
import org.lectern.infra.session.LaunchSession;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpStatusCode;
import org.springframework.security.core.context.ReactiveSecurityContextHolder;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Mono;

/**
 * Measures each request from here until its response begins, for the node and, for API requests of a session, for the
 * session's course.
 *
 * <p>Until the response <em>begins</em>: the length of a stream or of a download says nothing about how fast the server
 * is. Uploads are left out for the same reason, since their answer waits for the client's bytes; so are sockets. Runs
 * behind Spring Security, so that the session is known.
 */
@Component
@Order(0)
final class ResponseTimeFilter implements WebFilter {

    private final ResponseTimes courses;
    private final NodeTraffic node;
    private final MeterRegistry meters;

    ResponseTimeFilter(ResponseTimes courses, NodeTraffic node, MeterRegistry meters) {
        this.courses = courses;
        this.node = node;
        this.meters = meters;
    }

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        String path = exchange.getRequest().getPath().pathWithinApplication().value();
        if (path.startsWith("/ws/") || path.startsWith("/api/video/upload") || path.startsWith("/actuator/")) {
            return chain.filter(exchange);
        }
        long begun = meters.config().clock().monotonicTime();
        return ReactiveSecurityContextHolder.getContext()
                .mapNotNull(SecurityContext::getAuthentication)
                .mapNotNull(authentication -> authentication.getPrincipal())
                .ofType(LaunchSession.class)
                .map(Optional::of)
                .defaultIfEmpty(Optional.empty())
                .flatMap(session -> {
                    exchange.getResponse().beforeCommit(() -> {
                        Duration elapsed =
                                Duration.ofNanos(meters.config().clock().monotonicTime() - begun);
                        HttpStatusCode status = exchange.getResponse().getStatusCode();
                        node.record(elapsed, status != null && status.is5xxServerError());
                        if (path.startsWith("/api/")) {
                            session.ifPresent(who -> courses.record(who.context(), elapsed));
                        }
                        return Mono.empty();
                    });
                    return chain.filter(exchange);
                });
    }
}
