package org.lectern.app.lti.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.fixture.Launcher;
import org.lectern.app.lti.fixture.PlatformFixture;
import org.lectern.app.lti.launch.Browser;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.RegistrationDesk;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.lti.service.call.ServiceCalls;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.app.lti.service.token.ServiceTokens;
import org.lectern.app.session.Expiring;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Sessions;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.ActivityLog;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.Operator;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** LTI Advantage services over the wire, opposite a platform that shares no code with Lectern. */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "lectern.embedded.directory=target/lectern",
            "lectern.roles=web,video",
            "lectern.lti.services.backoff=20ms",
            "lectern.lti.services.timeout=2s",
            "lectern.lti.services.notice-types=LtiContextCopyNotice"
        })
class PlatformServicesIT {

    private static final String CLIENT = "services-client";
    private static final String LINK = "LtiResourceLinkRequest";
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Set<String> ROSTER_SCOPE =
            Set.of("https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly");
    private static final PlatformFixture PLATFORM = new PlatformFixture(CLIENT);

    @LocalServerPort
    private int port;

    @Autowired
    private Registrations registrations;

    @Autowired
    private ServiceTokens tokens;

    @Autowired
    private ServiceCalls calls;

    @Autowired
    private Endpoints endpoints;

    @Autowired
    private RegistrationDesk desk;

    @Autowired
    private Members members;

    @Autowired
    private Shards shards;

    @Autowired
    private ActivityLog activities;

    @Autowired
    private Sessions sessions;

    @Autowired
    private IdGenerator ids;

    @Autowired
    private List<Expiring> expiring;

    @Autowired
    private Directory directory;

    private Launcher launcher = new Launcher(PLATFORM, URI.create("http://127.0.0.1:1"));
    private String course = "";

    @DynamicPropertySource
    static void platformByConfiguration(DynamicPropertyRegistry properties) {
        String prefix = "lectern.lti.registrations[0].";
        properties.add(prefix + "issuer", PLATFORM::issuer);
        properties.add(prefix + "client-id", () -> CLIENT);
        properties.add(prefix + "authorization-endpoint", () -> PLATFORM.issuer() + "/authorize");
        properties.add(prefix + "token-endpoint", () -> PLATFORM.issuer() + "/token");
        properties.add(prefix + "jwks-uri", () -> PLATFORM.issuer() + "/keys");
        properties.add(prefix + "deployment-ids", () -> "deployment-1");
    }

    @AfterAll
    static void stopPlatform() {
        PLATFORM.close();
    }

    @BeforeEach
    void aCourseOfItsOwn() {
        launcher = new Launcher(PLATFORM, URI.create("http://127.0.0.1:" + port));
        course = "course-" + UUID.randomUUID();
        PLATFORM.members.clear();
        PLATFORM.changes.clear();
        PLATFORM.requests.clear();
        PLATFORM.scores.clear();
        PLATFORM.lineItems.clear();
        PLATFORM.tokenLifetime = 3600;
        PLATFORM.nextLink = address -> address;
    }

    // Tokens.

    @Test
    void aTokenServesManyCallsAndManyCallersShareOneFetch() {
        int before = PLATFORM.tokens.get();
        Set<String> scopes = Set.of("urn:test:one-flight");
        List<String> values = Objects.requireNonNull(Flux.range(0, 50)
                .flatMap(i -> tokens.token(registration(), scopes), 50)
                .map(token -> token.value())
                .collectList()
                .block(SOON));
        assertThat(Set.copyOf(values)).hasSize(1);
        assertThat(PLATFORM.tokens.get() - before).isEqualTo(1);
        assertThat(tokens.token(registration(), scopes).block(SOON))
                .extracting("value")
                .isEqualTo(values.getFirst());
        assertThat(PLATFORM.tokens.get() - before).isEqualTo(1);
    }

    @Test
    void aTokenGoesToThePlatformsOwnAddressesOnly() {
        int before = PLATFORM.tokens.get();
        String elsewhere = PLATFORM.issuer().replace("127.0.0.1", "localhost");
        assertThat(elsewhere).isNotEqualTo(PLATFORM.issuer());
        for (String address : List.of(elsewhere + "/groups", "https://lms.example/groups")) {
            assertThatThrownBy(() -> calls.json(
                                    registration(),
                                    Set.of("urn:test:elsewhere"),
                                    PlatformRequest.get("test", URI.create(address), "application/json"))
                            .block(SOON))
                    .hasMessageContaining("no address of the platform");
        }
        assertThat(PLATFORM.tokens.get()).as("no token was even asked for").isEqualTo(before);
        assertThat(PLATFORM.requests).noneMatch(request -> request.contains("/groups"));
    }

    @Test
    void aRefusedTokenIsRenewedOnceAndThenTheRefusalCounts() {
        get("/groups", "contextgroup.readonly");
        PLATFORM.forgetTokens();
        int before = PLATFORM.tokens.get();
        assertThat(get("/groups", "contextgroup.readonly").path("groups")).hasSize(1);
        assertThat(PLATFORM.tokens.get() - before).isEqualTo(1);

        PLATFORM.fail("/groups", 2, 401);
        assertThatThrownBy(() -> get("/groups", "contextgroup.readonly"))
                .isInstanceOf(PlatformFailureException.class)
                .hasMessageContaining("fresh token");
    }

