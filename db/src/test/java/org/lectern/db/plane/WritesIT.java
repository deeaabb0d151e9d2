package org.lectern.db.plane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.StaleShardMapException;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Transactions commit as a whole or not at all, and never on a shard that does not hold the course. */
class WritesIT {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster cluster;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode node;

    @BeforeAll
    static void startThreeNodesAtOnce() throws Exception {
        cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(0));
        try (ExecutorService starters = Executors.newFixedThreadPool(3)) {
            Callable<TestNode> starter = () -> TestNode.on(cluster, Map.of());
            List<TestNode> nodes = starters.invokeAll(List.of(starter, starter, starter)).stream()
                    .map(WritesIT::result)
                    .toList();
            node = nodes.getFirst();
            nodes.get(1).close();
            nodes.get(2).close();
        }
        for (PhysicalShardId shard : node.shards().physicalShards()) {
            node.shards()
                    .writeOn(
                            shard,
                            sql -> sql.sql("create table note (context_id uuid, id int, primary key (context_id, id))")
                                    .then())
                    .block(PATIENCE);
        }
    }

    @AfterAll
    static void stop() {
        node.close();
        cluster.close();
    }

    /** A node that gives up at the first slow answer would die whenever many start at once, or a primary fails over. */
    @Test
    void nodeWaitsForADirectoryThatIsSlowToAnswer() throws Exception {
        try (Connection busy = cluster.primary().connect("lectern_directory");
                ExecutorService starter = Executors.newSingleThreadExecutor()) {
            ask(busy, "select pg_advisory_lock(19539, 0)");
            Future<TestNode> started =
                    starter.submit(() -> TestNode.on(cluster, Map.of("lectern.db.statement-timeout", "300ms")));
            Set<String> waits = new HashSet<>();
            await().atMost(PATIENCE).until(() -> {
                waits.add(ask(
                        busy,
                        "select coalesce(max(query_start)::text, '') from pg_stat_activity"
                                + " where wait_event_type = 'Lock' and wait_event = 'advisory'"));
                waits.remove("");
                return waits.size() >= 2;
            });
            ask(busy, "select pg_advisory_unlock(19539, 0)");
            started.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).close();
        }
    }

    private static String ask(Connection connection, String question) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet answer = statement.executeQuery(question)) {
            answer.next();
            return answer.getString(1);
        }
    }

    @Test
    void nodesThatStartAtOnceMigrateOnce() {
        assertThat(count(node.directory()
                        .read(
                                Freshness.PRIMARY,
                                sql -> sql.sql("select count(*) from flyway_schema_history where version = '1'")
                                        .mapValue(Long.class)
                                        .one())))
                .isEqualTo(1);
        List<Long> owned = Flux.fromIterable(node.shards().physicalShards())
                .concatMap(shard -> node.shards()
                        .readOn(
                                shard,
                                Freshness.PRIMARY,
                                sql -> sql.sql("select count(*) from owned_shard")
                                        .mapValue(Long.class)
                                        .one()))
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(owned).containsExactly(64L, 64L, 64L, 64L);
    }

    @Test
    void commitsBeforeItAnswers() {
        ContextId context = newContext();
        Long seen = node.shards()
                .write(
                        context,
                        transaction -> insert(transaction.sql(), context, 1).thenReturn("done"))
                .flatMap(done -> notes(context).next())
                .block(PATIENCE);
        assertThat(seen).isEqualTo(1);
    }

    @Test
    void commitsWorkThatAnswersNothing() {
        ContextId context = newContext();
        StepVerifier.create(node.shards().write(context, transaction -> insert(transaction.sql(), context, 1)))
                .expectComplete()
                .verify(PATIENCE);
        assertThat(count(notes(context))).isEqualTo(1);
    }

    @Test
    void failureRollsBackEverything() {
        ContextId context = newContext();
        StepVerifier.create(node.shards()
                        .write(
                                context,
                                transaction -> insert(transaction.sql(), context, 1)
                                        .then(insert(transaction.sql(), context, 2))
                                        .then(Mono.error(new IllegalStateException("no")))))
                .expectErrorMessage("no")
                .verify(PATIENCE);
        assertThat(count(notes(context))).isZero();
    }

    @Test
    void swallowedSqlErrorIsNotCommittedSilently() {
        ContextId context = newContext();
        StepVerifier.create(node.shards()
                        .write(
                                context,
                                transaction -> insert(transaction.sql(), context, 1)
                                        .then(insert(transaction.sql(), context, 1))
                                        .onErrorComplete()
                                        .thenReturn("looks well")))
                .expectError()
                .verify(PATIENCE);
        assertThat(count(notes(context))).isZero();
    }

    @Test
    void cancelRollsBackAndLeavesTheConnectionClean() {
        for (int round = 0; round < 40; round++) {
            ContextId context = newContext();
            Disposable write = node.shards()
                    .write(
                            context,
                            transaction -> insert(transaction.sql(), context, 1).then(Mono.<String>never()))
                    .subscribe();
            if (round % 2 == 0) {
                await().pollDelay(Duration.ofMillis(1))
                        .pollInterval(Duration.ofMillis(1))
                        .atMost(PATIENCE)
                        .until(() -> count(open(node, context)) > 0);
            }
            write.dispose();
            await().atMost(PATIENCE).until(() -> count(open(node, context)) == 0);
            assertThat(count(notes(context))).isZero();
            // The next transaction on the same connections begins afresh.
            StepVerifier.create(node.shards()
                            .write(
                                    context,
                                    transaction -> insert(transaction.sql(), context, 2)
                                            .then(Mono.error(new IllegalStateException("no")))))
                    .expectErrorMessage("no")
                    .verify(PATIENCE);
            assertThat(count(notes(context))).isZero();
        }
    }

    /** No transaction is opened around it: a second statement, which nobody should send, is another one. */
    @Test
    void oneStatementIsATransactionOfItsOwn() {
        Directory directory = node.directory();
        directory
                .write(sql -> sql.sql("create table alone (id int primary key)").then())
                .block(PATIENCE);
        assertThat(directory.writeOne(sql -> alone(sql, 1)).block(PATIENCE)).isEqualTo(1);
        StepVerifier.create(directory.writeOne(sql -> alone(sql, 1)))
                .expectError(DataIntegrityViolationException.class)
                .verify(PATIENCE);
        StepVerifier.create(directory.writeOne(sql -> alone(sql, 2).then(alone(sql, 2))))
                .expectError(DataIntegrityViolationException.class)
                .verify(PATIENCE);
        assertThat(directory
                        .read(
                                Freshness.PRIMARY,
                                sql -> sql.sql("select id from alone order by id")
                                        .map(row -> Objects.requireNonNull(row.get(0, Integer.class)))
                                        .all())
                        .collectList()
                        .block(PATIENCE))
                .containsExactly(1, 2);
        StepVerifier.create(directory.write(outer -> directory.writeOne(sql -> alone(sql, 3))))
                .expectError(IllegalStateException.class)
                .verify(PATIENCE);
    }

    private static Mono<Long> alone(DatabaseClient sql, int id) {
        return sql.sql("insert into alone values ($1)").bind(0, id).fetch().rowsUpdated();
    }

    @Test
    void writeInsideAWriteOfTheSameShardIsRefused() {
        ContextId context = newContext();
        StepVerifier.create(node.shards()
                        .write(
                                context,
                                outer -> node.shards().write(context, inner -> insert(inner.sql(), context, 1))))
                .expectError(IllegalStateException.class)
                .verify(PATIENCE);
    }

    @Test
    void nodeWithAnOldMapIsRefusedReadsTheMapAndTriesAgain() {
        ContextId context = newContext();
        int logical = node.shards().logicalShardOf(context);
        PhysicalShardId from = node.shards().physicalShardOf(context);
        PhysicalShardId to = new PhysicalShardId((from.value() + 1) % 4);
        move(logical, from, to);
        node.shards()
                .write(context, transaction -> insert(transaction.sql(), context, 1))
                .block(PATIENCE);
        assertThat(node.shards().physicalShardOf(context)).isEqualTo(to);
        assertThat(count(on(to, context))).isEqualTo(1);
        assertThat(count(on(from, context))).isZero();
    }

    @Test
    void shardThatNobodyHoldsRefusesInTheEnd() {
        ContextId context = newContext();
        int logical = node.shards().logicalShardOf(context);
        PhysicalShardId shard = node.shards().physicalShardOf(context);
        own(shard, logical, false);
        try {
            StepVerifier.create(node.shards().write(context, transaction -> insert(transaction.sql(), context, 1)))
                    .expectError(StaleShardMapException.class)
                    .verify(PATIENCE);
            assertThat(count(on(shard, context))).isZero();
        } finally {
            own(shard, logical, true);
        }
    }

    private static void move(int logical, PhysicalShardId from, PhysicalShardId to) {
        long epoch = count(node.directory()
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select max(epoch) + 1 from shard_map")
                                .mapValue(Long.class)
                                .one()));
        node.shards()
                .writeOn(
                        from,
                        sql -> sql.sql(
                                        "update shard_epoch set owned = false, epoch = :epoch where logical_shard = :logical")
                                .bind("epoch", epoch)
                                .bind("logical", logical)
                                .then())
                .block(PATIENCE);
        node.shards()
                .writeOn(
                        to,
                        sql -> sql.sql(
                                        "insert into shard_epoch (logical_shard, epoch, owned) values (:logical, :epoch, true)"
                                                + " on conflict (logical_shard) do update set epoch = excluded.epoch, owned = true")
                                .bind("epoch", epoch)
                                .bind("logical", logical)
                                .then())
                .block(PATIENCE);
        node.directory()
                .write(sql -> sql.sql(
                                "update shard_map set physical_shard = :to, epoch = :epoch where logical_shard = :logical")
                        .bind("to", to.value())
                        .bind("epoch", epoch)
                        .bind("logical", logical)
                        .then())
                .block(PATIENCE);
    }

    private static void own(PhysicalShardId shard, int logical, boolean owned) {
        node.shards()
                .writeOn(
                        shard,
                        sql -> sql.sql("update shard_epoch set owned = :owned where logical_shard = :logical")
                                .bind("owned", owned)
                                .bind("logical", logical)
                                .then())
                .block(PATIENCE);
    }

    private static Mono<Void> insert(DatabaseClient sql, ContextId context, int id) {
        return sql.sql("insert into note (context_id, id) values (:context, :id)")
                .bind("context", context.value())
                .bind("id", id)
                .then();
    }

    private static Flux<Long> notes(ContextId context) {
        return node.shards().read(context, Freshness.PRIMARY, sql -> countNotes(sql, context));
    }

    private static Flux<Long> on(PhysicalShardId shard, ContextId context) {
        return node.shards().readOn(shard, Freshness.PRIMARY, sql -> countNotes(sql, context));
    }

    private static Mono<Long> countNotes(DatabaseClient sql, ContextId context) {
        return sql.sql("select count(*) from note where context_id = :context")
                .bind("context", context.value())
                .mapValue(Long.class)
                .one();
    }

    /** Transactions that are open on the context's shard. */
    private static Flux<Long> open(TestNode node, ContextId context) {
        return node.shards()
                .read(
                        context,
                        Freshness.PRIMARY,
                        sql -> sql.sql("select count(*) from pg_stat_activity"
                                        + " where datname = current_database() and state like 'idle in transaction%'")
                                .mapValue(Long.class)
                                .one());
    }

    private static long count(Flux<Long> counts) {
        return counts.next().blockOptional(PATIENCE).orElseThrow();
    }

    private static TestNode result(java.util.concurrent.Future<TestNode> future) {
        try {
            return future.get();
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    private static ContextId newContext() {
        return new ContextId(UUID.randomUUID());
    }
}
