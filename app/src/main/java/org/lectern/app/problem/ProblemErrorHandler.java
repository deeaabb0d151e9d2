package org.lectern.app.problem;

import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.webflux.error.ErrorWebExceptionHandler;
import org.springframework.core.annotation.Order;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.util.DisconnectedClientHelper;
import reactor.core.publisher.Mono;

/**
 * Answers every error that a handler or a filter lets through, and logs faults of ours, once, where the trace is
 * current. Replaces Spring Boot's own error handler.
 */
@Component
@Order(-2)
class ProblemErrorHandler implements ErrorWebExceptionHandler {

    private static final Logger LOG = LoggerFactory.getLogger(ProblemErrorHandler.class);

    private final ProblemWriter writer;

    ProblemErrorHandler(ProblemWriter writer) {
        this.writer = writer;
    }

    @Override
    public Mono<Void> handle(ServerWebExchange exchange, Throwable error) {
        if (DisconnectedClientHelper.isClientDisconnectedException(error)) {
            return Mono.error(error);
        }
        if (exchange.getResponse().isCommitted()) {
            return Mono.deferContextual(context -> {
                var request = exchange.getRequest();
                TraceScope.run(
                        context,
                        () -> LOG.warn(
                                "{} {} broke after its answer had begun: {}",
                                request.getMethod(),
                                request.getPath(),
                                error.toString()));
                return Mono.error(error);
            });
        }
        return Mono.deferContextual(context -> {
            Problem problem = ProblemTranslator.translate(error);
            TraceScope.run(context, () -> log(exchange, problem, error));
            return writer.write(exchange, problem);
        });
    }

    private static void log(ServerWebExchange exchange, Problem problem, Throwable error) {
        var request = exchange.getRequest();
        if (problem.type() == ProblemType.INTERNAL) {
            LOG.error("{} {} failed", request.getMethod(), request.getPath(), error);
        } else if (problem.type() == ProblemType.UNAVAILABLE) {
            LOG.warn("{} {} cannot be served: {}", request.getMethod(), request.getPath(), error.toString());
        } else {
            LOG.debug("{} {}: {}", request.getMethod(), request.getPath(), problem.type());
        }
    }
}