    @Test
    void aTokenNearItsEndIsNotUsed() {
        PLATFORM.tokenLifetime = 0;
        Set<String> scopes = Set.of("urn:test:short-lived");
        String one = Objects.requireNonNull(tokens.token(registration(), scopes).block(SOON))
                .value();
        String two = Objects.requireNonNull(tokens.token(registration(), scopes).block(SOON))
                .value();
        assertThat(one).isNotEqualTo(two);
    }

    @Test
    void anAssertionIsMadeForTheAudienceThatTheRegistrationNames() {
        PLATFORM.audience = "https://api.brightspace.example/auth/token";
        try {
            assertThatThrownBy(() -> tokens.token(registration(), Set.of("urn:test:audience"))
                            .block(SOON))
                    .isInstanceOf(PlatformFailureException.class);
            named(PLATFORM.audience);
            assertThat(tokens.token(registration(), Set.of("urn:test:audience")).block(SOON))
                    .isNotNull();
        } finally {
            PLATFORM.audience = null;
            named(null);
        }
    }

    /** Registers the platform again, as its configuration does, with an audience. */
    private void named(@Nullable String audience) {
        registrations
                .save(
                        new LtiProperties.Platform(
                                null,
                                PLATFORM.issuer(),
                                CLIENT,
                                URI.create(PLATFORM.issuer() + "/authorize"),
                                URI.create(PLATFORM.issuer() + "/token"),
                                audience,
                                URI.create(PLATFORM.issuer() + "/keys"),
                                List.of("deployment-1"),
                                false,
                                false,
                                false,
                                false),
                        Registrations.Source.CONFIGURATION)
                .block(SOON);
    }

    // Calls.

    @Test
    void aBusyPlatformIsAskedAgainAndAtLeastAsLateAsItAsks() {
        PLATFORM.fail("/groups", 1, 429, "Retry-After", "1");
        PLATFORM.fail("/groups", 1, 503);
        long begun = System.nanoTime();
        assertThat(get("/groups", "contextgroup.readonly").path("groups")).hasSize(1);
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThanOrEqualTo(Duration.ofSeconds(1));

        PLATFORM.fail("/groups", 1, 503, "Retry-After", "3600");
        assertThatThrownBy(() -> get("/groups", "contextgroup.readonly"))
                .isInstanceOfSatisfying(
                        PlatformFailureException.class,
                        failure -> assertThat(failure.retryAfter()).isEqualTo(Duration.ofHours(1)));
    }

    @Test
    void aSilentPlatformCostsNoMoreThanItsTimeOuts() {
        PLATFORM.hang("/groups", 1);
        assertThat(get("/groups", "contextgroup.readonly").path("groups")).hasSize(1);
    }

    @Test
    void addressesThatNobodyRegisteredAreNotCalled() {
        for (String address :
                List.of("http://127.0.0.1:" + port + "/actuator/health", "http://localhost/x", "ftp://x/y")) {
            assertThatThrownBy(() -> calls.json(
                                    registration(),
                                    ROSTER_SCOPE,
                                    PlatformRequest.get("test", URI.create(address), "application/json"))
                            .block(SOON))
                    .isInstanceOf(PlatformFailureException.class)
                    .hasMessageContaining("no address of the platform");
        }
    }

    // Rosters.

    @Test
    void aRosterIsReadOverAllPagesAndThenByDifferences() {
        JsonNode teacher = enter("teacher", "Instructor");
        PLATFORM.member("teacher", "Active", "Tea Cher", "Instructor");
        for (int i = 0; i < 4; i++) {
            PLATFORM.member("student-" + i, "Active", "Student " + i, "Learner");
        }
        PLATFORM.member("gone", "Inactive", "Gone Girl", "Learner");

        assertThat(launcher.json(teacher, "GET", "/api/lti/roster", null, 200)
                        .path("offered")
                        .asBoolean())
                .isTrue();
        assertThat(sync(teacher, "{}").path("state").asString()).isEqualTo("done");
        Map<String, Member> class1 = members(teacher);
        assertThat(class1).hasSize(6);
        assertThat(class1.get("Student 3")).satisfies(member -> {
            assertThat(member.roles()).containsExactly("student");
            assertThat(member.email()).isEqualTo("student-3@school.example");
            assertThat(member.section()).isEqualTo("Section A");
        });
        assertThat(Objects.requireNonNull(class1.get("Gone Girl")).roles()).isEmpty();
        assertThat(PLATFORM.requests).anyMatch(request -> request.contains("/nrps/members?c=1&limit="));

        Map<String, Object> changed = new HashMap<>(Objects.requireNonNull(PLATFORM.members.get("student-1")));
        changed.put("status", "Deleted");
        PLATFORM.changes.add(changed);
        PLATFORM.requests.clear();
        assertThat(sync(teacher, "{}").path("state").asString()).isEqualTo("done");
        assertThat(PLATFORM.requests).anyMatch(request -> request.contains("since="));
        assertThat(Objects.requireNonNull(members(teacher).get("Student 1")).roles())
                .isEmpty();
        assertThat(Objects.requireNonNull(members(teacher).get("Student 2")).roles())
                .containsExactly("student");

        PLATFORM.members.remove("student-2");
        assertThat(sync(teacher, "{\"whole\":true}").path("state").asString()).isEqualTo("done");
        assertThat(Objects.requireNonNull(members(teacher).get("Student 2")).roles())
                .isEmpty();
        assertThat(launcher.json(teacher, "GET", "/api/lti/roster", null, 200)
                        .path("members")
                        .asInt())
                .isEqualTo(5);
    }

