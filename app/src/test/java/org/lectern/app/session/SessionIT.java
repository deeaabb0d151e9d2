package org.lectern.app.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.app.LecternApplication;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.core.env.Environment;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Sessions and the table of who may call what, over the wire. */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.roles=web"})
class SessionIT {

    @LocalServerPort
    private int port;

    @Autowired
    private Sessions sessions;

    @Autowired
    private Directory directory;

    @Autowired
    private IdGenerator ids;

    @Autowired
    private MeterRegistry meters;

    @Autowired
    private Environment environment;

    private WebTestClient http = WebTestClient.bindToServer().build();

    @BeforeEach
    void connect() {
        http = WebTestClient.bindToServer()
                .baseUrl("http://localhost:" + port)
                .responseTimeout(Duration.ofSeconds(20))
                .build();
    }

    @Test
    void showsAndEndsTheSessionOfAToken() {
        OpenSession open = open(false);
        get("/api/session", open.token())
                .expectStatus()
                .isOk()
                .expectHeader()
                .valueEquals("Cache-Control", "no-store")
                .expectBody()
                .jsonPath("$.user_id")
                .isEqualTo(open.session().userId().toString())
                .jsonPath("$.target")
                .isEqualTo("dashboard")
                .jsonPath("$.roles[0]")
                .isEqualTo("student")
                .jsonPath("$.token")
                .doesNotExist();
        http.delete()
                .uri("/api/session")
                .headers(headers -> headers.setBearerAuth(open.token()))
                .exchange()
                .expectStatus()
                .isNoContent();
        unauthenticated("/api/session", open.token());
    }

    @Test
    void whoAsksBeforeTheEndIsCommittedKeepsNoSessionAliveOnThisNode() {
        OpenSession open = open(false);
        UUID registration = ids.generateId();
        directory
                .write(sql -> sql.sql("""
                                insert into lti_registration (id, issuer, client_id, name, authorization_endpoint, jwks_uri,
                                    trusted_addresses, source, created_at, updated_at)
                                values (:id, 'https://ends.example', :id::text, 'Ends', 'https://ends.example/a',
                                    'https://ends.example/k', false, 'api', now(), now())""")
                        .bind("id", registration)
                        .then()
                        .then(sql.sql("update session set registration_id = :registration where id = :id")
                                .bind("registration", registration)
                                .bind("id", open.session().id())
                                .fetch()
                                .rowsUpdated()))
                .block(Duration.ofSeconds(10));
        LaunchSession within = sessions.ending(directory.write(sql ->
                        sessions.endOf(sql, registration, false).then(Mono.defer(() -> sessions.find(open.token())))))
                .block(Duration.ofSeconds(10));
        assertThat(within)
                .as("not yet committed")
                .extracting(LaunchSession::id)
                .isEqualTo(open.session().id());
        unauthenticated("/api/session", open.token());
    }

    @Test
    void requestsWithoutALiveSessionGetAProblemDocument() {
        for (String path :
                List.of("/api/session", "/api/anything", "/xapi/statements", "/api/ops", "/api/ops/signals")) {
            unauthenticated(path, null);
            unauthenticated(path, "lectern_" + "x".repeat(43));
            unauthenticated(path, "made-up");
        }
    }

    @Test
    void anExpiredSessionIsRefusedThoughItsRowIsStillThere() {
        OpenSession open = open(false);
        directory
                .write(sql -> sql.sql("update session set expires_at = now() - interval '1 second' where id = :id")
                        .bind("id", open.session().id())
                        .fetch()
                        .rowsUpdated())
                .block(Duration.ofSeconds(10));
        unauthenticated("/api/session", open.token());
    }

