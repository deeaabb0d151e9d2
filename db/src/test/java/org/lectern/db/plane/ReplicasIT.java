package org.lectern.db.plane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.embedded.PostgresServer;
import org.lectern.db.replica.PositionStore;
import org.lectern.db.replica.ReplicaStatus;
import org.lectern.db.replica.SessionPositions;
import org.lectern.db.replica.WalPosition;
import org.lectern.db.settings.DatabaseSettings;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Reads go to replicas that are there and fresh enough, and never miss what their own session wrote. */
class ReplicasIT {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster cluster;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode node;

    private final ContextId context = new ContextId(UUID.randomUUID());

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(1));
        node = TestNode.on(cluster, Map.of("lectern.db.shards[0].database", "lectern_shard_0"));
        node.shards()
                .write(
                        new ContextId(UUID.randomUUID()),
                        transaction -> transaction
                                .sql()
                                .sql("create table note (context_id uuid, id int, primary key (context_id, id))")
                                .then())
                .block(PATIENCE);
    }

    @AfterAll
    static void stop() {
        node.close();
        cluster.close();
    }

    @BeforeEach
    void replicaServes() {
        await().atMost(PATIENCE).until(() -> onReplica(Freshness.LAGGING));
    }

    @AfterEach
    void mend() throws Exception {
        PostgresServer replica = cluster.replicas().getFirst();
        if (!replica.isRunning()) {
            replica.start();
        }
        replica.resume();
        replay(true);
    }

    @Test
    void primaryReadsAndReadsWithoutASessionStayOnThePrimary() {
        assertThat(onReplica(Freshness.PRIMARY)).isFalse();
        assertThat(onReplica(Freshness.SESSION)).isFalse();
    }

    @Test
    void laggingReplicaIsNotReadUntilItHasCaughtUp() throws Exception {
        replay(false);
        write(1).block(PATIENCE);
        await().atMost(PATIENCE).until(() -> !onReplica(Freshness.LAGGING));
        assertThat(status().up()).isTrue();
        assertThat(status().lagBytes()).isPositive();
        replay(true);
        await().atMost(PATIENCE).until(() -> onReplica(Freshness.LAGGING));
        assertThat(count(Freshness.LAGGING).block(PATIENCE)).isEqualTo(1);
    }

    /** The server itself writes now and then (a checkpoint, a snapshot); a round in which it did says nothing and is played again. */
    @Test
    void idlePrimaryIsNotLag() {
        await().atMost(PATIENCE).until(this::servedThroughAnIdleRound);
    }

    private boolean servedThroughAnIdleRound() throws SQLException {
        replay(true);
        await().atMost(PATIENCE).until(() -> replayed() == written());
        replay(false);
        long before = replayed();
        await().during(Duration.ofSeconds(3))
                .atMost(Duration.ofSeconds(10))
                .until(() -> onReplica(Freshness.LAGGING) || written() != before);
        return written() == before;
    }

    @Test
    void sessionSeesWhatItWroteMostlyFromTheReplica() {
        UUID session = UUID.randomUUID();
        int replicaReads = 0;
        int rounds = 200;
        for (int round = 1; round <= rounds; round++) {
            Seen seen = write(round)
                    .then(node.shards()
                            .read(context, Freshness.SESSION, this::seen)
                            .single())
                    .contextWrite(SessionPositions.of(session))
                    .blockOptional(PATIENCE)
                    .orElseThrow();
            assertThat(seen.notes()).isEqualTo(round);
            if (seen.replica()) {
                replicaReads++;
            }
        }
        assertThat(replicaReads).isGreaterThan(rounds / 2);
    }

    @Test
    void sessionReadsFromThePrimaryWhileTheReplicaDoesNotReplay() throws Exception {
        UUID session = UUID.randomUUID();
        replay(false);
        Seen seen = write(1).then(node.shards()
                        .read(context, Freshness.SESSION, this::seen)
                        .single())
                .contextWrite(SessionPositions.of(session))
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(seen).isEqualTo(new Seen(1, false));
    }

    @Test
    void sessionReadsFromThePrimaryWhileNobodyKnowsItsPosition() {
        PositionStore away = new PositionStore() {
            @Override
            public Mono<Long> find(UUID session, String server, long timeline) {
                return Mono.error(new IllegalStateException("away"));
            }

            @Override
            public Mono<Void> advance(UUID session, WalPosition position) {
                return Mono.error(new IllegalStateException("away"));
            }
        };
        write(1).block(PATIENCE);
        try (TestNode other = TestNode.on(cluster, Map.of("lectern.db.shards[0].database", "lectern_shard_0"), away)) {
            await().atMost(PATIENCE)
                    .until(() -> other.servers().replicas().stream().allMatch(ReplicaStatus::eligible));
            assertThat(other.shards()
                            .read(context, Freshness.SESSION, this::seen)
                            .contextWrite(SessionPositions.of(UUID.randomUUID()))
                            .blockLast(PATIENCE))
                    .isEqualTo(new Seen(1, false));
        }
    }

    @Test
    void unknownSessionReadsFromThePrimaryOnceAndThenFromTheReplica() {
        UUID session = UUID.randomUUID();
        Flux<Seen> read =
                node.shards().read(context, Freshness.SESSION, this::seen).contextWrite(SessionPositions.of(session));
        assertThat(read.blockLast(PATIENCE)).isEqualTo(new Seen(0, false));
        await().atMost(PATIENCE).until(() -> new Seen(0, true).equals(read.blockLast(PATIENCE)));
    }

    @Test
    void killedReplicaCostsNoRead() throws Exception {
        write(1).block(PATIENCE);
        await().atMost(PATIENCE)
                .until(() -> Long.valueOf(1).equals(count(Freshness.LAGGING).block(PATIENCE)));
        Mono<Long> failures = Flux.range(0, 3000)
                .flatMap(
                        number -> Mono.defer(() -> count(Freshness.LAGGING)
                                        .map(notes -> notes == 1 ? 0L : 1L)
                                        .onErrorReturn(1L))
                                .subscribeOn(Schedulers.parallel()),
                        4)
                .reduce(0L, Long::sum);
        var outcome = failures.toFuture();
        cluster.replicas().getFirst().kill();
        assertThat(outcome.get(30, java.util.concurrent.TimeUnit.SECONDS)).isZero();
        await().atMost(Duration.ofSeconds(2)).until(() -> !status().up());
        cluster.replicas().getFirst().start();
        await().atMost(PATIENCE).until(() -> onReplica(Freshness.LAGGING));
    }

    @Test
    void replicaThatHangsIsGivenUpWithinASecondOrTwo() {
        cluster.replicas().getFirst().pause();
        StepVerifier.create(node.shards().read(context, Freshness.LAGGING, this::countNotes))
                .expectNext(0L)
                .expectComplete()
                .verify(Duration.ofSeconds(3));
        assertThat(status().up()).isFalse();
    }

    @Test
    void errorsOfTheStatementAreTheCallersAndTakeNoReplicaOut() {
        StepVerifier.create(node.shards()
                        .read(
                                context,
                                Freshness.LAGGING,
                                sql -> sql.sql("select 1 / 0")
                                        .mapValue(Integer.class)
                                        .one()))
                .expectError()
                .verify(PATIENCE);
        assertThat(status().up()).isTrue();
    }

    @Test
    void replicaCanBeAddedAndRemovedWhileRunning() throws Exception {
        PostgresServer added = cluster.addReplica();
        String address = "127.0.0.1:" + added.port();
        node.servers().addReplica("main", new DatabaseSettings.Replica(address, "", 1000));
        await().atMost(PATIENCE).until(() -> onPort(added.port()));
        assertThat(node.servers().removeReplica("main", address)).isTrue();
        assertThat(onPort(added.port())).isFalse();
        assertThat(node.servers().replicas()).hasSize(1);
        cluster.removeReplica(added);
    }

    private boolean onPort(int port) {
        return Integer.valueOf(port)
                .equals(node.shards()
                        .read(
                                context,
                                Freshness.LAGGING,
                                sql -> sql.sql("select inet_server_port()")
                                        .mapValue(Integer.class)
                                        .one())
                        .blockLast(PATIENCE));
    }

    private boolean onReplica(Freshness freshness) {
        return Boolean.TRUE.equals(node.shards()
                .read(
                        context,
                        freshness,
                        sql -> sql.sql("select pg_is_in_recovery()")
                                .mapValue(Boolean.class)
                                .one())
                .blockLast(PATIENCE));
    }

    private Mono<Void> write(int id) {
        return node.shards()
                .write(
                        context,
                        transaction -> transaction
                                .sql()
                                .sql("insert into note (context_id, id) values (:context, :id)")
                                .bind("context", context.value())
                                .bind("id", id)
                                .then());
    }

    private Mono<Long> count(Freshness freshness) {
        return node.shards().read(context, freshness, this::countNotes).single();
    }

    private Mono<Long> countNotes(DatabaseClient sql) {
        return sql.sql("select count(*) from note where context_id = :context")
                .bind("context", context.value())
                .mapValue(Long.class)
                .one();
    }

    private Mono<Seen> seen(DatabaseClient sql) {
        return sql.sql("select count(*) as notes, pg_is_in_recovery() as replica from note where context_id = :context")
                .bind("context", context.value())
                .mapProperties(Seen.class)
                .one();
    }

    private static ReplicaStatus status() {
        List<ReplicaStatus> replicas = node.servers().replicas();
        assertThat(replicas).hasSize(1);
        return replicas.getFirst();
    }

    private static long written() throws SQLException {
        try (Connection connection = cluster.primary().connect("postgres")) {
            return position(connection, "select pg_current_wal_lsn() - '0/0'");
        }
    }

    private static long replayed() throws SQLException {
        try (Connection connection = cluster.replicas().getFirst().connect("postgres")) {
            return position(connection, "select pg_last_wal_replay_lsn() - '0/0'");
        }
    }

    private static long position(Connection connection, String question) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet answer = statement.executeQuery(question)) {
            answer.next();
            return answer.getLong(1);
        }
    }

    private static void replay(boolean on) throws SQLException {
        try (Connection connection = cluster.replicas().getFirst().connect("postgres");
                Statement statement = connection.createStatement()) {
            statement.execute(on ? "select pg_wal_replay_resume()" : "select pg_wal_replay_pause()");
        }
    }

    record Seen(long notes, boolean replica) {}
}