    @Test
    void aMissingPageLeavesTheClassAsItWas() {
        JsonNode teacher = enter("teacher", "Instructor");
        for (int i = 0; i < 5; i++) {
            PLATFORM.member("s" + i, "Active", "S " + i, "Learner");
        }
        PLATFORM.nextLink = address -> address.replace("/nrps/members", "/nrps/nothing");
        JsonNode job = sync(teacher, "{\"whole\":true}");
        assertThat(job.path("state").asString()).isEqualTo("dead");
        assertThat(job.path("cause").asString()).contains("404");
        assertThat(members(teacher)).hasSize(1);

        PLATFORM.nextLink = address -> "https://elsewhere.example/members";
        assertThat(sync(teacher, "{\"whole\":true}").path("cause").asString()).contains("leads to another server");
        PLATFORM.nextLink = address -> address.replaceFirst("from=\\d+", "from=0");
        assertThat(sync(teacher, "{\"whole\":true}").path("cause").asString()).contains("circle");
        assertThat(members(teacher)).hasSize(1);

        PLATFORM.members.clear();
        assertThat(sync(teacher, "{\"whole\":true}").path("cause").asString()).contains("empty");

        PLATFORM.member("s0", "Active", "S 0", "Learner");
        PLATFORM.member("s1", "Active", "S 1", "Learner");
        PLATFORM.member("s2", "Active", "S 2", "Learner");
        PLATFORM.nextLink = address -> address.substring(PLATFORM.issuer().length());
        assertThat(sync(teacher, "{\"whole\":true}").path("state").asString())
                .as("a relative link")
                .isEqualTo("done");
        assertThat(members(teacher)).hasSize(4);
    }

    @Test
    void aRosterMayBeOfOneRoleOrOfOneLink() {
        JsonNode teacher = enter("teacher", "Instructor");
        PLATFORM.member("a", "Active", "A", "Learner");
        PLATFORM.member("b", "Active", "B", "Instructor");
        String role = PlatformFixture.MEMBERSHIP + "Learner";
        sync(teacher, "{\"role\":\"" + role + "\",\"resource_link_id\":\"link 1\"}");
        assertThat(PLATFORM.requests)
                .anyMatch(request -> request.contains("Learner") && request.contains("rlid=link+1"));
        assertThat(members(teacher)).containsKey("A").doesNotContainKey("B");
    }

    @Test
    void groupsAndTheirSetsAreReadOverAllPages() {
        JsonNode teacher = enter("teacher", "Instructor");
        JsonNode found = launcher.json(teacher, "GET", "/api/lti/groups", null, 200);
        assertThat(found.at("/groups/0/id").asString()).isEqualTo("g1");
        assertThat(found.at("/groups/0/name").asString()).isEqualTo("Section A");
        assertThat(found.at("/groups/1/set_id").asString()).isEqualTo("7");
        assertThat(found.path("groups")).hasSize(2);
        assertThat(found.at("/sets/0/id").asString()).isEqualTo("7");

        PLATFORM.fail("/groups", 4, 500);
        launcher.json(teacher, "GET", "/api/lti/groups", null, 503);
    }

    // Grades.

    @Test
    void aScoreGoesToAColumnThatWasMadeForIt() {
        JsonNode teacher = enter("teacher", "Instructor");
        JsonNode student = enter("student", "Learner");
        String column = "{\"resource\":\"participation\",\"label\":\"Taking part\",\"maximum\":20}";
        launcher.json(teacher, "POST", "/api/lti/grades/line-items", column, 200);
        launcher.json(teacher, "POST", "/api/lti/grades/line-items", column.replace("20", "30"), 200);
        assertThat(PLATFORM.lineItems).hasSize(1);
        assertThat(PLATFORM.lineItems
                        .values()
                        .iterator()
                        .next()
                        .path("scoreMaximum")
                        .asInt())
                .isEqualTo(30);

        String user = student.path("user_id").asString();
        PLATFORM.fail("/scores", 2, 500);
        score(teacher, user, 12.5);
        score(teacher, user, 14);
        Awaitility.await()
                .atMost(SOON)
                .untilAsserted(
                        () -> assertThat(state(teacher, "participation", user)).isEqualTo("sent"));
        JsonNode last = PLATFORM.scores.getLast();
        assertThat(last.path("userId").asString()).isEqualTo("student");
        assertThat(last.path("scoreGiven").asDouble()).isEqualTo(14);
        assertThat(last.path("scoreMaximum").asDouble()).isEqualTo(20);
        assertThat(last.path("activityProgress").asString()).isEqualTo("Completed");
        assertThat(last.path("gradingProgress").asString()).isEqualTo("FullyGraded");
        assertThat(PLATFORM.scores.stream()
                        .map(one -> Instant.parse(one.path("timestamp").asString())))
                .isSorted();
        JsonNode results = launcher.json(teacher, "GET", "/api/lti/grades/results?resource=participation", null, 200);
        assertThat(results.at("/items/0/user_id").asString()).isEqualTo(user);
        assertThat(results.at("/items/0/score").asDouble()).isEqualTo(14);

        launcher.json(teacher, "DELETE", "/api/lti/grades/line-items?resource=participation", null, 204);
        assertThat(PLATFORM.lineItems).isEmpty();
    }

