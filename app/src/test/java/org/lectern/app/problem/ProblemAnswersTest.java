package org.lectern.app.problem;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.NotBlank;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.app.edge.EdgeLimitsConfiguration;
import org.lectern.db.ContextId;
import org.lectern.infra.batching.QueueFullException;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.telemetry.ObservedTraces;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.http.codec.autoconfigure.CodecsAutoConfiguration;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.micrometer.tracing.autoconfigure.MicrometerTracingAutoConfiguration;
import org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration;
import org.springframework.boot.opentelemetry.autoconfigure.OpenTelemetrySdkAutoConfiguration;
import org.springframework.boot.reactor.autoconfigure.ReactorAutoConfiguration;
import org.springframework.boot.reactor.netty.autoconfigure.NettyReactiveWebServerAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.thymeleaf.autoconfigure.ThymeleafAutoConfiguration;
import org.springframework.boot.validation.autoconfigure.ValidationAutoConfiguration;
import org.springframework.boot.webflux.autoconfigure.HttpHandlerAutoConfiguration;
import org.springframework.boot.webflux.autoconfigure.WebFluxAutoConfiguration;
import org.springframework.boot.webflux.autoconfigure.WebFluxObservationAutoConfiguration;
import org.springframework.boot.webflux.autoconfigure.error.ErrorWebFluxAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Profile;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.security.access.AccessDeniedException;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.test.context.ActiveProfiles;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.server.WebFilter;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Every way to fail, over a real HTTP server, gets its problem document. */
@SpringBootTest(
        webEnvironment = WebEnvironment.RANDOM_PORT,
        properties = {"lectern.edge.request-timeout=500ms", "lectern.edge.join-timeout=20s"})
@ActiveProfiles(ProblemAnswersTest.PROFILE)
@ExtendWith(OutputCaptureExtension.class)
class ProblemAnswersTest {

    /** Keeps the controllers below out of tests that scan the class path. */
    static final String PROFILE = "problem-answers";

    @LocalServerPort
    private int port;

    private WebTestClient client = WebTestClient.bindToServer().build();

    @BeforeEach
    void connect() {
        client = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(Duration.ofSeconds(20))
                .build();
    }

    @ParameterizedTest
    @EnumSource(ProblemType.class)
    void everyTypeHasItsStatusAndStableName(ProblemType type) {
        var answer = problem("/api/type/" + type, HttpMethod.GET, null, type.status());
        assertThat(answer)
                .containsEntry(
                        "type",
                        "urn:lectern:problem:"
                                + type.name().toLowerCase(Locale.ROOT).replace('_', '-'))
                .containsEntry("title", type.title())
                .containsEntry("status", type.status())
                .containsEntry("detail", "because")
                .containsEntry("instance", "/api/type/" + type);
        assertThat((String) answer.get("trace_id")).matches("[0-9a-f]{32}");
    }

    @Test
    void retryAfterIsRoundedUpToSeconds() {
        client.get()
                .uri("/api/later")
                .exchange()
                .expectStatus()
                .isEqualTo(503)
                .expectHeader()
                .valueEquals("Retry-After", "3");
    }

    @Test
    void anUnknownFaultLeaksNothingAndIsLoggedOnceWithItsTrace(CapturedOutput output) {
        var answer = problem("/api/fault?ticket=secret-one", HttpMethod.GET, null, 500);
        assertThat(answer.toString()).doesNotContain("password", "secret", "IllegalState");
        assertThat(output.getAll().split("/api/fault failed", -1)).hasSize(2);
        assertThat(output.getAll()).contains(String.valueOf(answer.get("trace_id")));
        assertThat(output.getAll()).doesNotContain("ticket=secret-one");
    }

