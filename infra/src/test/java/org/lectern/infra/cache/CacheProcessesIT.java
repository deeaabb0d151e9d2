package org.lectern.infra.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.embedded.PostgresServer;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.embedded.RedisServer;

/** Nodes in processes of their own, on one Redis and one PostgreSQL, which counts what they load. */
class CacheProcessesIT {

    private static final Duration PATIENCE = CacheNode.PATIENCE;
    private static final Duration LEASE = Duration.ofSeconds(10);

    /** Values serve for two seconds without news; a load that began before takes its time on a busy machine. */
    private static final Duration STALEST = Duration.ofSeconds(5);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static EmbeddedServices services;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedisServer redis;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresServer postgres;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static Connection database;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static List<CacheProcess> nodes;

    @BeforeAll
    static void startNodes() throws Exception {
        services = EmbeddedServices.start(
                EmbeddedServices.Settings.in(directory.resolve("services")).only(EmbeddedService.POSTGRESQL));
        postgres = services.postgres().orElseThrow().primary();
        redis = RedisServer.in(directory.resolve("shared"));
        redis.start();
        database = postgres.connect("postgres");
        try (Statement sql = database.createStatement()) {
            sql.execute("create role cache_node login superuser password 'cache'");
            sql.execute("create table cache_load (node text not null, key text not null)");
            sql.execute("create table cache_source (key text primary key, value bigint not null)");
            sql.execute("create table cache_replaced (key text, value bigint, millis bigint)");
            sql.execute("insert into cache_source values ('shared', 1), ('orphan', 2), ('alone', 3), ('number', 0)");
        }
        nodes = List.of(node("one"), node("two"), node("three"));
        for (CacheProcess node : nodes) {
            assertThat(node.answer()).isEqualTo("live");
        }
    }

    @AfterAll
    static void stopNodes() throws SQLException {
        nodes.forEach(CacheProcess::close);
        database.close();
        redis.close();
        services.close();
    }

    /** One test, since processes are dear and die in it. */
    @Test
    void nodesLoadOnceOutliveALoaderAndNeverAnswerWhatIsTooOld() throws Exception {
        loadOnce();
        waitForADeadLoaderNoLongerThanItsLease();
        neverAnswerWhatIsTooOldWhileRedisIsKilledAndReturns();
        loadForThemselvesWithoutRedis();
    }

    private static void loadOnce() throws Exception {
        nodes.forEach(node -> node.tell("get shared 1"));
        for (CacheProcess node : nodes) {
            assertThat(node.answer()).isEqualTo("1");
        }
        assertThat(loads("shared")).as("of three nodes one loads").isEqualTo(1);
    }

    private static void waitForADeadLoaderNoLongerThanItsLease() throws Exception {
        CacheProcess loader = nodes.getFirst();
        loader.tell("get orphan 3600");
        await().atMost(PATIENCE).until(() -> loads("orphan") == 1);
        loader.kill();
        List<CacheProcess> waiting = nodes.subList(1, 3);
        waiting.forEach(node -> node.tell("get orphan 0"));
        for (CacheProcess node : waiting) {
            // Without the lease's end they would wait for an hour.
            assertThat(node.answer()).isEqualTo("2");
        }
        assertThat(loads("orphan"))
                .as("the dead loader, and one or both of the others")
                .isBetween(2L, 3L);
    }

    private static void neverAnswerWhatIsTooOldWhileRedisIsKilledAndReturns() throws Exception {
        List<CacheProcess> living = nodes.subList(1, 3);
        living.forEach(node -> node.tell("begin"));
        for (int outage = 0; outage < 2; outage++) {
            awaitMoreChanges();
            redis.kill();
            awaitMoreChanges();
            redis.start();
            awaitMoreChanges();
        }
        for (CacheProcess node : living) {
            node.tell("end");
            String[] answer = node.answer().split(" ", -1);
            assertThat(answer).as(String.join(" ", answer)).hasSize(2);
            assertThat(Duration.ofMillis(Long.parseLong(answer[0])))
                    .as("the oldest answer of %s", answer[1])
                    .isLessThan(STALEST);
            assertThat(Long.parseLong(answer[1])).isGreaterThan(100);
        }
    }

    private static void loadForThemselvesWithoutRedis() throws Exception {
        redis.kill();
        List<CacheProcess> living = nodes.subList(1, 3);
        living.forEach(node -> node.tell("get alone 0"));
        for (CacheProcess node : living) {
            assertThat(node.answer()).isEqualTo("3");
        }
        assertThat(loads("alone")).isEqualTo(2);
    }

    /** Longer than values serve without news, so that what should have gone has gone. */
    private static void awaitMoreChanges() throws SQLException {
        long before = count("select count(*) from cache_replaced where value >= ?", "0");
        await().atMost(PATIENCE)
                .pollDelay(Duration.ofSeconds(3))
                .until(() -> count("select count(*) from cache_replaced where value >= ?", "0") > before + 20);
    }

    private static long loads(String key) throws SQLException {
        return count("select count(*) from cache_load where key = ?", key);
    }

    private static long count(String query, String parameter) throws SQLException {
        try (PreparedStatement asked = database.prepareStatement(query)) {
            asked.setObject(1, parameter, Types.OTHER);
            ResultSet found = asked.executeQuery();
            found.next();
            return found.getLong(1);
        }
    }

    private static CacheProcess node(String name) throws Exception {
        // Stays for who looks into a failure.
        Path log = Files.createDirectories(Path.of("target")).resolve("cache-nodes.log");
        String address = "jdbc:postgresql://" + postgres.address() + "/postgres?user=cache_node&password=cache";
        return CacheProcess.start(name, redis.uri(), address, LEASE.toMillis(), log);
    }
}