    @Test
    void whatThePlatformRefusesIsShownAndANewerScoreThereStays() {
        JsonNode teacher = enter("teacher", "Instructor");
        String user = enter("student", "Learner").path("user_id").asString();
        launcher.json(
                teacher,
                "POST",
                "/api/lti/grades/line-items",
                "{\"resource\":\"participation\",\"label\":\"P\",\"maximum\":20}",
                200);
        PLATFORM.fail("/scores", 1, 422);
        score(teacher, user, 1);
        Awaitility.await()
                .atMost(SOON)
                .until(() -> state(teacher, "participation", user).equals("refused"));
        PLATFORM.fail("/scores", 1, 409);
        score(teacher, user, 2);
        Awaitility.await()
                .atMost(SOON)
                .until(() -> state(teacher, "participation", user).equals("superseded"));
    }

    @Test
    void takingPartInTheChatBecomesAScoreOfEveryStudent() {
        JsonNode teacher = enter("teacher", "Instructor");
        String busy = enter("busy", "Learner").path("user_id").asString();
        String quiet = enter("quiet", "Learner").path("user_id").asString();
        launcher.json(
                teacher,
                "POST",
                "/api/lti/grades/line-items",
                "{\"resource\":\"participation\",\"label\":\"P\",\"maximum\":100}",
                200);
        chatted(teacher, busy, 3);
        String four = "{\"messages\":4}";
        assertThat(launcher.json(teacher, "POST", "/api/lti/grades/participation", four, 202)
                        .path("queued")
                        .asInt())
                .as("both students, not the teacher")
                .isEqualTo(2);
        Awaitility.await()
                .atMost(SOON)
                .until(() -> state(teacher, "participation", busy).equals("sent")
                        && state(teacher, "participation", quiet).equals("sent"));
        assertThat(given()).containsEntry("busy", 75.0).containsEntry("quiet", 0.0);

        chatted(teacher, quiet, 5);
        assertThat(launcher.json(teacher, "POST", "/api/lti/grades/participation", four, 202)
                        .path("queued")
                        .asInt())
                .as("only who took part since")
                .isOne();
        Awaitility.await().atMost(SOON).until(() -> Double.valueOf(100).equals(given().get("quiet")));
    }

    @Test
    void watchingAGradedVideoBecomesAScore() {
        UUID video = UUID.randomUUID();
        String item = PLATFORM.newLineItem("A film");
        Map<String, Object> services = new HashMap<>(PLATFORM.services(item));
        services.put(PlatformFixture.LTI + "context", Map.of("id", course));
        services.put(PlatformFixture.LTI + "resource_link", Map.of("id", "film-link"));
        JsonNode student =
                launcher.launch(LINK, "/lti/launch?target=video&item=" + video, "student", "Learner", services);
        assertThat(student.path("path").asString()).isEqualTo("/video/" + video);
        readyVideo(student, video, 100_000);

        watch(student, video, 0, 20);
        watch(student, video, 0, 20);
        assertThat(PLATFORM.scores).isEmpty();
        watch(student, video, 10, 60);
        JsonNode teacher = enter("teacher", "Instructor");
        String user = student.path("user_id").asString();
        Awaitility.await()
                .atMost(SOON)
                .until(() -> state(teacher, "video:" + video, user).equals("sent"));
        assertThat(PLATFORM.scores.getLast().path("scoreGiven").asDouble()).isEqualTo(50);
        assertThat(PLATFORM.scores.getLast().path("activityProgress").asString())
                .isEqualTo("InProgress");
        watch(student, video, 55, 97);
        Awaitility.await()
                .atMost(SOON)
                .until(() -> PLATFORM.scores.getLast().path("scoreGiven").asDouble() == 100);
        assertThat(PLATFORM.scores.getLast().path("activityProgress").asString())
                .isEqualTo("Completed");
        assertThat(PLATFORM.requests).anyMatch(request -> request.contains("/scores?type_id=9"));
    }

    // Deep linking.

