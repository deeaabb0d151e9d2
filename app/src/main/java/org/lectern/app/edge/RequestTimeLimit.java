package org.lectern.app.edge;

import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Mono;

/**
 * Ends a request whose answer does not begin in time, and with it all work done for it, by cancelling. An answer that
 * has begun (a download, server-sent events) may take as long as it likes, and so may a socket.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 10)
class RequestTimeLimit implements WebFilter {

    /** The content type of tus bodies. */
    private static final String UPLOAD = "application/offset+octet-stream";

    /** What a request of tus has that puts parts together. */
    private static final String UPLOAD_CONCAT = "Upload-Concat";

    /** Where such a request goes. */
    private static final String UPLOADS = "/api/video/upload";

    private final EdgeLimits limits;

    RequestTimeLimit(EdgeLimits limits) {
        this.limits = limits;
    }

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        ServerHttpRequest request = exchange.getRequest();
        HttpHeaders headers = request.getHeaders();
        Mono<Void> answer = chain.filter(exchange);
        if (UPLOAD.equals(headers.getFirst(HttpHeaders.CONTENT_TYPE)) || headers.getUpgrade() != null) {
            return answer;
        }
        Duration limit = joins(request) ? limits.joinTimeout() : limits.requestTimeout();
        // The signal that ends the wait never comes once the answer has begun.
        Mono<?> late = Mono.delay(limit)
                .filter(unused -> !exchange.getResponse().isCommitted())
                .switchIfEmpty(Mono.never());
        return answer.timeout(late, Mono.error(() -> new TimeoutException("no answer within " + limit)));
    }

    /** The header alone stretches nothing: only where uploads begin does it mean something. */
    private static boolean joins(ServerHttpRequest request) {
        String parts = request.getHeaders().getFirst(UPLOAD_CONCAT);
        return parts != null
                && parts.startsWith("final")
                && HttpMethod.POST.equals(request.getMethod())
                && request.getPath().value().startsWith(UPLOADS);
    }
}