    @Test
    void aFaultInAFilterIsAnsweredTheSameWay() {
        assertThat(problem("/api/filtered", HttpMethod.GET, null, 409)).containsEntry("detail", "in the filter");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/api/nothing", "/xapi/nothing", "/actuator/nothing", "/nothing"})
    void anUnknownPathIsNotFound(String path) {
        assertThat(problem(path, HttpMethod.GET, null, 404)).containsEntry("type", "urn:lectern:problem:not-found");
    }

    @Test
    void aWrongMethodSaysWhichAreAllowed() {
        client.method(HttpMethod.DELETE)
                .uri("/api/body")
                .exchange()
                .expectStatus()
                .isEqualTo(405)
                .expectHeader()
                .valueEquals("Allow", "POST");
    }

    @Test
    void aWrongContentTypeIsRefused() {
        client.post()
                .uri("/api/body")
                .contentType(MediaType.TEXT_XML)
                .bodyValue("<a/>")
                .exchange()
                .expectStatus()
                .isEqualTo(415)
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{",
                "[]",
                "\"text\"",
                "{\"display_name\": {}}",
                "{\"display_name\": \"\"}",
                "\u0000",
                "{\"count\":\"x\"}"
            })
    void aMalformedBodyIsInvalid(String body) {
        var answer = problem("/api/body", HttpMethod.POST, body, 400);
        assertThat(answer).containsEntry("type", "urn:lectern:problem:invalid-request");
        assertThat(answer.toString()).doesNotContain("org.lectern", "tools.jackson");
    }

    @Test
    void aMissingBodyIsInvalid() {
        problem("/api/body", HttpMethod.POST, null, 400);
    }

    @Test
    void aFieldOutOfRangeIsNamed() {
        var answer = problem("/api/body", HttpMethod.POST, "{\"display_name\":\"\",\"count\":11}", 400);
        assertThat(answer.get("errors")).asString().contains("count", "10");
    }

    @Test
    void anOversizedBodyIsTooLarge() {
        String body = "{\"display_name\":\"" + "x".repeat(1 << 20) + "\"}";
        assertThat(problem("/api/body", HttpMethod.POST, body, 413))
                .containsEntry("type", "urn:lectern:problem:too-large");
    }

    @Test
    void parametersAreChecked() {
        assertThat(problem("/api/query", HttpMethod.GET, null, 400).get("detail"))
                .asString()
                .contains("limit");
        problem("/api/query?limit=many", HttpMethod.GET, null, 400);
        assertThat(problem("/api/query?limit=500", HttpMethod.GET, null, 400).get("errors"))
                .asString()
                .contains("limit");
        problem("/api/room/not-an-id", HttpMethod.GET, null, 400);
        client.get()
                .uri("/api/room/" + UUID.randomUUID())
                .exchange()
                .expectStatus()
                .isOk();
    }

    @Test
    void securityTurnsAwayWithAChallenge() {
        client.get()
                .uri("/api/unauthenticated")
                .exchange()
                .expectStatus()
                .isUnauthorized()
                .expectHeader()
                .valueEquals("WWW-Authenticate", "Bearer");
        problem("/api/denied", HttpMethod.GET, null, 403);
    }

    @Test
    void aReasonOfAServerErrorStaysInside() {
        assertThat(problem("/api/status/503", HttpMethod.GET, null, 503).toString())
                .doesNotContain("reason");
        assertThat(problem("/api/status/409", HttpMethod.GET, null, 409).toString())
                .contains("reason");
        problem("/api/status/418", HttpMethod.GET, null, 400);
    }

    @Test
    void aRequestThatTakesTooLongEnds() {
        problem("/api/slow", HttpMethod.GET, null, 503);
    }

    @Test
    void puttingPartsOfAnUploadTogetherHasALimitOfItsOwn() {
        client.post()
                .uri("/api/video/upload/joined")
                .header("Upload-Concat", "final;/api/video/upload/1 /api/video/upload/2")
                .exchange()
                .expectStatus()
                .isOk();
        client.post()
                .uri("/api/video/upload/joined")
                .header("Upload-Concat", "partial")
                .exchange()
                .expectStatus()
                .isEqualTo(503);
    }

    @ParameterizedTest
    @CsvSource({"POST, /api/joined", "GET, /api/slow", "GET, /api/video/upload/slow"})
    void theHeaderOfSuchARequestStretchesNoOther(String method, String path) {
        client.method(HttpMethod.valueOf(method))
                .uri(path)
                .header("Upload-Concat", "final;/api/video/upload/1")
                .exchange()
                .expectStatus()
                .isEqualTo(503);
    }

    @Test
    void aFullQueueSaysTryLater() {
        var answer = client.get().uri("/api/queued").exchange();
        answer.expectStatus().isEqualTo(503).expectHeader().valueEquals("Retry-After", "5");
        answer.expectBody().jsonPath("$.type").isEqualTo("urn:lectern:problem:try-later");
    }

    @Test
    void anAnswerThatHasBegunMayTakeItsTime() {
        var lines = client.get()
                .uri("/api/stream")
                .accept(MediaType.TEXT_EVENT_STREAM)
                .exchange()
                .returnResult(String.class)
                .getResponseBody()
                .collectList()
                .block(Duration.ofSeconds(20));
        assertThat(lines).hasSize(8);
    }

    @Test
    void headHasNoBody() {
        client.head()
                .uri("/api/nothing")
                .exchange()
                .expectStatus()
                .isNotFound()
                .expectBody()
                .isEmpty();
    }

    @Test
    void aBrowserGetsAPage() {
        client.get()
                .uri("/nothing")
                .accept(MediaType.TEXT_HTML)
                .exchange()
                .expectStatus()
                .isNotFound()
                .expectHeader()
                .contentTypeCompatibleWith(MediaType.TEXT_HTML)
                .expectBody(String.class)
                .value(page -> assertThat(page).contains("There is no such resource", "/css/lectern.css"));
    }

    @Test
    void anApiAnswersABrowserInJsonToo() {
        client.get()
                .uri("/api/nothing")
                .accept(MediaType.TEXT_HTML)
                .exchange()
                .expectStatus()
                .isNotFound()
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON);
    }

