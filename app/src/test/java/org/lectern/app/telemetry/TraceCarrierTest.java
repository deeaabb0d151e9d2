package org.lectern.app.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.tracing.Tracer;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.lectern.infra.telemetry.ObservedTraces;
import org.lectern.infra.telemetry.TraceCarrier;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.http.codec.autoconfigure.CodecsAutoConfiguration;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.micrometer.tracing.autoconfigure.MicrometerTracingAutoConfiguration;
import org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration;
import org.springframework.boot.opentelemetry.autoconfigure.OpenTelemetrySdkAutoConfiguration;
import org.springframework.boot.reactor.autoconfigure.ReactorAutoConfiguration;
import org.springframework.boot.reactor.netty.autoconfigure.NettyReactiveWebServerAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.webflux.autoconfigure.HttpHandlerAutoConfiguration;
import org.springframework.boot.webflux.autoconfigure.WebFluxAutoConfiguration;
import org.springframework.boot.webflux.autoconfigure.WebFluxObservationAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Profile;
import org.springframework.test.context.ActiveProfiles;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

/** A trace survives text: work done on another thread with what was written down is a child of the request. */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT, properties = "management.tracing.sampling.probability=1")
@ActiveProfiles(TraceCarrierTest.PROFILE)
class TraceCarrierTest {

    static final String PROFILE = "trace-carrier";

    @LocalServerPort
    private int port;

    @Autowired
    private TraceCarrier traces;

    @Autowired
    private Tracer tracer;

    @Autowired
    private MeterRegistry meters;

    @Autowired
    private CollectedSpans exported;

    @Test
    void workIsAChildOfTheRequestThatAskedForIt() throws Exception {
        String traceparent = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(Duration.ofSeconds(20))
                .build()
                .get()
                .uri("/asked")
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .returnResult()
                .getResponseBody();
        assertThat(traceparent).matches("00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]");

        try (var worker = Executors.newVirtualThreadPerTaskExecutor()) {
            var inside = worker.submit(() -> traces.within(
                            traceparent,
                            "lectern.test.work",
                            Map.of("kind", "test"),
                            () -> String.valueOf(traces.current(Context.empty()))))
                    .get();
            assertThat(inside).startsWith(String.valueOf(traceparent).substring(0, 36));
        }

        SpanData work = span("lectern.test.work");
        // It ends after the client has its answer.
        SpanData request = Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(
                        () -> exported.spans().stream()
                                .filter(one -> one.getName().contains("/asked"))
                                .findFirst(),
                        Optional::isPresent)
                .orElseThrow();
        assertThat(work.getTraceId()).isEqualTo(request.getTraceId());
        assertThat(work.getParentSpanId()).isEqualTo(request.getSpanId());
        assertThat(meters.get("lectern.test.work").tag("kind", "test").timer().count())
                .isEqualTo(1);
        assertThat(tracer.currentSpan()).isNull();
    }

    @Test
    void withoutATraceANewOneBegins() throws Exception {
        assertThat(traces.current(Context.empty())).isNull();
        assertThat(traces.<String>within(
                        null, "lectern.test.root", Map.of(), () -> String.valueOf(traces.current(Context.empty()))))
                .startsWith("00-");
        assertThat(traces.<String>within(
                        "nonsense",
                        "lectern.test.root",
                        Map.of(),
                        () -> String.valueOf(traces.current(Context.empty()))))
                .startsWith("00-");
    }

    @Test
    void aFailureIsNotedAndThrownOn() {
        assertThatThrownBy(() -> traces.within(null, "lectern.test.failure", Map.of(), () -> {
                    throw new java.io.IOException("as planned");
                }))
                .isInstanceOf(java.io.IOException.class);
        assertThat(span("lectern.test.failure").getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
    }

    private SpanData span(String name) {
        return exported.spans().stream()
                .filter(one -> one.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Profile(PROFILE)
    @SpringBootConfiguration
    @ImportAutoConfiguration({
        NettyReactiveWebServerAutoConfiguration.class,
        HttpHandlerAutoConfiguration.class,
        WebFluxAutoConfiguration.class,
        WebFluxObservationAutoConfiguration.class,
        CodecsAutoConfiguration.class,
        JacksonAutoConfiguration.class,
        ReactorAutoConfiguration.class,
        MetricsAutoConfiguration.class,
        ObservationAutoConfiguration.class,
        OpenTelemetrySdkAutoConfiguration.class,
        OpenTelemetryTracingAutoConfiguration.class,
        MicrometerTracingAutoConfiguration.class
    })
    @Import(ObservedTraces.class)
    static class Application {

        @Bean
        CollectedSpans collectedSpans() {
            return new CollectedSpans();
        }

        @Bean
        io.opentelemetry.sdk.trace.SpanProcessor processor(SpanExporter exporter) {
            return SimpleSpanProcessor.create(exporter);
        }

        @Bean
        MeterRegistry meters() {
            return new SimpleMeterRegistry();
        }

        @Bean
        RouterFunction<ServerResponse> asked(TraceCarrier traces) {
            return RouterFunctions.route()
                    .GET(
                            "/asked",
                            request -> ServerResponse.ok()
                                    .body(
                                            Mono.delay(Duration.ofMillis(5), Schedulers.parallel())
                                                    .then(Mono.deferContextual(context ->
                                                            Mono.just(String.valueOf(traces.current(context))))),
                                            String.class))
                    .build();
        }
    }
}
