package org.lectern.db.plane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.embedded.PostgresServer;
import org.lectern.db.replica.SessionPositions;
import reactor.core.publisher.Mono;

/** A primary dies and a replica is promoted: nodes go on without a restart, and trust nothing of the old timeline. */
class FailoverIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster cluster;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode node;

    private final ContextId course = new ContextId(UUID.randomUUID());

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(2));
        node = TestNode.on(cluster, Map.of("lectern.db.shards[0].database", "lectern_shard_0"));
    }

    @AfterAll
    static void stop() {
        node.close();
        cluster.close();
    }

    @Test
    void promotedReplicaTakesTheWritesAndTheOldTimelineIsNotTrusted() throws Exception {
        PostgresServer old = cluster.primary();
        PostgresServer promoted = cluster.replicas().getFirst();
        PostgresServer other = cluster.replicas().getLast();
        UUID session = UUID.randomUUID();
        write(1, session).block(PATIENCE);
        await().atMost(PATIENCE).until(() -> people(promoted) == 1 && people(other) == 1);
        assertThat(seen(session)).isEqualTo(1);

        old.kill();
        execute(promoted, "select pg_promote(true, 30)");
        // Tries by itself until the new primary has been found.
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() -> write(2, session).block(PATIENCE));
        assertThat(node.servers().primary("main").port()).isEqualTo(promoted.port());
        assertThat(seen(session)).isEqualTo(2);

        // The other one still follows the log of the old primary: healthy by itself, and lacking all that came after.
        assertThat(people(other)).isEqualTo(1);
        for (int round = 0; round < 50; round++) {
            assertThat(count(Freshness.LAGGING, session)).isEqualTo(2);
            assertThat(seen(session)).isEqualTo(2);
        }
        assertThat(node.bean(MeterRegistry.class).getMeters())
                .filteredOn(meter -> meter.getId().getName().startsWith("lectern.db.pool"))
                .noneMatch(meter ->
                        ("127.0.0.1:" + old.port()).equals(meter.getId().getTag("address")));

        execute(
                other,
                "alter system set primary_conninfo = 'host=127.0.0.1 port=" + promoted.port() + " user="
                        + cluster.username() + " password=" + cluster.password() + "'");
        execute(other, "alter system set primary_slot_name = ''");
        execute(other, "select pg_reload_conf()");
        await().atMost(PATIENCE).until(() -> onPort(other.port()));
        assertThat(seen(session)).isEqualTo(2);

        // The old one comes back as what it was: nobody follows it.
        old.start();
        await().during(Duration.ofSeconds(2)).atMost(PATIENCE).until(() -> {
            write(3, session).block(PATIENCE);
            return node.servers().primary("main").port() == promoted.port();
        });
        assertThat(people(promoted)).isEqualTo(3);
        assertThat(people(old)).isEqualTo(1);
        startsAgainWithAListOfAddresses(old, promoted);
    }

    private static void startsAgainWithAListOfAddresses(PostgresServer old, PostgresServer promoted) throws Exception {
        old.kill();
        try (TestNode late = TestNode.on(
                cluster,
                Map.of(
                        "lectern.db.shards[0].database",
                        "lectern_shard_0",
                        "lectern.db.servers[0].primary",
                        "127.0.0.1:" + old.port() + ", 127.0.0.1:" + promoted.port()))) {
            assertThat(late.servers().primary("main").port()).isEqualTo(promoted.port());
        }
    }

    private Mono<Void> write(int user, UUID session) {
        return node.shards()
                .write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql(
                                        "insert into member (context_id, user_id, logical_shard, roles, first_seen, last_seen)"
                                                + " values (:context, :user, :logical, array['a'], now(), now())"
                                                + " on conflict do nothing")
                                .bind("context", course.value())
                                .bind("user", new UUID(0, user))
                                .bind("logical", transaction.logicalShard())
                                .then())
                .contextWrite(SessionPositions.of(session));
    }

    private long seen(UUID session) {
        return count(Freshness.SESSION, session);
    }

    private long count(Freshness freshness, UUID session) {
        return node.shards()
                .read(
                        course,
                        freshness,
                        sql -> sql.sql("select count(*) from member where context_id = :context")
                                .bind("context", course.value())
                                .mapValue(Long.class)
                                .one())
                .contextWrite(SessionPositions.of(session))
                .next()
                .blockOptional(PATIENCE)
                .orElseThrow();
    }

    private boolean onPort(int port) {
        return Integer.valueOf(port)
                .equals(node.shards()
                        .read(
                                course,
                                Freshness.LAGGING,
                                sql -> sql.sql("select inet_server_port()")
                                        .mapValue(Integer.class)
                                        .one())
                        .blockLast(PATIENCE));
    }

    private static long people(PostgresServer server) throws Exception {
        try (Connection connection = server.connect("lectern_shard_0");
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select count(*) from member")) {
            row.next();
            return row.getLong(1);
        }
    }

    private static void execute(PostgresServer server, String sql) throws Exception {
        try (Connection connection = server.connect("postgres");
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
