package org.lectern.app.problem;

import java.net.URI;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.telemetry.TraceCarrier;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.http.codec.HttpMessageWriter;
import org.springframework.http.codec.ServerCodecConfigurer;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.server.ServerResponse;
import org.springframework.web.reactive.result.view.ViewResolver;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** Sends a {@link Problem}: as JSON, or as a page to a browser that asked for one outside the APIs. */
@Component
class ProblemWriter {

    private static final Logger LOG = LoggerFactory.getLogger(ProblemWriter.class);

    /** Paths that answer programs, never pages, whatever is asked for. */
    private static final List<String> APIS = List.of("/api", "/xapi", "/actuator", "/v3", "/ws", "/.well-known");

    private final JsonMapper json;
    private final TraceCarrier traces;
    private final ServerResponse.Context rendering;

    ProblemWriter(
            JsonMapper json,
            TraceCarrier traces,
            ObjectProvider<ViewResolver> viewResolvers,
            ServerCodecConfigurer codecs) {
        this.json = json;
        this.traces = traces;
        List<ViewResolver> resolvers = viewResolvers.orderedStream().toList();
        List<HttpMessageWriter<?>> writers = codecs.getWriters();
        this.rendering = new ServerResponse.Context() {
            @Override
            public List<HttpMessageWriter<?>> messageWriters() {
                return writers;
            }

            @Override
            public List<ViewResolver> viewResolvers() {
                return resolvers;
            }
        };
    }

    /** Completes when the answer is sent; errors when the response had begun already. */
    Mono<Void> write(ServerWebExchange exchange, Problem problem) {
        return Mono.deferContextual(context -> {
            ProblemDocument document = document(exchange, problem, traces.traceId(context));
            return wantsPage(exchange) ? page(exchange, problem, document) : json(exchange, problem, document);
        });
    }

    private ProblemDocument document(ServerWebExchange exchange, Problem problem, @Nullable String traceId) {
        URI address = exchange.getRequest().getURI();
        return new ProblemDocument(
                problem.type().uri(),
                problem.type().title(),
                problem.type().status(),
                problem.detail(),
                address.getRawPath(),
                traceId,
                problem.violations().stream()
                        .map(one -> new ProblemDocument.Violation(one.field(), one.message()))
                        .toList());
    }

    private Mono<Void> json(ServerWebExchange exchange, Problem problem, ProblemDocument document) {
        var response = exchange.getResponse();
        response.setStatusCode(HttpStatusCode.valueOf(problem.type().status()));
        headers(response.getHeaders(), problem);
        response.getHeaders().setContentType(MediaType.APPLICATION_PROBLEM_JSON);
        byte[] body = json.writeValueAsBytes(document);
        response.getHeaders().setContentLength(body.length);
        if (exchange.getRequest().getMethod().equals(HttpMethod.HEAD)) {
            return response.setComplete();
        }
        return response.writeWith(
                Mono.fromSupplier(() -> response.bufferFactory().wrap(body)));
    }

    private Mono<Void> page(ServerWebExchange exchange, Problem problem, ProblemDocument document) {
        return ServerResponse.status(problem.type().status())
                .contentType(MediaType.TEXT_HTML)
                .headers(headers -> headers(headers, problem))
                .render("error", Map.of("problem", document))
                .flatMap(page -> page.writeTo(exchange, rendering))
                .onErrorResume(failed -> {
                    if (exchange.getResponse().isCommitted()) {
                        return Mono.error(failed);
                    }
                    return Mono.deferContextual(context -> {
                        TraceScope.run(context, () -> LOG.error("The error page cannot be rendered", failed));
                        return json(exchange, problem, document);
                    });
                });
    }

    private static void headers(HttpHeaders headers, Problem problem) {
        // What was set for the answer that did not come about says nothing about this one.
        headers.remove(HttpHeaders.CONTENT_ENCODING);
        headers.remove(HttpHeaders.ETAG);
        headers.remove(HttpHeaders.LAST_MODIFIED);
        headers.setCacheControl("no-store");
        problem.headers().forEach(headers::set);
        if (problem.retryAfter() != null) {
            long seconds = Math.max(1, problem.retryAfter().plusMillis(999).toSeconds());
            headers.set(HttpHeaders.RETRY_AFTER, Long.toString(seconds));
        }
    }

    private static boolean wantsPage(ServerWebExchange exchange) {
        String path = exchange.getRequest().getPath().pathWithinApplication().value();
        if (APIS.stream().anyMatch(api -> path.equals(api) || path.startsWith(api + "/"))) {
            return false;
        }
        try {
            // A page must be asked for by name: "*/*" is what programs send.
            return exchange.getRequest().getHeaders().getAccept().stream()
                    .anyMatch(accepted -> accepted.getType().equals("text")
                            && accepted.getSubtype().equals("html"));
        } catch (InvalidMediaTypeException unused) {
            return false;
        }
    }
}