    @SuppressWarnings("unchecked") // JSON as a map
    private Map<String, Object> problem(String path, HttpMethod method, @Nullable String body, int status) {
        var request = client.method(method).uri(path).contentType(MediaType.APPLICATION_JSON);
        var answer = (body == null ? request : request.bodyValue(body))
                .exchange()
                .expectStatus()
                .isEqualTo(status)
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON)
                .expectHeader()
                .valueEquals("Cache-Control", "no-store")
                .expectBody(Map.class)
                .returnResult()
                .getResponseBody();
        return (Map<String, Object>) Objects.requireNonNull(answer);
    }

    @Profile(PROFILE)
    @RestController
    static class FailingController {

        @GetMapping("/api/type/{type}")
        Mono<String> type(@PathVariable ProblemType type) {
            return Mono.error(new ProblemException(type, "because"));
        }

        @GetMapping("/api/later")
        Mono<String> later() {
            return Mono.error(new ProblemException(ProblemType.TRY_LATER, "busy", Duration.ofMillis(2100)));
        }

        @GetMapping("/api/fault")
        Mono<String> fault() {
            return Mono.error(new IllegalStateException("the password is hunter2"));
        }

        @PostMapping("/api/body")
        Mono<String> body(@Valid @RequestBody Form form) {
            return Mono.just(form.displayName());
        }

        @GetMapping("/api/query")
        Mono<Integer> query(@RequestParam @Max(200) int limit) {
            return Mono.just(limit);
        }

        @GetMapping("/api/room/{contextId}")
        Mono<String> room(@PathVariable ContextId contextId) {
            return Mono.just(contextId.toString());
        }

        @GetMapping("/api/unauthenticated")
        Mono<String> unauthenticated() {
            return Mono.error(new BadCredentialsException("the token was xyz"));
        }

        @GetMapping("/api/denied")
        Mono<String> denied() {
            return Mono.error(new AccessDeniedException("rule 7"));
        }

        @GetMapping("/api/status/{status}")
        Mono<String> status(@PathVariable int status) {
            return Mono.error(new ResponseStatusException(HttpStatusCode.valueOf(status), "reason of " + status));
        }

        @GetMapping("/api/queued")
        Mono<String> queued() {
            return Mono.error(new QueueFullException(1));
        }

        @PostMapping({"/api/joined", "/api/video/upload/joined"})
        Mono<String> joined() {
            return Mono.delay(Duration.ofSeconds(1)).thenReturn("joined");
        }

        @GetMapping({"/api/slow", "/api/video/upload/slow"})
        Mono<String> slow() {
            return Mono.never();
        }

        @GetMapping(path = "/api/stream", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
        Flux<String> stream() {
            return Flux.fromStream(Stream.iterate(0, one -> one + 1))
                    .map(String::valueOf)
                    .take(8)
                    .delayElements(Duration.ofMillis(100));
        }

        record Form(@NotBlank String displayName, @Max(10) int count) {}
    }

    @Profile(PROFILE)
    @SpringBootConfiguration
    @ImportAutoConfiguration({
        NettyReactiveWebServerAutoConfiguration.class,
        HttpHandlerAutoConfiguration.class,
        WebFluxAutoConfiguration.class,
        WebFluxObservationAutoConfiguration.class,
        ErrorWebFluxAutoConfiguration.class,
        CodecsAutoConfiguration.class,
        JacksonAutoConfiguration.class,
        ThymeleafAutoConfiguration.class,
        ValidationAutoConfiguration.class,
        ReactorAutoConfiguration.class,
        MetricsAutoConfiguration.class,
        CompositeMeterRegistryAutoConfiguration.class,
        ObservationAutoConfiguration.class,
        OpenTelemetrySdkAutoConfiguration.class,
        OpenTelemetryTracingAutoConfiguration.class,
        MicrometerTracingAutoConfiguration.class
    })
    @Import({
        ProblemErrorHandler.class,
        ProblemWriter.class,
        ObservedTraces.class,
        SecurityProblems.class,
        FailingController.class,
        EdgeLimitsConfiguration.class
    })
    static class Application {

        @Bean
        WebFilter failingFilter() {
            return (exchange, chain) -> exchange.getRequest().getPath().value().equals("/api/filtered")
                    ? Mono.error(new ProblemException(ProblemType.CONFLICT, "in the filter"))
                    : chain.filter(exchange);
        }
    }
}