    @Test
    void whatAnInstructorPicksGoesBackSignedAndItsLinkLeadsThere() throws Exception {
        JsonNode teacher = deepLink("Instructor", true, PLATFORM.issuer() + "/deep-link?id=4");
        assertThat(teacher.path("path").asString()).isEqualTo("/lti/deep-link");
        JsonNode wanted = launcher.json(teacher, "GET", "/api/lti/deep-link", null, 200);
        assertThat(wanted.path("multiple").asBoolean()).isTrue();
        assertThat(wanted.path("links").asBoolean()).isTrue();

        UUID video = UUID.randomUUID();
        JsonNode signed = launcher.json(teacher, "POST", "/api/lti/deep-link", """
                {"items":[{"target":"video","item":"%s","title":"Film","points":10},
                          {"target":"chat","title":"Chat"}]}""".formatted(video), 200);
        assertThat(signed.path("return_url").asString()).isEqualTo(PLATFORM.issuer() + "/deep-link?id=4");
        // What the browser does with it.
        assertThat(new Browser(URI.create(PLATFORM.issuer()))
                        .post(
                                signed.path("return_url").asString(),
                                Map.of("JWT", signed.path("jwt").asString()),
                                Browser.PAGE)
                        .statusCode())
                .isEqualTo(200);
        var claims = PLATFORM.placed.getLast();
        assertThat(claims.getStringClaimValue(PlatformFixture.LTI + "message_type"))
                .isEqualTo("LtiDeepLinkingResponse");
        assertThat(claims.getStringClaimValue(PlatformFixture.LTI + "deployment_id"))
                .isEqualTo("deployment-1");
        assertThat(claims.getStringClaimValue("https://purl.imsglobal.org/spec/lti-dl/claim/data"))
                .isEqualTo("$opaque ");
        assertThat(claims.hasClaim("nonce")).isTrue();
        var items = (List<?>) claims.getClaimValue("https://purl.imsglobal.org/spec/lti-dl/claim/content_items");
        var film = (Map<?, ?>) items.getFirst();
        assertThat(items).hasSize(2);
        assertThat(film.get("type")).isEqualTo("ltiResourceLink");
        assertThat((Map<?, ?>) film.get("lineItem")).satisfies(item -> {
            assertThat(item.get("resourceId")).isEqualTo("video:" + video);
            assertThat(String.valueOf(item.get("scoreMaximum"))).startsWith("10");
        });
        String url = String.valueOf(film.get("url"));
        Map<String, Object> more = new HashMap<>();
        more.put(PlatformFixture.LTI + "context", Map.of("id", course));
        more.put(PlatformFixture.LTI + "resource_link", Map.of("id", "placed"));
        JsonNode student = launcher.launch(
                LINK,
                url.substring(
                        "http://127.0.0.1:".length() + String.valueOf(port).length()),
                "student",
                "Learner",
                more);
        assertThat(student.path("path").asString()).isEqualTo("/video/" + video);
    }

    @Test
    void aDeepLinkIsAnsweredOnlyByStaffOnlyAsAskedAndOnlyToAWebAddress() {
        JsonNode student = deepLink("Learner", true, PLATFORM.issuer() + "/deep-link");
        launcher.json(student, "GET", "/api/lti/deep-link", null, 403);
        launcher.json(student, "POST", "/api/lti/deep-link", "{\"items\":[]}", 403);

        JsonNode one = deepLink("Instructor", false, PLATFORM.issuer() + "/deep-link");
        String two = "{\"items\":[{\"target\":\"chat\",\"title\":\"A\"},{\"target\":\"chat\",\"title\":\"B\"}]}";
        launcher.json(one, "POST", "/api/lti/deep-link", two, 422);
        launcher.json(one, "POST", "/api/lti/deep-link", "{\"items\":[{\"target\":\"ops\",\"title\":\"A\"}]}", 400);

        launcher.json(deepLink("Instructor", true, "javascript:alert(1)"), "GET", "/api/lti/deep-link", null, 404);
        launcher.json(enter("teacher", "Instructor"), "GET", "/api/lti/deep-link", null, 404);
    }

    @Test
    void aLaunchDoesNotReplaceAColumnThatIsKnown() {
        JsonNode teacher = enter("teacher", "Instructor");
        launcher.json(
                teacher,
                "POST",
                "/api/lti/grades/line-items",
                "{\"resource\":\"participation\",\"label\":\"Talk\",\"maximum\":20}",
                200);
        String before = launcher.call(teacher, "GET", "/api/lti/grades/line-items", null)
                .body();
        assertThat(before).contains("20");
        for (String role : List.of("Learner", "Instructor")) {
            Map<String, Object> more = new HashMap<>(PLATFORM.services(PLATFORM.newLineItem("Other " + role)));
            more.put(PlatformFixture.LTI + "context", Map.of("id", course, "title", "Engines"));
            more.put(PlatformFixture.LTI + "resource_link", Map.of("id", "other-link"));
            launcher.launch(LINK, "/lti/launch?target=chat", "somebody", role, more);
        }
        assertThat(launcher.call(teacher, "GET", "/api/lti/grades/line-items", null)
                        .body())
                .isEqualTo(before);
    }

    // Beyond LTI Advantage.

    @Test
    void noticesAreOrderedAndTakenOnceEach() {
        enter("teacher", "Instructor");
        String handler = "http://127.0.0.1:" + port + "/lti/notices";
        Awaitility.await()
                .atMost(SOON)
                .untilAsserted(() -> assertThat(PLATFORM.handlers).containsEntry("LtiContextCopyNotice", handler));
        assertThat(PLATFORM.notify("LtiContextCopyNotice")).isEqualTo(202);
        Map<String, Object> claims = PLATFORM.claims("x", "n", "y", "z", "Learner");
        claims.put(
                PlatformFixture.LTI + "notice",
                Map.of(
                        "id",
                        UUID.randomUUID().toString(),
                        "type",
                        "LtiContextCopyNotice",
                        "timestamp",
                        "2026-01-01T00:00:00Z"));
        claims.put(PlatformFixture.LTI + "origin_contexts", List.of("course-0"));
        String notice = "{\"notices\":[{\"jwt\":\"" + PLATFORM.sign(claims) + "\"}]}";
        JsonNode nobody = JsonMapper.shared().createObjectNode();
        assertThat(launcher.json(nobody, "POST", "/lti/notices", notice, 202)
                        .path("taken")
                        .asInt())
                .isEqualTo(1);
        launcher.json(nobody, "POST", "/lti/notices", notice, 202);

        claims.put("aud", "somebody-else");
        for (String jwt : List.of(PLATFORM.sign(claims), "a.b.c", notice.substring(20, 300))) {
            String wrong = "{\"notices\":[{\"jwt\":\"" + jwt.replace("\"", "") + "\"}]}";
            launcher.json(nobody, "POST", "/lti/notices", wrong, 400);
        }
    }