    @Test
    void theTokenIsStoredAsADigestOnly() {
        OpenSession open = open(false);
        List<String> rows = directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select session::text as row from session where id = :id")
                                .bind("id", open.session().id())
                                .map(row -> Objects.requireNonNull(row.get("row", String.class)))
                                .all())
                .collectList()
                .block(Duration.ofSeconds(10));
        assertThat(rows)
                .singleElement()
                .satisfies(row -> assertThat(row)
                        .doesNotContain(open.token().substring(Sessions.TOKEN_PREFIX.length()))
                        .contains(Secrets.hexDigest(open.token())));
    }

    @Test
    void operationsAreForOperatorsOnly() {
        get("/api/ops/lti/rejections", open(false).token())
                .expectStatus()
                .isForbidden()
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON)
                .expectBody()
                .jsonPath("$.type")
                .isEqualTo("urn:lectern:problem:forbidden");
        get("/api/ops/lti/rejections", open(true).token()).expectStatus().isOk();
    }

    @Test
    void ofManyExchangesOfACodeInParallelExactlyOneWins() {
        String code =
                Objects.requireNonNull(sessions.openWithCode(request(false)).block(Duration.ofSeconds(10)));
        List<OpenSession> won = Flux.range(0, 10)
                .flatMap(unused -> sessions.exchange(code), 10)
                .collectList()
                .block(Duration.ofSeconds(20));
        assertThat(won).hasSize(1);
    }

    @Test
    void aCodeThatIsTooOldIsRefused() {
        String code =
                Objects.requireNonNull(sessions.openWithCode(request(false)).block(Duration.ofSeconds(10)));
        directory
                .write(sql -> sql.sql(
                                "update session_code set expires_at = now() - interval '1 second' where code_digest = :code")
                        .bind("code", Secrets.digest(code))
                        .fetch()
                        .rowsUpdated())
                .block(Duration.ofSeconds(10));
        exchange("{\"code\":\"" + code + "\"}").expectStatus().isUnauthorized();
    }

    @Test
    void aMalformedExchangeIsTheClientsMistake() {
        exchange("{\"code\":\"\"}").expectStatus().isBadRequest();
        exchange("{}").expectStatus().isBadRequest();
        exchange("[").expectStatus().isBadRequest();
        exchange("{\"code\":\"" + "x".repeat(101) + "\"}").expectStatus().isBadRequest();
        exchange("{\"code\":\"unknown\"}").expectStatus().isUnauthorized();
    }

    @Test
    void everyAnswerCarriesTheSecurityHeaders() {
        for (String path : List.of("/", "/lti/login", "/api/session", "/no/such/page")) {
            http.get()
                    .uri(path)
                    .exchange()
                    .expectHeader()
                    .value(
                            "Content-Security-Policy",
                            policy -> assertThat(policy)
                                    .contains(
                                            "default-src 'self'", "object-src 'none'", "frame-ancestors 'self' https:")
                                    .doesNotContain("unsafe"))
                    .expectHeader()
                    .valueEquals("X-Content-Type-Options", "nosniff")
                    .expectHeader()
                    .valueEquals("Referrer-Policy", "same-origin")
                    .expectHeader()
                    .doesNotExist("X-Frame-Options");
        }
    }

    @Test
    void aSessionReadsItsOwnWritesThoughReplicasServeIt() throws SQLException {
        String token = instructor();
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            get("/api/video", token).expectStatus().isOk();
            return meters.get("lectern.db.operation").tags("kind", "read", "target", "replica").timers().stream()
                            .mapToLong(Timer::count)
                            .sum()
                    > 0;
        });
        replay("pause");
        try {
            for (int i = 0; i < 3; i++) {
                String upload = Objects.requireNonNull(http.post()
                        .uri("/api/video/upload")
                        .headers(headers -> headers.setBearerAuth(token))
                        .header("Tus-Resumable", "1.0.0")
                        .header("Upload-Length", "1000000")
                        .header("Upload-Metadata", "filename YS5tcDQ=")
                        .exchange()
                        .expectStatus()
                        .isCreated()
                        .expectBody()
                        .returnResult()
                        .getResponseHeaders()
                        .getFirst("Location"));
                get(upload.replace("/upload", ""), token).expectStatus().isOk();
            }
        } finally {
            replay("resume");
        }
    }

    private void replay(String how) throws SQLException {
        try (var replica = DriverManager.getConnection(
                        "jdbc:postgresql://"
                                + environment.getRequiredProperty("lectern.db.servers[0].replicas[0].address")
                                + "/postgres",
                        environment.getRequiredProperty("lectern.db.username"),
                        environment.getRequiredProperty("lectern.db.password"));
                var statement = replica.createStatement()) {
            statement.execute("select pg_wal_replay_" + how + "()");
        }
    }

    private String instructor() {
        return Objects.requireNonNull(sessions.open(new NewSession(
                                ids.generateId(),
                                "Grace",
                                new ContextId(ids.generateId()),
                                "Compilers",
                                Set.of(CourseRole.INSTRUCTOR),
                                false,
                                LaunchTarget.VIDEO))
                        .block(Duration.ofSeconds(10)))
                .token();
    }

    @Test
    void whatIsNotInTheTableIsDenied() {
        http.post().uri("/").exchange().expectStatus().isUnauthorized();
        http.get().uri("/actuator/env").exchange().expectStatus().is4xxClientError();
        http.get().uri("/actuator/health").exchange().expectStatus().isOk();
    }

    private OpenSession open(boolean operator) {
        return Objects.requireNonNull(sessions.open(request(operator)).block(Duration.ofSeconds(10)));
    }

    private NewSession request(boolean operator) {
        return new NewSession(
                UUID.randomUUID(),
                "Ada",
                new ContextId(ids.generateId()),
                "Engines",
                Set.of(CourseRole.STUDENT),
                operator,
                LaunchTarget.DASHBOARD);
    }

    private WebTestClient.ResponseSpec get(String path, String token) {
        return http.get()
                .uri(path)
                .headers(headers -> headers.setBearerAuth(token))
                .exchange();
    }

    private WebTestClient.ResponseSpec exchange(String body) {
        return http.post()
                .uri("/api/session")
                .contentType(MediaType.APPLICATION_JSON)
                .bodyValue(body)
                .exchange();
    }

    private void unauthenticated(String path, @Nullable String token) {
        http.get()
                .uri(path)
                .headers(headers -> {
                    if (token != null) {
                        headers.setBearerAuth(token);
                    }
                })
                .exchange()
                .expectStatus()
                .isUnauthorized()
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON)
                .expectHeader()
                .exists("WWW-Authenticate")
                .expectBody()
                .jsonPath("$.type")
                .isEqualTo("urn:lectern:problem:unauthenticated");
    }
}
