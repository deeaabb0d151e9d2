package org.lectern.db.plane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.embedded.PostgresServer;
import org.lectern.db.replica.LocalPositions;
import org.lectern.db.replica.PreferredRegion;
import org.lectern.db.replica.ReplicaStatus;
import org.lectern.db.replica.RoutedDatabase;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardFanOut;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** Two primaries and three replicas: regions, dead replicas, floods, and questions to all shards. */
class TopologyIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** For how long a dead replica may still be asked. */
    private static final Duration OUT_WITHIN = Duration.ofSeconds(1);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster east;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster west;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static Map<String, Object> settings;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode node;

    @BeforeAll
    static void start() throws Exception {
        east = PostgresCluster.start(
                PostgresCluster.Settings.in(directory.resolve("east")).withReplicas(2));
        west = PostgresCluster.start(
                PostgresCluster.Settings.in(directory.resolve("west")).withReplicas(1));
        // One role and password for both servers.
        for (PostgresCluster cluster : List.of(east, west)) {
            try (Connection connection = cluster.primary().connect("postgres");
                    Statement statement = connection.createStatement()) {
                statement.execute("create role node superuser login password '" + east.password() + "'");
            }
        }
        settings = new HashMap<>(TestNode.properties(east, Map.of()));
        settings.put("lectern.db.username", "node");
        settings.put("lectern.db.servers[0].name", "east");
        settings.put("lectern.db.servers[0].replicas[0].region", "us-east");
        settings.put("lectern.db.servers[0].replicas[1].region", "eu-west");
        settings.put("lectern.db.servers[1].name", "west");
        settings.put(
                "lectern.db.servers[1].primary", "127.0.0.1:" + west.primary().port());
        settings.put(
                "lectern.db.servers[1].replicas[0].address",
                "127.0.0.1:" + west.replicas().getFirst().port());
        for (int number = 0; number < 4; number++) {
            settings.put("lectern.db.shards[" + number + "].server", number < 2 ? "east" : "west");
            settings.put("lectern.db.shards[" + number + "].database", "lectern_shard_" + number);
        }
        settings.put("lectern.db.statement-timeout", "1500ms");
        settings.put("lectern.db.slow-query", "300ms");
        settings.put("lectern.db.region", "us-east");
        node = TestNode.start(settings, new LocalPositions());
        await().atMost(PATIENCE).until(() -> node.servers().replicas().stream().allMatch(ReplicaStatus::eligible));
    }

    @AfterAll
    static void stop() {
        node.close();
        west.close();
        east.close();
    }

    @Test
    void readsPreferTheRegionOfTheRequestThenTheNodesThenAny() {
        ContextId course = courseOn(0);
        PostgresServer here = east.replicas().getFirst();
        PostgresServer there = east.replicas().getLast();
        for (int round = 0; round < 20; round++) {
            assertThat(port(course).blockLast(PATIENCE)).isEqualTo(here.port());
            assertThat(port(course).contextWrite(PreferredRegion.of("eu-west")).blockLast(PATIENCE))
                    .isEqualTo(there.port());
        }
        assertThat(port(course).contextWrite(PreferredRegion.of("ap-southeast")).blockLast(PATIENCE))
                .isIn(here.port(), there.port());
        assertThat(port(courseOn(2)).blockLast(PATIENCE))
                .isEqualTo(west.replicas().getFirst().port());
    }

    @Test
    void deadReplicaIsOutAtOnceAndBackByItself() throws Exception {
        ContextId course = courseOn(1);
        PostgresServer here = east.replicas().getFirst();
        // The best of a few, since a machine that is busy elsewhere takes its own time.
        Duration best = PATIENCE;
        for (int attempt = 0; attempt < 5 && best.compareTo(OUT_WITHIN) > 0; attempt++) {
            if (attempt > 0) {
                here.start();
                await().atMost(PATIENCE).until(() -> status(here).eligible());
            }
            here.kill();
            long killed = System.nanoTime();
            await().pollInterval(Duration.ofMillis(10))
                    .atMost(PATIENCE)
                    .until(() -> !status(here).up());
            Duration took = Duration.ofNanos(System.nanoTime() - killed);
            best = took.compareTo(best) < 0 ? took : best;
        }
        assertThat(best).isLessThanOrEqualTo(OUT_WITHIN);
        // Without it, the other region answers; no read fails.
        assertThat(port(course).blockLast(PATIENCE))
                .isEqualTo(east.replicas().getLast().port());
        here.start();
        await().atMost(PATIENCE)
                .until(() -> Integer.valueOf(here.port()).equals(port(course).blockLast(PATIENCE)));
    }

    @Test
    void readersOfDeadReplicasCannotTakeTheWritersConnections() throws Exception {
        ContextId course = courseOn(3);
        PostgresServer replica = west.replicas().getFirst();
        replica.kill();
        try {
            await().atMost(PATIENCE).until(() -> !status(replica).up());
            CompletableFuture<@Nullable Long> flood = Flux.range(0, 150)
                    .flatMap(
                            number -> node.shards()
                                    .read(
                                            course,
                                            Freshness.LAGGING,
                                            sql -> sql.sql("select pg_sleep(0.05)::text")
                                                    .mapValue(String.class)
                                                    .all()),
                            150)
                    .count()
                    .toFuture();
            long most = 0;
            while (!flood.isDone()) {
                most = Math.max(most, sleepers());
                // Writers have their own connections.
                node.shards()
                        .write(
                                course,
                                transaction -> transaction.sql().sql("select 1").then())
                        .block(PATIENCE);
            }
            assertThat(flood.get(1, TimeUnit.SECONDS)).isEqualTo(150);
            assertThat(most).isPositive().isLessThanOrEqualTo(4);
        } finally {
            replica.start();
            await().atMost(PATIENCE).until(() -> status(replica).eligible());
        }
    }

    /** The question whether a read may pass once waited for a connection that the reads held. */
    @Test
    void moreReadsThanConnectionsAllEnd() {
        ContextId course = courseOn(0);
        for (int round = 0; round < 3; round++) {
            assertThat(Flux.range(0, 100)
                            .flatMap(
                                    number -> node.shards()
                                            .read(
                                                    course,
                                                    Freshness.PRIMARY,
                                                    sql -> sql.sql("select count(*) from member")
                                                            .mapValue(Long.class)
                                                            .all()),
                                    100)
                            .count()
                            .block(PATIENCE))
                    .isEqualTo(100);
        }
    }

    @Test
    void fanOutMergesInOrderAndSaysWhoIsMissing() {
        ShardFanOut fanOut = new ShardFanOut(node.shards());
        var whole = fanOut.<Integer>read(
                        Freshness.PRIMARY,
                        Comparator.naturalOrder(),
                        10,
                        PATIENCE,
                        (shard, sql) -> sql.sql(
                                        "select n * 4 + " + shard.value() + " from generate_series(9, 0, -1) as n")
                                .mapValue(Integer.class)
                                .all())
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(whole.complete()).isTrue();
        assertThat(whole.items()).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        var partial = fanOut.<Integer>read(
                        Freshness.PRIMARY,
                        Comparator.naturalOrder(),
                        10,
                        Duration.ofMillis(800),
                        (shard, sql) -> sql.sql("select " + shard.value()
                                        + (shard.value() == 2
                                                ? " from pg_sleep(30)"
                                                : shard.value() == 3 ? " / 0" : ""))
                                .mapValue(Integer.class)
                                .all())
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(partial.complete()).isFalse();
        assertThat(partial.missing()).contains(new PhysicalShardId(2), new PhysicalShardId(3));
    }

    @Test
    void coursesOfAShardThatDoesNotAnswerAreMissingAndTheOthersAreThere() {
        List<ContextId> courses = Stream.of(0, 1, 2, 3, 3)
                .map(TopologyIT::courseOn)
                .sorted(Comparator.comparing(ContextId::toString))
                .toList();
        List<ShardFanOut.Merged<UUID>> answers = new ShardFanOut(node.shards())
                .<UUID>readOf(
                        courses,
                        Freshness.PRIMARY,
                        PATIENCE,
                        (asked, sql) -> sql.sql("select id, 1 / (case current_database() when 'lectern_shard_3' then 0"
                                        + " else 1 end) from unnest(:ids) as id")
                                .bind(
                                        "ids",
                                        asked.stream().map(ContextId::value).toArray(UUID[]::new))
                                .map(row -> java.util.Objects.requireNonNull(row.get(0, UUID.class)))
                                .all())
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(answers).hasSize(4);
        assertThat(answers.stream().flatMap(answer -> answer.items().stream()))
                .containsExactlyInAnyOrderElementsOf(courses.stream()
                        .filter(course -> node.shards().physicalShardOf(course).value() != 3)
                        .map(ContextId::value)
                        .toList());
        assertThat(answers.stream().flatMap(answer -> answer.missing().stream()))
                .containsExactly(new PhysicalShardId(3));
    }

    /** Two nodes that start at once with one shard more: one migrates it, both serve, and what is moved there is theirs. */
    @Test
    void shardThatIsAddedLaterIsMigratedOnceByNodesThatStartTogether() throws Exception {
        try (Connection connection = east.primary().connect("postgres");
                Statement statement = connection.createStatement()) {
            // There already when the test runs a second time.
            statement.execute("drop database if exists lectern_shard_4 with (force)");
            statement.execute("create database lectern_shard_4");
        }
        Map<String, Object> more = new HashMap<>(settings);
        more.put("lectern.db.shards[4].server", "east");
        more.put("lectern.db.shards[4].database", "lectern_shard_4");
        List<CompletableFuture<TestNode>> starting = Stream.of(1, 2)
                .map(number -> CompletableFuture.supplyAsync(
                        () -> TestNode.start(more, new LocalPositions()),
                        task -> Thread.ofPlatform().start(task)))
                .toList();
        try (TestNode first = starting.getFirst().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                TestNode second = starting.getLast().get(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            try (Connection connection = east.primary().connect("lectern_shard_4");
                    Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(
                            "select count(*), count(distinct version), bool_and(success) from flyway_schema_history")) {
                row.next();
                assertThat(row.getLong(1)).isPositive().isEqualTo(row.getLong(2));
                assertThat(row.getBoolean(3)).isTrue();
            }
            for (TestNode started : List.of(first, second)) {
                assertThat(started.shards().physicalShards()).hasSize(5);
                assertThat(started.shards()
                                .readOn(
                                        new PhysicalShardId(4),
                                        Freshness.PRIMARY,
                                        sql -> sql.sql("select count(*) from member")
                                                .mapValue(Long.class)
                                                .one())
                                .blockLast(PATIENCE))
                        .isZero();
            }
        }
    }

    @Test
    void statementsEndAtTheirTimeOutAndSlowOnesAreLogged() {
        Logger logger = (Logger) LoggerFactory.getLogger(RoutedDatabase.class);
        ListAppender<ILoggingEvent> seen = new ListAppender<>();
        seen.start();
        logger.addAppender(seen);
        try {
            ContextId course = courseOn(0);
            StepVerifier.create(node.shards()
                            .read(
                                    course,
                                    Freshness.PRIMARY,
                                    sql -> sql.sql("select pg_sleep(:long)::text")
                                            .bind("long", 30.0)
                                            .mapValue(String.class)
                                            .all()))
                    .expectErrorSatisfies(failure -> assertThat(failure).hasStackTraceContaining("statement timeout"))
                    .verify(PATIENCE);
            StepVerifier.create(node.shards()
                            .write(
                                    course,
                                    transaction -> transaction
                                            .sql()
                                            .sql("select pg_sleep(:long)::text")
                                            .bind("long", 30.0)
                                            .then()))
                    .expectErrorSatisfies(failure -> assertThat(failure).hasStackTraceContaining("statement timeout"))
                    .verify(PATIENCE);
            await().atMost(PATIENCE)
                    .until(() -> Stream.of("Slow read of lectern_shard_0", "Slow write of lectern_shard_0")
                            .allMatch(text -> List.copyOf(seen.list).stream()
                                    .map(ILoggingEvent::getFormattedMessage)
                                    .anyMatch(line -> line.startsWith(text)
                                            && line.endsWith("ms: select pg_sleep(:long)::text"))));
        } finally {
            logger.detachAppender(seen);
        }
    }

    @Test
    void statementsArePreparedOnceForAConnection() {
        ContextId course = courseOn(1);
        String statement = "select $1::int + 41 as prepared_once";
        List<Long> uses = node.shards()
                .writeOn(
                        node.shards().physicalShardOf(course),
                        sql -> Flux.range(0, 20)
                                .concatMap(number -> sql.sql(statement)
                                        .bind(0, number)
                                        .mapValue(Integer.class)
                                        .one())
                                .then(sql.sql(
                                                "select count(*), sum(generic_plans + custom_plans)::bigint from pg_prepared_statements"
                                                        + " where statement = '" + statement + "'")
                                        .map((row, metadata) -> List.of(
                                                java.util.Objects.requireNonNull(row.get(0, Long.class)),
                                                java.util.Objects.requireNonNull(row.get(1, Long.class))))
                                        .one()))
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(uses).containsExactly(1L, 20L);
    }

    private static ContextId courseOn(int shard) {
        while (true) {
            ContextId course = new ContextId(UUID.randomUUID());
            if (node.shards().physicalShardOf(course).value() == shard) {
                return course;
            }
        }
    }

    private static Flux<Integer> port(ContextId course) {
        return node.shards()
                .read(
                        course,
                        Freshness.LAGGING,
                        sql -> sql.sql("select inet_server_port()")
                                .mapValue(Integer.class)
                                .one());
    }

    private static ReplicaStatus status(PostgresServer server) {
        return node.servers().replicas().stream()
                .filter(replica -> replica.address().equals("127.0.0.1:" + server.port()))
                .findFirst()
                .orElseThrow();
    }

    private static long sleepers() throws Exception {
        try (Connection connection = west.primary().connect("postgres");
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select count(*) from pg_stat_activity"
                        + " where state = 'active' and query like 'select pg_sleep(0.05)%'")) {
            row.next();
            return row.getLong(1);
        }
    }
}
