package org.lectern.app.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
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
import org.lectern.db.embedded.PostgresServer;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.core.env.Environment;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.util.IdGenerator;
import tools.jackson.databind.JsonNode;

/** Operators see the databases and move logical shards; nobody else does. */
@WholeNode
class ShardMovesIT {

    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String MOVES = "/api/ops/shards/moves";

    @LocalServerPort
    private int port;

    @Autowired
    private Sessions sessions;

    @Autowired
    private IdGenerator ids;

    @Autowired
    private Environment environment;

    @Autowired
    private EmbeddedServices services;

    private WebTestClient client = WebTestClient.bindToServer().build();
    private String operator = "";
    private String instructor = "";

    @BeforeEach
    void connect() {
        client = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(PATIENCE)
                .build();
        operator = token(CourseRole.ADMINISTRATOR, true);
        instructor = token(CourseRole.INSTRUCTOR, false);
    }

    @Test
    void shardsAndReplicasAreShownToOperatorsOnly() {
        for (String path : new String[] {"/api/ops/shards", "/api/ops/replicas", MOVES}) {
            get(path, instructor, HttpStatus.FORBIDDEN);
            get(path, null, HttpStatus.UNAUTHORIZED);
        }
        JsonNode shards = get("/api/ops/shards", operator, HttpStatus.OK).path("items");
        assertThat(shards.size()).isEqualTo(4);
        int held = 0;
        for (JsonNode shard : shards) {
            held += shard.path("logical_shards").asInt();
            assertThat(shard.path("primary_up").asBoolean()).isTrue();
        }
        assertThat(held).isEqualTo(256);
        JsonNode replicas = get("/api/ops/replicas", operator, HttpStatus.OK).path("items");
        assertThat(replicas.size()).isEqualTo(1);
        assertThat(replicas.get(0).path("up").isBoolean()).isTrue();
    }

    @Test
    void nobodyElseMovesAnything() {
        post(MOVES, instructor, Map.of("logical_shard", 3, "target_shard", 1), HttpStatus.FORBIDDEN);
        post(MOVES + "/plan", instructor, Map.of("logical_shard", 3, "target_shard", 1), HttpStatus.FORBIDDEN);
        post(MOVES + "/" + UUID.randomUUID() + "/abort", instructor, Map.of(), HttpStatus.FORBIDDEN);
        assertThat(get(MOVES, operator, HttpStatus.OK).path("items").toString()).doesNotContain("\"logical_shard\":3,");
    }

    @Test
    void whatCannotMoveIsSaid() {
        post(MOVES, operator, Map.of("target_shard", 1), HttpStatus.BAD_REQUEST);
        post(MOVES, operator, Map.of("logical_shard", 3, "target_shard", 9), HttpStatus.CONFLICT);
        post(MOVES + "/" + UUID.randomUUID() + "/confirm", operator, Map.of(), HttpStatus.NOT_FOUND);
        get(MOVES + "/" + UUID.randomUUID(), operator, HttpStatus.NOT_FOUND);
    }

    @Test
    void movesThereAndBackAndTellsWhoAsked() {
        JsonNode plan = post(MOVES + "/plan", operator, Map.of("logical_shard", 7, "target_shard", 0), HttpStatus.OK);
        assertThat(plan.path("source_shard").asInt()).isEqualTo(3);
        assertThat(plan.path("rows").has("chat_entry")).isTrue();
        assertThat(plan.path("refusal").isMissingNode() || plan.path("refusal").isNull())
                .isTrue();
        JsonNode begun = post(MOVES, operator, Map.of("logical_shard", 7, "target_shard", 0), HttpStatus.ACCEPTED);
        String one = MOVES + "/" + begun.path("id").asString();
        await().atMost(PATIENCE).until(() -> state(one).equals("switched"));
        JsonNode switched = get(one, operator, HttpStatus.OK);
        assertThat(switched.path("pause_millis").isNumber()).isTrue();
        post(one + "/abort", operator, Map.of(), HttpStatus.CONFLICT);
        post(one + "/revert", operator, Map.of(), HttpStatus.OK);
        await().atMost(PATIENCE).until(() -> state(one).equals("reverted"));
        JsonNode requests = get(one + "/requests", operator, HttpStatus.OK).path("items");
        assertThat(requests.size()).isEqualTo(2);
        assertThat(requests.get(0).path("what").asString()).isEqualTo("begin");
        assertThat(requests.get(1).path("by").asString()).isNotBlank();
    }

