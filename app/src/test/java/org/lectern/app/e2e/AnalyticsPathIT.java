package org.lectern.app.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.ColorScheme;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.app.LecternApplication;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Sessions;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.Activity.Verb;
import org.lectern.infra.activity.ActivityLog;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.http.HttpStatus;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.util.IdGenerator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Event to batch to shard to analytics job to rollup to replica to dashboard, in one node with all roles. */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.capacity.interval=1s"})
class AnalyticsPathIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @LocalServerPort
    private int port;

    @Autowired
    private Sessions sessions;

    @Autowired
    private Shards shards;

    @Autowired
    private ActivityLog activities;

    @Autowired
    private IdGenerator ids;

    @Autowired
    private Clock clock;

    @Autowired
    private JsonMapper json;

    private ContextId course = new ContextId(new UUID(0, 0));
    private WebTestClient http = WebTestClient.bindToServer().build();

    @BeforeEach
    void newCourse() {
        course = new ContextId(ids.generateId());
        http = WebTestClient.bindToServer()
                .baseUrl("http://localhost:" + port)
                .responseTimeout(Duration.ofSeconds(20))
                .build();
    }

    @Test
    void whatPeopleDoIsOnTheDashboardSecondsLater() {
        List<UUID> people = new ArrayList<>();
        for (int person = 0; person < 6; person++) {
            people.add(ids.generateId());
        }
        List<Activity> events = new ArrayList<>();
        for (UUID person : people) {
            events.add(activity(person, Verb.LAUNCHED, Map.of()));
            events.add(activity(person, Verb.CHATTED, Map.of()));
            events.add(activity(person, Verb.PLAYED, Map.of()));
            events.add(activity(person, Verb.WATCHED, Map.of("from", 0.0, "to", 10.0)));
        }
        record(events);
        String instructor = token(CourseRole.INSTRUCTOR, false);

        await().atMost(PATIENCE).untilAsserted(() -> {
            JsonNode figures = get("/api/analytics/performance?context_id=" + course, instructor);
            assertThat(figures.path("chat_messages").asInt()).isEqualTo(6);
            assertThat(figures.path("video_views").asInt()).isEqualTo(6);
            assertThat(figures.path("active_people").asInt()).isEqualTo(6);
            assertThat(figures.path("watch_seconds").asDouble()).isEqualTo(60);
            assertThat(figures.path("watermark").asString()).isNotEmpty();
            // The requests of this very test, measured by the node and merged into the course's histogram.
            assertThat(figures.path("response_ms").path("p95").asDouble()).isPositive();
        });
        // The same events once more: recorded, and counted, once.
        record(events);
        record(List.of(activity(people.getFirst(), Verb.CHATTED, Map.of())));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(get("/api/analytics/performance", instructor)
                                .path("chat_messages")
                                .asInt())
                        .isEqualTo(7));
        assertThat(get("/api/analytics/performance", instructor)
                        .path("launches")
                        .asInt())
                .isEqualTo(6);
    }

    @Test
    void smallGroupsStudentsAndOtherCourses() {
        record(List.of(activity(ids.generateId(), Verb.CHATTED, Map.of())));
        String instructor = token(CourseRole.INSTRUCTOR, false);
        await().atMost(PATIENCE).untilAsserted(() -> {
            JsonNode figures = get("/api/analytics/performance", instructor);
            assertThat(figures.path("chat_messages").asInt()).isEqualTo(1);
            assertThat(figures.path("active_people").isNull()).isTrue();
            assertThat(figures.path("suppressed").asBoolean()).isTrue();
        });
        refused("/api/analytics/performance", token(CourseRole.STUDENT, false), HttpStatus.FORBIDDEN, "forbidden");
        refused(
                "/api/analytics/performance?context_id=" + ids.generateId(),
                instructor,
                HttpStatus.FORBIDDEN,
                "forbidden");
        refused("/api/analytics/performance?context_id=x", instructor, HttpStatus.BAD_REQUEST, "invalid-request");
        refused("/api/analytics/performance?from=now", instructor, HttpStatus.BAD_REQUEST, "invalid-request");
        refused("/api/ops/decisions", instructor, HttpStatus.FORBIDDEN, "forbidden");
        refused("/api/ops/signals", instructor, HttpStatus.FORBIDDEN, "forbidden");
    }

    @Test
    void operatorsSeeTheSignalsOfThisNode() {
        String operator = token(CourseRole.ADMINISTRATOR, true);
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(get("/api/ops/signals?window=15m", operator)
                                .path("items")
                                .findValuesAsString("kind"))
                        .contains("cpu", "memory", "requests", "query_millis", "replica_lag_millis"));
        assertThat(get("/api/ops/decisions?limit=5", operator).path("items").isArray())
                .isTrue();
        refused("/api/ops/signals?kind=moon", operator, HttpStatus.BAD_REQUEST, "invalid-request");
        refused("/api/ops/signals?window=30d", operator, HttpStatus.BAD_REQUEST, "invalid-request");
        refused("/api/ops/decisions?limit=201", operator, HttpStatus.BAD_REQUEST, "invalid-request");
    }

    @Test
    void pagesShowItToEverybody() {
        record(List.of(
                activity(ids.generateId(), Verb.CHATTED, Map.of()), activity(ids.generateId(), Verb.PLAYED, Map.of())));
        try (Browsers browsers = new Browsers()) {
            for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
                Page dashboard = open(browsers, scheme, CourseRole.INSTRUCTOR, false, LaunchTarget.DASHBOARD);
                dashboard.waitForSelector("text=by few people");
                look(dashboard, "dashboard-" + scheme);

                Page operations = open(browsers, scheme, CourseRole.ADMINISTRATOR, true, LaunchTarget.OPS);
                operations.waitForSelector("#signals .chart");
                look(operations, "ops-" + scheme);
            }
        }
    }

    private Page open(Browsers browsers, ColorScheme scheme, CourseRole role, boolean operator, LaunchTarget target) {
        String code = Objects.requireNonNull(
                sessions.openWithCode(session(role, operator, target)).block(PATIENCE));
        Page page = browsers.page("http://localhost:" + port, Browsers.PHONE_WIDTH, scheme);
        page.navigate("/launch?code=" + code);
        return page;
    }

    /** Nothing that axe finds, nothing wider than the phone, and a picture to look at. */
    private static void look(Page page, String name) {
        page.screenshot(new Page.ScreenshotOptions()
                .setFullPage(true)
                .setPath(Path.of("target", "pictures", name.toLowerCase(java.util.Locale.ROOT) + ".png")));
        assertThat(new AxeBuilder(page)
                        .withTags(List.of("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"))
                        .analyze()
                        .getViolations())
                .isEmpty();
        assertThat(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
                .isEqualTo(true);
    }

    private String token(CourseRole role, boolean operator) {
        return Objects.requireNonNull(sessions.open(session(role, operator, LaunchTarget.DASHBOARD))
                        .block(PATIENCE))
                .token();
    }

    private NewSession session(CourseRole role, boolean operator, LaunchTarget target) {
        return new NewSession(ids.generateId(), "Ada", course, "Engines", Set.of(role), operator, target);
    }

    private Activity activity(UUID person, Verb verb, Map<String, Double> measures) {
        return new Activity(ids.generateId(), person, verb, null, clock.instant(), measures);
    }

    private void record(List<Activity> events) {
        shards.write(
                        course,
                        transaction -> activities.record(transaction, events).thenReturn(1))
                .block(PATIENCE);
    }

    private JsonNode get(String path, String token) {
        byte[] body = http.get()
                .uri(path)
                .headers(headers -> headers.setBearerAuth(token))
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody()
                .returnResult()
                .getResponseBody();
        return json.readTree(Objects.requireNonNull(body));
    }

    private void refused(String path, String token, HttpStatus status, String type) {
        http.get()
                .uri(path)
                .headers(headers -> headers.setBearerAuth(token))
                .exchange()
                .expectStatus()
                .isEqualTo(status)
                .expectBody()
                .jsonPath("$.type")
                .isEqualTo("urn:lectern:problem:" + type);
    }
}
