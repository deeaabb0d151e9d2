package org.lectern.app.edge;

import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
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

    private final EdgeLimits limits;

    RequestTimeLimit(EdgeLimits limits) {
        this.limits = limits;
    }

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        HttpHeaders headers = exchange.getRequest().getHeaders();
        Mono<Void> answer = chain.filter(exchange);
        if (UPLOAD.equals(headers.getFirst(HttpHeaders.CONTENT_TYPE)) || headers.getUpgrade() != null) {
            return answer;
        }
        String parts = headers.getFirst(UPLOAD_CONCAT);
        Duration limit = parts != null && parts.startsWith("final") ? limits.joinTimeout() : limits.requestTimeout();
        // The signal that ends the wait never comes once the answer has begun.
        Mono<?> late = Mono.delay(limit)
                .filter(unused -> !exchange.getResponse().isCommitted())
                .switchIfEmpty(Mono.never());
        return answer.timeout(late, Mono.error(() -> new TimeoutException("no answer within " + limit)));
    }
}
