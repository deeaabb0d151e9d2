package org.lectern.app.description;

import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Makes the description on a thread that may block: the first one in each language reads classes from the disk. */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 30)
class DescriptionThread implements WebFilter {

    @Override
    public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
        Mono<Void> answer = chain.filter(exchange);
        boolean description = exchange.getRequest().getPath().value().startsWith("/v3/api-docs");
        return description ? answer.subscribeOn(Schedulers.boundedElastic()) : answer;
    }
}