    @Test
    void noticesAreKeptForNinetyDays() {
        notice(0);
        notice(89);
        notice(91);
        Expiring notices = expiring.stream()
                .filter(one -> one.expiring().equals("notices"))
                .findFirst()
                .orElseThrow();
        assertThat(notices.removeExpired().block(SOON)).isOne();
        assertThat(notices.removeExpired().block(SOON)).isZero();
    }

    private void notice(int daysAgo) {
        UUID platform = registration().id();
        directory
                .write(sql -> sql.sql("""
                                insert into lti_notice (id, registration_id, notice_id, type, deployment_id,
                                    origin_contexts, at, received_at)
                                values (:id, :registration, :notice, 'LtiContextCopyNotice', 'deployment-1', '{}', :at, :at)""")
                        .bind("id", ids.generateId())
                        .bind("registration", platform)
                        .bind("notice", UUID.randomUUID().toString())
                        .bind("at", Instant.now().minus(Duration.ofDays(daysAgo)))
                        .fetch()
                        .rowsUpdated())
                .block(SOON);
    }

    @Test
    void noticesOfAPausedPlatformOrAnUnknownDeploymentAreNotTaken() {
        JsonNode nobody = JsonMapper.shared().createObjectNode();
        launcher.json(nobody, "POST", "/lti/notices", notice("deployment-9"), 400);
        pause(true);
        try {
            launcher.json(nobody, "POST", "/lti/notices", notice("deployment-1"), 400);
        } finally {
            pause(false);
        }
        launcher.json(nobody, "POST", "/lti/notices", notice("deployment-1"), 202);
    }

    private static String notice(String deployment) {
        Map<String, Object> claims = PLATFORM.claims("x", "n", "y", "z", "Learner");
        claims.put(PlatformFixture.LTI + "deployment_id", deployment);
        claims.put(
                PlatformFixture.LTI + "notice",
                Map.of(
                        "id",
                        UUID.randomUUID().toString(),
                        "type",
                        "LtiContextCopyNotice",
                        "timestamp",
                        "2026-01-01T00:00:00Z"));
        return "{\"notices\":[{\"jwt\":\"" + PLATFORM.sign(claims) + "\"}]}";
    }

    @Test
    void anOperatorsPauseEndsSessionsAndStopsServices() {
        JsonNode teacher = enter("teacher", "Instructor");
        var context = new ContextId(UUID.fromString(teacher.path("context_id").asString()));
        assertThat(endpoints.find(context, ServiceKind.MEMBERSHIPS).block(SOON)).isNotNull();
        JsonNode placing = deepLink("Instructor", true, PLATFORM.issuer() + "/return");
        launcher.json(placing, "GET", "/api/lti/deep-link", null, 200);
        pause(true);
        try {
            assertThat(endpoints.find(context, ServiceKind.MEMBERSHIPS).block(SOON))
                    .isNull();
            launcher.json(teacher, "GET", "/api/session", null, 401);
            launcher.json(placing, "GET", "/api/lti/deep-link", null, 401);
        } finally {
            pause(false);
        }
        assertThat(endpoints.find(context, ServiceKind.MEMBERSHIPS).block(SOON)).isNotNull();
        launcher.json(teacher, "GET", "/api/session", null, 401);
    }

    private void pause(boolean pause) {
        desk.pause(registration().id(), pause, new Operator("test")).block(SOON);
    }

    @Test
    void aReviewIsForStaffAndForThePersonItIsAbout() {
        String user = enter("student", "Learner").path("user_id").asString();
        Map<String, Object> about = new HashMap<>(PLATFORM.services(PLATFORM.newLineItem("Essay")));
        about.put(PlatformFixture.LTI + "context", Map.of("id", course));
        about.put(PlatformFixture.LTI + "for_user", Map.of("user_id", "student"));
        String type = "LtiSubmissionReviewRequest";
        JsonNode teacher = launcher.launch(type, "/lti/launch", "teacher", "Instructor", about);
        assertThat(teacher.path("path").asString()).isEqualTo("/lti/review");
        JsonNode review = launcher.json(teacher, "GET", "/api/lti/review", null, 200);
        assertThat(review.path("user_id").asString()).isEqualTo(user);
        launcher.json(
                launcher.launch(type, "/lti/launch", "student", "Learner", about), "GET", "/api/lti/review", null, 200);
        launcher.json(
                launcher.launch(type, "/lti/launch", "other", "Learner", about), "GET", "/api/lti/review", null, 403);
        about.remove(PlatformFixture.LTI + "for_user");
        assertThat(launcher.tried(type, "/lti/launch", "teacher", "Instructor", about)
                        .statusCode())
                .isEqualTo(401);
    }

