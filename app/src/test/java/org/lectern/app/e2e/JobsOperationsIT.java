package org.lectern.app.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.ColorScheme;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.app.LecternApplication;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Sessions;
import org.lectern.app.telemetry.CollectedSpans;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.jobs.RejectedJobException;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.util.IdGenerator;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/** What operators see of jobs and do about them: over the wire, and on the page. */
@SpringBootTest(
        classes = {LecternApplication.class, JobsOperationsIT.Kinds.class},
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "lectern.embedded.directory=target/lectern",
            "spring.test.observability.auto-configure=true",
            "management.tracing.sampling.probability=1"
        })
class JobsOperationsIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

    @LocalServerPort
    private int port;

    @Autowired
    private Sessions sessions;

    @Autowired
    private IdGenerator ids;

    @Autowired
    private JsonMapper json;

    @Autowired
    private CollectedSpans exported;

    private ContextId course = new ContextId(new UUID(0, 0));
    private String operator = "";
    private WebTestClient http = WebTestClient.bindToServer().build();

    /** Two kinds of jobs, and a route that asks for them as any feature does: in its transaction. */
    @TestConfiguration(proxyBeanMethods = false)
    static class Kinds {

        @Bean
        CollectedSpans collectedSpans() {
            return new CollectedSpans();
        }

        @Bean
        SpanProcessor collecting(CollectedSpans exporter) {
            return SimpleSpanProcessor.create(exporter);
        }

        @Bean
        JobHandler rejecting() {
            return new Kind("test.rejects") {
                @Override
                public Effect run(JobRun run) throws RejectedJobException {
                    throw new RejectedJobException("as planned");
                }
            };
        }

        @Bean
        JobHandler endless() {
            return new Kind("test.endless") {
                @Override
                public Effect run(JobRun run) throws InterruptedException {
                    run.progress(new JobRun.Progress(40, "encoding", 2.5, Duration.ofSeconds(75)));
                    new CountDownLatch(1).await();
                    return Effect.NONE;
                }
            };
        }

        @Bean
        RouterFunction<ServerResponse> asking(Shards shards, Jobs jobs, IdGenerator ids) {
            return RouterFunctions.route()
                    .POST("/api/test/jobs/{context}/{kind}", request -> {
                        UUID id = ids.generateId();
                        var asked = shards.write(
                                ContextId.parse(request.pathVariable("context")),
                                transaction -> jobs.submit(
                                                transaction,
                                                new JobRequest(
                                                        id,
                                                        JobType.NOTIFICATIONS,
                                                        request.pathVariable("kind"),
                                                        Lane.STANDARD,
                                                        5,
                                                        JsonNodeFactory.instance.objectNode(),
                                                        null))
                                        .thenReturn(id.toString()));
                        return ServerResponse.ok().body(asked, String.class);
                    })
                    .build();
        }
    }

    private abstract static class Kind implements JobHandler {
        private final String kind;

        Kind(String kind) {
            this.kind = kind;
        }

        @Override
        public String kind() {
            return kind;
        }
    }

    @BeforeEach
    void newCourse() {
        course = new ContextId(ids.generateId());
        http = WebTestClient.bindToServer()
                .baseUrl("http://localhost:" + port)
                .responseTimeout(PATIENCE)
                .build();
        operator = token(CourseRole.ADMINISTRATOR, true);
    }

    private NewSession session(CourseRole role, boolean operates) {
        return new NewSession(ids.generateId(), "Test", course, "Course", Set.of(role), operates, LaunchTarget.OPS);
    }

    private String token(CourseRole role, boolean operates) {
        return Objects.requireNonNull(sessions.open(session(role, operates)).block(PATIENCE))
                .token();
    }

    /** Asks for a job by a request that is part of a trace. */
    private String ask(String kind) {
        return Objects.requireNonNull(http.post()
                .uri("/api/test/jobs/{course}/{kind}", course, kind)
                .header("Authorization", "Bearer " + operator)
                .header("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01")
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .returnResult()
                .getResponseBody());
    }

    private JsonNode call(HttpMethod method, String path, int status) {
        byte[] body = http.method(method)
                .uri("/api/ops/jobs" + path)
                .header("Authorization", "Bearer " + operator)
                .exchange()
                .expectStatus()
                .isEqualTo(status)
                .expectBody()
                .returnResult()
                .getResponseBody();
        return json.readTree(Objects.requireNonNull(body));
    }

    private JsonNode job(String id) {
        return call(HttpMethod.GET, "/" + course + "/" + id, 200);
    }

    private void awaitState(String id, String state) {
        await().atMost(PATIENCE).until(() -> job(id).path("state").asString().equals(state));
    }

    private List<String> listed(String query) {
        return call(HttpMethod.GET, "?context_id=" + course + query, 200)
                .path("items")
                .valueStream()
                .map(item -> item.path("id").asString())
                .toList();
    }

    @Test
    void onlyOperatorsSeeAndTouchJobs() {
        String one = "/" + course + "/" + ids.generateId();
        String outsider = token(CourseRole.INSTRUCTOR, false);
        String student = token(CourseRole.STUDENT, false);
        String administrator = token(CourseRole.ADMINISTRATOR, false);
        for (String path : List.of("", one, one + "/events")) {
            for (String token : List.of(outsider, student, administrator)) {
                refused(HttpMethod.GET, path, token, 403);
            }
            refused(HttpMethod.GET, path, "lectern_nobody", 401);
        }
        for (String path : List.of("/replay", one + "/replay", one + "/discard", one + "/cancel")) {
            for (String token : List.of(outsider, student, administrator)) {
                refused(HttpMethod.POST, path, token, 403);
            }
            refused(HttpMethod.POST, path, "lectern_nobody", 401);
        }
    }

    private void refused(HttpMethod method, String path, String token, int status) {
        http.method(method)
                .uri("/api/ops/jobs" + path)
                .header("Authorization", "Bearer " + token)
                .exchange()
                .expectStatus()
                .isEqualTo(status)
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON);
    }

    @Test
    void aDeadJobIsFoundInspectedReplayedAndDiscarded() {
        String id = ask("test.rejects");
        awaitState(id, "dead");
        assertThat(listed("&state=dead&type=notifications&lane=standard&since=2020-01-01T00:00:00Z"))
                .containsExactly(id);
        for (String other : List.of("&state=done", "&type=video", "&lane=high", "&since=2999-01-01T00:00:00Z")) {
            assertThat(listed(other)).as(other).isEmpty();
        }
        JsonNode dead = job(id);
        assertThat(dead.path("cause").asString()).isEqualTo("as planned");
        assertThat(dead.path("history")).hasSize(1);
        assertThat(dead.path("history").path(0).path("outcome").asString()).isEqualTo("failed");
        assertThat(dead.path("history").path(0).path("cause").asString()).isEqualTo("as planned");
        assertThat(dead.has("traceparent")).isFalse();

        call(HttpMethod.POST, "/" + course + "/" + id + "/replay", 200);
        await().atMost(PATIENCE).until(() -> job(id).path("history").size() == 2);
        awaitState(id, "dead");
        String second = ask("test.rejects");
        awaitState(second, "dead");
        assertThat(call(HttpMethod.POST, "/replay?type=notifications", 200)
                        .path("replayed")
                        .asInt())
                .isGreaterThanOrEqualTo(2);
        await().atMost(PATIENCE).until(() -> job(id).path("history").size() == 3);
        awaitState(id, "dead");
        assertThat(call(HttpMethod.POST, "/" + course + "/" + id + "/discard", 200)
                        .path("state")
                        .asString())
                .isEqualTo("discarded");
        for (String action : List.of("discard", "replay", "cancel")) {
            assertThat(call(HttpMethod.POST, "/" + course + "/" + id + "/" + action, 409)
                            .path("type")
                            .asString())
                    .isEqualTo("urn:lectern:problem:conflict");
        }
        awaitState(second, "dead");
        JsonNode page = call(HttpMethod.GET, "?limit=1&context_id=" + course, 200);
        assertThat(page.path("items").path(0).path("id").asString()).isEqualTo(second);
        assertThat(listed("&limit=1&before=" + page.path("next").asString())).containsExactly(id);
    }

    @Test
    void oneTraceLeadsFromTheRequestThroughTheJobsRowAndTheBrokerToTheWorker() {
        String id = ask("test.rejects");
        awaitState(id, "dead");
        assertThat(job(id).path("trace_id").asString()).isEqualTo(TRACE);
        await().atMost(PATIENCE).untilAsserted(() -> {
            var spans = exported.spans().stream()
                    .filter(span -> span.getTraceId().equals(TRACE))
                    .toList();
            var request = spans.stream()
                    .filter(span -> span.getName().contains("/api/test/jobs"))
                    .toList();
            var work = spans.stream()
                    .filter(span -> span.getName().equals("lectern.jobs.run"))
                    .toList();
            assertThat(request).isNotEmpty();
            assertThat(work)
                    .isNotEmpty()
                    .allSatisfy(span ->
                            assertThat(spans).extracting(one -> one.getSpanId()).contains(span.getParentSpanId()));
        });
    }

    @Test
    void aRunningJobTellsItsProgressUntilItIsCancelled() {
        String id = ask("test.endless");
        StepVerifier.create(events(id, operator)
                        .filter(job -> job.path("percent").asInt() == 40
                                || job.path("state").asString().equals("cancelled"))
                        .distinctUntilChanged(job -> job.path("state").asString()))
                .assertNext(job -> {
                    assertThat(job.path("stage").asString()).isEqualTo("encoding");
                    assertThat(job.path("speed").asDouble()).isEqualTo(2.5);
                    assertThat(job.path("seconds_left").asInt()).isEqualTo(75);
                    call(HttpMethod.POST, "/" + course + "/" + id + "/cancel", 200);
                })
                .assertNext(job -> assertThat(job.path("state").asString()).isEqualTo("cancelled"))
                .expectComplete()
                .verify(PATIENCE);
        assertThat(listed("&state=cancelled")).containsExactly(id);
    }

    @Test
    void whoWatchesAJobSeesNoMoreOfItOnceTheSessionHasEnded() {
        String id = ask("test.endless");
        String leaving = token(CourseRole.ADMINISTRATOR, true);
        StepVerifier.create(events(id, leaving))
                .expectNextCount(1)
                .then(() -> http.delete()
                        .uri("/api/session")
                        .header("Authorization", "Bearer " + leaving)
                        .exchange()
                        .expectStatus()
                        .isNoContent())
                .thenConsumeWhile(job -> !job.path("state").asString().equals("cancelled"))
                .expectComplete()
                .verify(PATIENCE);
        assertThat(job(id).path("state").asString()).isNotEqualTo("cancelled");
        call(HttpMethod.POST, "/" + course + "/" + id + "/cancel", 200);
    }

    /** A job as it changes. */
    private Flux<JsonNode> events(String id, String token) {
        return http.get()
                .uri("/api/ops/jobs/{course}/{id}/events", course, id)
                .header("Authorization", "Bearer " + token)
                .accept(MediaType.TEXT_EVENT_STREAM)
                .exchange()
                .expectStatus()
                .isOk()
                .returnResult(String.class)
                .getResponseBody()
                .publishOn(Schedulers.boundedElastic())
                .map(json::readTree);
    }

    @Test
    void whatIsWrongWithARequestIsSaid() {
        for (String query : List.of(
                "?state=lost",
                "?type=mail",
                "?lane=fast",
                "?context_id=x",
                "?since=yesterday",
                "?before=x",
                "?limit=0",
                "?limit=201")) {
            assertThat(call(HttpMethod.GET, query, 400).path("type").asString())
                    .as(query)
                    .isEqualTo("urn:lectern:problem:invalid-request");
        }
        String none = "/" + course + "/" + ids.generateId();
        for (String path : List.of(none, none + "/events")) {
            call(HttpMethod.GET, path, 404);
        }
        for (String path : List.of(none + "/replay", none + "/discard", none + "/cancel")) {
            call(HttpMethod.POST, path, 404);
        }
    }

    @Test
    void thePageFiltersShowsAndActs() {
        String dead = ask("test.rejects");
        awaitState(dead, "dead");
        String runs = ask("test.endless");
        awaitState(runs, "running");
        await().atMost(PATIENCE).until(() -> job(runs).path("percent").asInt() == 40);
        try (Browsers browsers = new Browsers()) {
            for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
                for (int width : new int[] {1280, Browsers.PHONE_WIDTH}) {
                    Page page = open(browsers, width, scheme);
                    page.locator("[name=context_id]").fill(course.toString());
                    page.locator("[name=context_id]").blur();
                    page.waitForSelector("#jobs progress");
                    look(page, "#jobs-title", "jobs-%d-%s".formatted(width, scheme));
                    page.locator("[data-key=details-" + dead + "]").click();
                    page.waitForSelector("#job-attempts td:has-text('as planned')");
                    look(page, "#job-title", "job-%d-%s".formatted(width, scheme));
                    page.locator("#job button").click();
                }
            }
            Page page = open(browsers, 1280, ColorScheme.LIGHT);
            page.locator("[name=context_id]").fill(course.toString());
            page.locator("[name=state]").selectOption("dead");
            page.waitForSelector("[data-key=details-" + dead + "]");
            assertThat(page.locator("#jobs tbody tr").count()).isOne();
            page.onDialog(dialog -> dialog.accept());
            page.locator("[data-key=discard-" + dead + "]").click();
            page.waitForSelector("#jobs td:has-text('No such jobs')");
            page.locator("[name=state]").selectOption("");
            page.locator("[data-key=cancel-" + runs + "]").click();
            awaitState(runs, "cancelled");
            assertThat(job(dead).path("state").asString()).isEqualTo("discarded");
        }
    }

    private Page open(Browsers browsers, int width, ColorScheme scheme) {
        String code = Objects.requireNonNull(
                sessions.openWithCode(session(CourseRole.ADMINISTRATOR, true)).block(PATIENCE));
        Page page = browsers.page("http://localhost:" + port, width, scheme);
        page.navigate("/launch?code=" + code);
        page.waitForSelector("#jobs table");
        return page;
    }

    /** Nothing that axe finds, nothing wider than the screen, and a picture to look at. */
    private static void look(Page page, String at, String name) {
        page.locator(at).scrollIntoViewIfNeeded();
        page.evaluate("at => document.querySelector(at).scrollIntoView()", at);
        page.screenshot(new Page.ScreenshotOptions()
                .setPath(Path.of("target", "pictures", name.toLowerCase(Locale.ROOT) + ".png")));
        assertThat(new AxeBuilder(page)
                        .withTags(List.of("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"))
                        .analyze()
                        .getViolations())
                .isEmpty();
        assertThat(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
                .isEqualTo(true);
    }
}