    /** As an operator types it: a process of its own, on the databases of the node that serves. */
    @Test
    void movesAreMadeFromTheCommandLine() throws Exception {
        assertThat(command("--move-shard=11", "--to=0", "--dry-run"))
                .satisfies(ended -> assertThat(ended.code()).as(ended.output()).isZero())
                .satisfies(ended -> assertThat(ended.output())
                        .contains("chat_entry", "would move from shard 3 to shard 0", "Nothing was changed"));
        assertThat(get(MOVES, operator, HttpStatus.OK).path("items").toString())
                .doesNotContain("\"logical_shard\":11,");
        assertThat(command("--move-shard=11", "--to=0"))
                .satisfies(ended -> assertThat(ended.code()).as(ended.output()).isZero())
                .satisfies(ended -> assertThat(ended.output())
                        .containsSubsequence("has begun", "switched", "is on shard 0; its writers waited"));
        // The nodes go on with it, and know who asked.
        JsonNode moved = get(MOVES, operator, HttpStatus.OK).path("items").get(0);
        assertThat(moved.path("logical_shard").asInt()).isEqualTo(11);
        assertThat(moved.path("requested_by").asString()).startsWith("command line, ");
        assertThat(command("--move-shard=11", "--abort"))
                .satisfies(ended -> assertThat(ended.code()).isOne())
                .satisfies(
                        ended -> assertThat(ended.output()).contains("Refused: a move that is switched cannot abort"));
        assertThat(command("--move-shard=11", "--revert"))
                .satisfies(ended -> assertThat(ended.code()).as(ended.output()).isZero())
                .satisfies(ended -> assertThat(ended.output()).contains("The move is reverted."));
    }

    @Test
    void whatDoesNotAnswerIsSaidToOperatorsOnly() throws Exception {
        for (String path : new String[] {"/actuator/health", "/actuator/health/readiness"}) {
            assertThat(get(path, instructor, HttpStatus.OK).has("components")).isFalse();
        }
        assertThat(node().path("shards").path("2").asString()).isEqualTo("answers");
        PostgresServer replica = services.postgres().orElseThrow().replicas().getFirst();
        replica.kill();
        try {
            await().atMost(PATIENCE)
                    .until(() -> node().path("replicas")
                            .path(replica.address())
                            .asString("")
                            .equals("does not answer"));
        } finally {
            replica.start();
        }
        await().atMost(PATIENCE)
                .until(() -> node().path("replicas")
                        .path(replica.address())
                        .asString("")
                        .equals("answers"));
    }

    @Test
    void jobsOfAShardThatDoesNotAnswerAreSaidToBeMissing() throws Exception {
        assertThat(get("/api/ops/jobs", operator, HttpStatus.OK).has("missing_shards"))
                .isFalse();
        inShardTwo("alter table job rename to job_away");
        try {
            JsonNode partial = get("/api/ops/jobs", operator, HttpStatus.OK);
            assertThat(partial.path("missing_shards").toString()).isEqualTo("[2]");
            assertThat(partial.path("items").isArray()).isTrue();
        } finally {
            inShardTwo("alter table job_away rename to job");
        }
    }

    private JsonNode node() {
        return get("/actuator/health/readiness", operator, HttpStatus.OK)
                .path("components")
                .path("node")
                .path("details");
    }

    private void inShardTwo(String change) throws SQLException {
        try (Connection connection = services.postgres().orElseThrow().primary().connect("lectern_shard_2");
                Statement statement = connection.createStatement()) {
            statement.execute(change);
        }
    }

    private record Ended(int code, String output) {}

    private Ended command(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                LecternApplication.class.getName()));
        command.addAll(List.of(arguments));
        for (String name : new String[] {"servers[0].primary", "username", "password"}) {
            command.add("--lectern.db." + name + "=" + environment.getRequiredProperty("lectern.db." + name));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Ended(process.waitFor(), output);
        } finally {
            process.destroyForcibly();
        }
    }

    private String state(String path) {
        return get(path, operator, HttpStatus.OK).path("state").asString();
    }

    private JsonNode get(String path, @org.jspecify.annotations.Nullable String token, HttpStatus status) {
        return Objects.requireNonNull(client.get()
                .uri(path)
                .headers(headers -> {
                    if (token != null) {
                        headers.setBearerAuth(token);
                    }
                })
                .exchange()
                .expectStatus()
                .isEqualTo(status)
                .expectBody(JsonNode.class)
                .returnResult()
                .getResponseBody());
    }

    private JsonNode post(String path, String token, Map<String, Integer> body, HttpStatus status) {
        return Objects.requireNonNull(client.post()
                .uri(path)
                .contentType(MediaType.APPLICATION_JSON)
                .headers(headers -> headers.setBearerAuth(token))
                .bodyValue(body)
                .exchange()
                .expectStatus()
                .isEqualTo(status)
                .expectBody(JsonNode.class)
                .returnResult()
                .getResponseBody());
    }

    private String token(CourseRole role, boolean mayOperate) {
        var opened = sessions.open(new NewSession(
                        ids.generateId(),
                        "Test",
                        new ContextId(ids.generateId()),
                        "Course",
                        Set.of(role),
                        mayOperate,
                        LaunchTarget.CHAT))
                .block(PATIENCE);
        return Objects.requireNonNull(opened).token();
    }
}