    @Test
    void privacyIsAskedForByOneselfOrByAnAdministrator() {
        Map<String, Object> other = new HashMap<>();
        other.put(PlatformFixture.LTI + "context", Launcher.ABSENT);
        other.put(PlatformFixture.LTI + "for_user", Map.of("id", "student"));
        JsonNode admin = launcher.launch("DataPrivacyLaunchRequest", "/lti/launch", "admin", "Administrator", other);
        assertThat(admin.path("path").asString()).isEqualTo("/lti/privacy");
        launcher.json(admin, "POST", "/api/lti/privacy", "{\"kind\":\"erase\"}", 202);
        JsonNode peer = launcher.launch("LtiDataPrivacyLaunchRequest", "/lti/launch", "peer", "Learner", other);
        launcher.json(peer, "GET", "/api/lti/privacy", null, 403);
        other.remove(PlatformFixture.LTI + "for_user");
        JsonNode self = launcher.launch("LtiDataPrivacyLaunchRequest", "/lti/launch", "self", "Learner", other);
        String id = launcher.json(self, "POST", "/api/lti/privacy", "{\"kind\":\"export\"}", 202)
                .path("id")
                .asString();
        launcher.json(enter("self", "Learner"), "GET", "/api/lti/privacy", null, 404);

        String requests = "/api/ops/lti/privacy-requests";
        JsonNode operator = operator();
        JsonNode newest =
                launcher.json(operator, "GET", requests + "?limit=1", null, 200).at("/items/0");
        assertThat(newest.path("id").asString()).isEqualTo(id);
        assertThat(newest.path("subject").asString()).isEqualTo("self");
        assertThat(newest.path("user_id")).isEqualTo(self.path("user_id"));
        String settle = requests + "/" + id + "/settle";
        JsonNode settled =
                launcher.json(operator, "POST", settle, "{\"outcome\":\"done\",\"note\":\"sent by post\"}", 200);
        assertThat(settled.path("outcome").asString()).isEqualTo("done");
        assertThat(settled.path("settled_by").asString()).startsWith("user:");
        launcher.json(operator, "POST", settle, "{\"outcome\":\"refused\"}", 409);
        launcher.json(operator, "POST", requests + "/" + UUID.randomUUID() + "/settle", "{\"outcome\":\"done\"}", 404);
        assertThat(launcher.json(operator, "GET", requests, null, 200).toString())
                .doesNotContain(id);
        assertThat(launcher.json(operator, "GET", requests + "?waiting=false", null, 200)
                        .toString())
                .contains(id, "sent by post");
        launcher.json(self, "GET", requests, null, 403);
    }

    /** Whoever runs this server. */
    private JsonNode operator() {
        var session = new NewSession(
                UUID.randomUUID(),
                "Operator",
                new ContextId(UUID.randomUUID()),
                "Course",
                Set.of(CourseRole.ADMINISTRATOR),
                true,
                LaunchTarget.OPS);
        String token =
                Objects.requireNonNull(sessions.open(session).block(SOON)).token();
        return JsonMapper.shared().createObjectNode().put("token", token);
    }

    @Test
    void thePlatformIsToldWhoAcceptsTheTerms() {
        Map<String, Object> more = new HashMap<>(PLATFORM.services(null));
        more.put(PlatformFixture.LTI + "context", Map.of("id", course));
        JsonNode student = launcher.launch("LtiEulaRequest", "/lti/launch", "student", "Learner", more);
        launcher.json(student, "POST", "/api/lti/eula", "{\"accepted\":true}", 204);
        assertThat(PLATFORM.eulaAnswers.getLast().path("userId").asString()).isEqualTo("student");
        assertThat(PLATFORM.eulaAnswers.getLast().path("accepted").asBoolean()).isTrue();
        launcher.json(enter("student", "Learner"), "POST", "/api/lti/eula", "{\"accepted\":true}", 404);
    }

    // Who may not.

    @Test
    void aStudentNeitherReadsTheRosterNorGrades() {
        JsonNode student = enter("student", "Learner");
        for (@Nullable
        String[] forbidden : new @Nullable String[][] {
            {"GET", "/api/lti/roster", null},
            {"POST", "/api/lti/roster/sync", "{}"},
            {"GET", "/api/lti/roster/jobs/" + UUID.randomUUID(), null},
            {"GET", "/api/lti/groups", null},
            {"GET", "/api/lti/grades/line-items", null},
            {"POST", "/api/lti/grades/line-items", "{\"resource\":\"participation\",\"label\":\"P\",\"maximum\":1}"},
            {"DELETE", "/api/lti/grades/line-items?resource=participation", null},
            {"GET", "/api/lti/grades/scores?resource=participation", null},
            {
                "POST",
                "/api/lti/grades/scores",
                "{\"resource\":\"participation\",\"user_id\":\""
                        + student.path("user_id").asString() + "\",\"score\":1,\"maximum\":1}"
            },
            {"POST", "/api/lti/grades/participation", "{\"messages\":1}"},
            {"GET", "/api/lti/grades/results?resource=participation", null}
        }) {
            assertThat(launcher.json(
                                    student,
                                    Objects.requireNonNull(forbidden[0]),
                                    Objects.requireNonNull(forbidden[1]),
                                    forbidden[2],
                                    403)
                            .path("type")
                            .asString())
                    .isEqualTo("urn:lectern:problem:forbidden");
        }
        assertThat(PLATFORM.requests).noneMatch(request -> request.contains("/nrps") || request.contains("/ags"));
    }

    private Registration registration() {
        return Objects.requireNonNull(
                registrations.find(PLATFORM.issuer(), CLIENT).block(SOON));
    }

    private JsonNode get(String path, String scope) {
        return Objects.requireNonNull(calls.json(
                        registration(),
                        Set.of("https://purl.imsglobal.org/spec/lti-gs/scope/" + scope),
                        PlatformRequest.get("test", URI.create(PLATFORM.issuer() + path), "application/json"))
                .block(SOON));
    }

    private JsonNode enter(String subject, String role) {
        Map<String, Object> more = new HashMap<>(PLATFORM.services(null));
        more.put(PlatformFixture.LTI + "context", Map.of("id", course, "title", "Engines"));
        more.put(PlatformFixture.LTI + "resource_link", Map.of("id", "chat-link"));
        return launcher.launch(LINK, "/lti/launch?target=chat", subject, role, more);
    }

    private JsonNode deepLink(String role, boolean multiple, String returnUrl) {
        Map<String, Object> more = new HashMap<>();
        more.put(PlatformFixture.LTI + "context", Map.of("id", course));
        more.put(
                "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings",
                Map.of(
                        "deep_link_return_url",
                        returnUrl,
                        "accept_types",
                        List.of("link", "ltiResourceLink"),
                        "accept_presentation_document_targets",
                        List.of("iframe", "window"),
                        "accept_multiple",
                        multiple,
                        "data",
                        "$opaque "));
        return launcher.launch("LtiDeepLinkingRequest", "/lti/launch", "teacher-" + role, role, more);
    }

    private JsonNode sync(JsonNode teacher, String body) {
        String id = launcher.json(teacher, "POST", "/api/lti/roster/sync", body, 202)
                .path("id")
                .asString();
        return Awaitility.await()
                .atMost(SOON)
                .until(
                        () -> launcher.json(teacher, "GET", "/api/lti/roster/jobs/" + id, null, 200),
                        job -> Set.of("done", "dead").contains(job.path("state").asString()));
    }

    private Map<String, Member> members(JsonNode session) {
        return Objects.requireNonNull(members.list(context(session), null, 1000, Freshness.PRIMARY)
                        .collectList()
                        .block(SOON))
                .stream()
                .collect(Collectors.toMap(member -> String.valueOf(member.name()), member -> member));
    }

    private void score(JsonNode teacher, String user, double score) {
        launcher.json(
                teacher,
                "POST",
                "/api/lti/grades/scores",
                "{\"resource\":\"participation\",\"user_id\":\"%s\",\"score\":%s,\"maximum\":20}"
                        .formatted(user, score),
                202);
    }

    private String state(JsonNode teacher, String resource, String user) {
        for (JsonNode score : launcher.json(teacher, "GET", "/api/lti/grades/scores?resource=" + resource, null, 200)
                .path("items")) {
            if (score.path("user_id").asString().equals(user)) {
                return score.path("state").asString();
            }
        }
        return "none";
    }

    /** The newest score of each person, as it arrived. */
    private static Map<String, Double> given() {
        return PLATFORM.scores.stream()
                .collect(Collectors.toMap(
                        one -> one.path("userId").asString(),
                        one -> one.path("scoreGiven").asDouble(),
                        (old, newer) -> newer));
    }

    private void chatted(JsonNode session, String user, int messages) {
        List<Activity> written = IntStream.range(0, messages)
                .mapToObj(i -> new Activity(
                        ids.generateId(), UUID.fromString(user), Activity.Verb.CHATTED, null, Instant.now(), Map.of()))
                .toList();
        shards.write(context(session), transaction -> activities.record(transaction, written))
                .block(SOON);
    }

    private void watch(JsonNode session, UUID video, int from, int to) {
        launcher.json(
                session, "POST", "/api/video/" + video + "/watch", "{\"from\":%d,\"to\":%d}".formatted(from, to), 204);
    }

    private void readyVideo(JsonNode session, UUID video, long millis) {
        shards.write(
                        context(session),
                        transaction -> transaction
                                .sql()
                                .sql("""
                                insert into video (context_id, id, logical_shard, uploader_id, title, filename, state,
                                    by_instructor, live, size_bytes, received_bytes, upload_metadata, upload_expires,
                                    duration_millis, output_id, created_at, updated_at)
                                values (:context, :id, :shard, :id, 'Film', 'film.mp4', 'ready', true, false, 1, 1, '', now(),
                                    :millis, :id, now(), now())""")
                                .bind("context", transaction.context().value())
                                .bind("id", video)
                                .bind("shard", (short) transaction.logicalShard())
                                .bind("millis", millis)
                                .fetch()
                                .rowsUpdated())
                .block(SOON);
    }

    private static ContextId context(JsonNode session) {
        return new ContextId(UUID.fromString(session.path("context_id").asString()));
    }
}
