package org.lectern.db.move;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.File;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.plane.TestNode;
import org.lectern.db.replica.LocalPositions;
import org.lectern.db.replica.SessionPositions;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.db.shard.Shards;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A logical shard moves under load, whatever happens to its mover: nothing is lost, nothing is there twice. */
class MoverIT {

    private static final Logger log = LoggerFactory.getLogger(MoverIT.class);
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static PostgresCluster cluster;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static Map<String, Object> settings;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode node;

    /** Reads the map only when a shard refuses. */
    @SuppressWarnings("NullAway.Init") // set before all tests
    private static TestNode stale;

    @BeforeAll
    static void start() throws Exception {
        cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(1));
        settings = TestNode.properties(
                cluster,
                Map.of(
                        "lectern.db.shard-mover", "false",
                        "lectern.db.map-refresh", "1h",
                        "lectern.db.statement-timeout", "2s"));
        LocalPositions positions = new LocalPositions();
        node = TestNode.start(settings, positions);
        stale = TestNode.start(settings, positions);
    }

    @AfterAll
    static void stop() {
        stale.close();
        node.close();
        cluster.close();
    }

    @Test
    void everyTableOfAShardCanMove() throws Exception {
        try (Connection shard = cluster.primary().connect("lectern_shard_0");
                Statement statement = shard.createStatement()) {
            shard.setAutoCommit(false);
            assertThat(ShardTables.of(shard).tables())
                    .extracting(ShardTables.Table::name)
                    .contains("chat_entry", "job", "member", "video", "video_position", "activity", "rollup_state")
                    .containsSubsequence("video", "video_position");
            statement.execute("create table of_nobody (id uuid primary key)");
            assertThatThrownBy(() -> ShardTables.of(shard))
                    .isInstanceOf(MoveRefusedException.class)
                    .hasMessageContaining("of_nobody");
            shard.rollback();
            statement.execute("create table counted (id bigserial primary key, logical_shard smallint not null)");
            assertThatThrownBy(() -> ShardTables.of(shard)).hasMessageContaining("counted");
            shard.rollback();
        }
    }

    @Test
    void moversAreKilledAtEveryStepAndTheNextOneGoesOn() throws Exception {
        int logical = 5;
        try (CourseLoad load = new CourseLoad(List.of(node.shards(), stale.shards()), logical, 4)) {
            load.awaitWrites(200);
            UUID move = begin(logical, 2);
            for (String step : List.of(
                    "preparing",
                    "recording",
                    "copied-4",
                    "caught-up",
                    "compared",
                    "locked",
                    "disowned",
                    "owned",
                    "mapped")) {
                killAt(move, step);
                if (!step.equals("disowned") && !step.equals("owned")) {
                    load.awaitWrites(20);
                }
            }
            wish(move, MoveState.Wish.CONFIRM);
            killAt(move, "confirming");
            load.awaitWrites(20);
            finish(move);
            assertThat(find(move).state()).isEqualTo("done");
            load.awaitWrites(50);
            assertThat(load.differences(new PhysicalShardId(2))).isEmpty();
            assertThat(rows(1, logical)).isZero();
            assertThat(leftovers(1, logical)).isZero();
            assertThat(leftovers(2, logical)).isZero();
        }
    }

    @Test
    void writersGoOnWhenTheMoverStopsWithoutDyingWhileItHoldsTheLock() throws Exception {
        int logical = 40;
        try (CourseLoad load = new CourseLoad(List.of(node.shards()), logical, 2)) {
            load.awaitWrites(20);
            UUID move = begin(logical, 1);
            at(move, "locked", mover -> {
                assertThat(new ProcessBuilder("kill", "-STOP", Long.toString(mover.pid()))
                                .start()
                                .waitFor())
                        .isZero();
                load.awaitWrites(20);
            });
            finish(move, MoveState.Wish.CONFIRM);
            assertThat(load.differences(new PhysicalShardId(1))).isEmpty();
        }
    }

    @Test
    void goesBackWithAllThatWasWrittenSince() throws Exception {
        int logical = 8;
        try (CourseLoad load = new CourseLoad(List.of(stale.shards()), logical, 3)) {
            load.awaitWrites(100);
            UUID move = begin(logical, 3);
            Thread mover = mover(move);
            await().atMost(PATIENCE).until(() -> find(move).state().equals("switched"));
            ShardMove switched = find(move);
            log.info(
                    "write pause of {} ms, {} rows, {} changes",
                    switched.pauseMillis(),
                    switched.rowsCopied(),
                    switched.changesApplied());
            load.awaitWrites(200);
            wish(move, MoveState.Wish.REVERT);
            mover.join(PATIENCE.toMillis());
            assertThat(find(move).state()).isEqualTo("reverted");
            load.awaitWrites(50);
            assertThat(load.differences(new PhysicalShardId(0))).isEmpty();
            assertThat(rows(3, logical)).isZero();
            assertThat(leftovers(0, logical)).isZero();
        }
    }

    @Test
    void killedOnTheWayBack() throws Exception {
        int logical = 12;
        try (CourseLoad load = new CourseLoad(List.of(node.shards()), logical, 2)) {
            load.awaitWrites(50);
            UUID move = begin(logical, 1);
            stopAt(move, "switched");
            wish(move, MoveState.Wish.REVERT);
            killAt(move, "reverting");
            killAt(move, "disowned");
            finish(move);
            assertThat(find(move).state()).isEqualTo("reverted");
            load.awaitWrites(20);
            assertThat(load.differences(new PhysicalShardId(0))).isEmpty();
            assertThat(rows(1, logical)).isZero();
        }
    }

    @Test
    void abortLeavesEverythingWhereItIs() throws Exception {
        int logical = 16;
        try (CourseLoad load = new CourseLoad(List.of(node.shards()), logical, 2)) {
            load.awaitWrites(50);
            UUID move = begin(logical, 1);
            stopAt(move, "compared");
            assertThat(rows(1, logical)).isPositive();
            wish(move, MoveState.Wish.ABORT);
            finish(move);
            assertThat(find(move).state()).isEqualTo("aborted");
            load.awaitWrites(20);
            assertThat(load.differences(new PhysicalShardId(0))).isEmpty();
            assertThat(rows(1, logical)).isZero();
            assertThat(leftovers(0, logical)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"copied-4", "locked"})
    void abortNeedsTheSourceOnly(String step) throws Exception {
        int logical = step.equals("locked") ? 44 : 48;
        try (CourseLoad load = new CourseLoad(List.of(node.shards()), logical, 2)) {
            load.awaitWrites(20);
            UUID move = begin(logical, 1);
            stopAt(move, step);
            assertThat(leftovers(0, logical)).isPositive();
            wish(move, MoveState.Wish.ABORT);
            without(1).run(move);
            assertThat(find(move).state()).isEqualTo("aborted");
            assertThat(find(move).failure()).contains("shard 1 was not cleaned up");
            assertThat(leftovers(0, logical)).isZero();
            assertThat(load.differences(new PhysicalShardId(0))).isEmpty();
        }
    }

    @Test
    void confirmingNeedsTheTargetOnly() throws Exception {
        int logical = 52;
        try (CourseLoad load = new CourseLoad(List.of(node.shards()), logical, 2)) {
            load.awaitWrites(20);
            UUID move = begin(logical, 1);
            stopAt(move, "switched");
            wish(move, MoveState.Wish.CONFIRM);
            without(0).run(move);
            assertThat(find(move).state()).isEqualTo("done");
            assertThat(find(move).failure()).contains("shard 0 was not cleaned up");
            assertThat(leftovers(1, logical)).isZero();
            assertThat(load.differences(new PhysicalShardId(1))).isEmpty();
        }
    }

    @Test
    void rowThatCameIntoTheCopyIsFoundByTheDigestAndCopiedAgain() throws Exception {
        int logical = 20;
        try (CourseLoad load = new CourseLoad(List.of(node.shards()), logical, 2)) {
            load.awaitWrites(50);
            UUID move = begin(logical, 1);
            stopAt(move, "caught-up");
            try (Connection target = cluster.primary().connect("lectern_shard_1");
                    Statement statement = target.createStatement()) {
                assertThat(statement.executeUpdate(
                                "update chat_entry set text = 'other' where logical_shard = " + logical))
                        .isPositive();
            }
            Thread mover = mover(move);
            await().atMost(PATIENCE).until(() -> find(move).state().equals("switched"));
            wish(move, MoveState.Wish.CONFIRM);
            mover.join(PATIENCE.toMillis());
            assertThat(load.differences(new PhysicalShardId(1))).isEmpty();
            try (Connection target = cluster.primary().connect("lectern_shard_1");
                    Statement statement = target.createStatement();
                    ResultSet row = statement.executeQuery("select count(*) from chat_entry where text = 'other'")) {
                row.next();
                assertThat(row.getLong(1)).isZero();
            }
        }
    }

    @Test
    void readsOfANodeWithAnOldMapComeFromTheNewPlace() throws Exception {
        int logical = 24;
        ContextId course = CourseLoad.coursesOf(node.shards(), logical, 1).getFirst();
        UUID session = UUID.randomUUID();
        assertThat(database(stale.shards(), course, Freshness.PRIMARY)).isEqualTo("lectern_shard_0");
        // The session is known at the old place, on both nodes.
        await().atMost(PATIENCE)
                .until(() -> onReplica(stale.shards()
                        .read(
                                course,
                                Freshness.SESSION,
                                sql -> sql.sql("select pg_is_in_recovery()")
                                        .mapValue(Boolean.class)
                                        .one())
                        .contextWrite(SessionPositions.of(session))));
        UUID move = begin(logical, 1);
        Thread mover = mover(move);
        await().atMost(PATIENCE).until(() -> find(move).state().equals("switched"));
        node.shards()
                .write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql(
                                        "insert into member (context_id, user_id, logical_shard, roles, first_seen, last_seen)"
                                                + " values (:context, :context, :logical, array['a'], now(), now())")
                                .bind("context", course.value())
                                .bind("logical", logical)
                                .then())
                .contextWrite(SessionPositions.of(session))
                .block(PATIENCE);
        // Its own write, on a node that has not heard of the move.
        assertThat(stale.shards()
                        .read(
                                course,
                                Freshness.SESSION,
                                sql -> sql.sql("select count(*) from member where context_id = :context")
                                        .bind("context", course.value())
                                        .mapValue(Long.class)
                                        .one())
                        .contextWrite(SessionPositions.of(session))
                        .blockLast(PATIENCE))
                .isEqualTo(1);
        for (Freshness freshness : Freshness.values()) {
            assertThat(database(stale.shards(), course, freshness)).isEqualTo("lectern_shard_1");
        }
        wish(move, MoveState.Wish.CONFIRM);
        mover.join(PATIENCE.toMillis());
    }

    @Test
    void readsOfManyCoursesFollowThoseThatMoved() throws Exception {
        int moving = 64;
        int staying = 68;
        List<ContextId> courses = Stream.of(moving, staying)
                .map(logical -> CourseLoad.coursesOf(node.shards(), logical, 1).getFirst())
                .toList();
        assertThat(courses)
                .allSatisfy(course -> assertThat(
                                stale.shards().physicalShardOf(course).value())
                        .isZero());
        UUID move = begin(moving, 1);
        stopAt(move, "switched");
        // A node that has not heard of the move.
        List<ShardFanOut.Merged<String>> answers =
                placesOf(courses).collectList().block(PATIENCE);
        assertThat(answers)
                .isNotNull()
                .allMatch(ShardFanOut.Merged::complete)
                .flatExtracting(ShardFanOut.Merged::items)
                .containsExactlyInAnyOrder(
                        courses.getFirst() + " lectern_shard_1", courses.getLast() + " lectern_shard_0");
        wish(move, MoveState.Wish.CONFIRM);
        finish(move);
    }

    @Test
    void readsDuringTheSwitchWaitAndComeFromTheNewPlace() throws Exception {
        int logical = 28;
        ContextId course = CourseLoad.coursesOf(node.shards(), logical, 1).getFirst();
        ContextId staying = CourseLoad.coursesOf(node.shards(), logical + 48, 1).getFirst();
        assertThat(stale.shards().physicalShardOf(staying))
                .isEqualTo(stale.shards().physicalShardOf(course));
        UUID move = begin(logical, 1);
        stopAt(move, "disowned");
        // Nobody holds the one now; the other one's shard says so and answers for the other one.
        List<ShardFanOut.Merged<String>> answers = placesOf(List.of(course, staying))
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(answers)
                .containsExactly(
                        new ShardFanOut.Merged<>(List.of(staying + " lectern_shard_0"), Set.of()),
                        new ShardFanOut.Merged<>(List.of(), Set.of(new PhysicalShardId(0))));
        var read = Mono.fromCallable(() -> database(stale.shards(), course, Freshness.PRIMARY))
                .subscribeOn(reactor.core.scheduler.Schedulers.boundedElastic())
                .retry(5)
                .toFuture();
        Thread mover = mover(move);
        assertThat(read.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo("lectern_shard_1");
        await().atMost(PATIENCE).until(() -> find(move).state().equals("switched"));
        wish(move, MoveState.Wish.REVERT);
        mover.join(PATIENCE.toMillis());
        for (Freshness freshness : Freshness.values()) {
            await().atMost(PATIENCE)
                    .until(() -> database(stale.shards(), course, freshness).equals("lectern_shard_0"));
        }
    }

    @Test
    void planSaysWhatWouldMoveAndOneMoveGoesAtATime() throws Exception {
        ShardMoves moves = node.bean(ShardMoves.class);
        assertThat(moves.plan(32, 2).block(PATIENCE))
                .satisfies(plan -> assertThat(plan.refusal()).isNull())
                .satisfies(plan -> assertThat(plan.rows()).containsKey("chat_entry"));
        assertThat(moves.plan(32, 0).block(PATIENCE))
                .satisfies(plan -> assertThat(plan.refusal()).contains("already"));
        assertThat(moves.plan(256, 0).block(PATIENCE))
                .satisfies(plan -> assertThat(plan.refusal()).contains("no such logical shard"));
        UUID move = begin(32, 2);
        assertThat(moves.begin(UUID.randomUUID(), 36, 2, "test").block(PATIENCE))
                .isInstanceOf(ShardMoves.Outcome.Refused.class);
        assertThat(moves.wish(move, MoveState.Wish.CONFIRM, "test").block(PATIENCE))
                .isInstanceOf(ShardMoves.Outcome.Refused.class);
        assertThat(moves.wish(UUID.randomUUID(), MoveState.Wish.ABORT, "test").block(PATIENCE))
                .isInstanceOf(ShardMoves.Outcome.Unknown.class);
        wish(move, MoveState.Wish.ABORT);
        finish(move);
        assertThat(moves.requests(move)
                        .map(ShardMoves.Request::what)
                        .collectList()
                        .block(PATIENCE))
                .containsExactly("begin", "abort");
        assertThat(moves.list(null, 1).blockLast(PATIENCE))
                .satisfies(newest -> assertThat(newest.state()).isEqualTo("aborted"));
    }

    /** Reads courses on a node with an old map: every row says where it was read. */
    private static Flux<ShardFanOut.Merged<String>> placesOf(List<ContextId> courses) {
        return new ShardFanOut(stale.shards())
                .readOf(
                        courses,
                        Freshness.PRIMARY,
                        PATIENCE,
                        (asked, sql) -> sql.sql("select id || ' ' || current_database() as place"
                                        + " from unnest(:ids::uuid[]) as id")
                                .bind(
                                        "ids",
                                        asked.stream().map(ContextId::value).toArray(UUID[]::new))
                                .mapValue(String.class)
                                .all());
    }

    private static UUID begin(int logical, int to) {
        UUID id = UUID.randomUUID();
        await().atMost(PATIENCE)
                .until(() -> node.bean(ShardMoves.class)
                                .begin(id, logical, to, "test")
                                .block(PATIENCE)
                        instanceof ShardMoves.Outcome.Accepted);
        return id;
    }

    private static void wish(UUID move, MoveState.Wish wish) {
        assertThat(node.bean(ShardMoves.class).wish(move, wish, "test").block(PATIENCE))
                .isInstanceOf(ShardMoves.Outcome.Accepted.class);
    }

    private static ShardMove find(UUID move) {
        return node.bean(ShardMoves.class).find(move).blockOptional(PATIENCE).orElseThrow();
    }

    /** A mover in this process, until the move has ended. */
    private static Thread mover(UUID move) {
        Mover mover = new Mover(MoverProcess.connections(MoverProcess.settings(settings)), () -> false, step -> {});
        return Thread.ofPlatform().name("mover").start(() -> {
            try {
                await().atMost(PATIENCE).ignoreExceptions().until(() -> {
                    mover.run(move);
                    return MoveState.of(find(move).state()).ended();
                });
            } catch (RuntimeException failure) {
                log.warn("The mover gave up", failure);
            }
        });
    }

    /** A mover in this process that dies, as an exception, at the step. */
    private static void stopAt(UUID move, String step) {
        Mover mover = new Mover(MoverProcess.connections(MoverProcess.settings(settings)), () -> false, reached -> {
            if (reached.equals(step)) {
                throw new IllegalStateException(step);
            }
        });
        assertThatThrownBy(() -> mover.run(move)).hasMessage(step);
    }

    /** A mover to which one shard does not answer. */
    private static Mover without(int shard) throws Exception {
        try (ServerSocket nobody = new ServerSocket(0)) {
            Map<String, Object> changed = new HashMap<>(settings);
            changed.put("lectern.db.servers[1].name", "gone");
            changed.put("lectern.db.servers[1].primary", "127.0.0.1:" + nobody.getLocalPort());
            for (int number = 0; number < 4; number++) {
                changed.put("lectern.db.shards[" + number + "].server", number == shard ? "gone" : "main");
                changed.put("lectern.db.shards[" + number + "].database", "lectern_shard_" + number);
            }
            return new Mover(
                    MoverProcess.connections(MoverProcess.settings(changed)),
                    () -> false,
                    step -> {},
                    Duration.ofMillis(10));
        }
    }

    private static void finish(UUID move) throws InterruptedException {
        Thread mover = mover(move);
        mover.join(PATIENCE.toMillis());
    }

    /** Lets a mover go until the switch, and then until the end that is wished for. */
    private static void finish(UUID move, MoveState.Wish wish) throws InterruptedException {
        Thread mover = mover(move);
        await().atMost(PATIENCE).until(() -> find(move).state().equals("switched"));
        wish(move, wish);
        mover.join(PATIENCE.toMillis());
    }

    /** Lets a mover of its own process go until the step, and kills it there. */
    private static void killAt(UUID move, String step) throws Exception {
        at(move, step, mover -> {});
        log.info("killed a mover at {}", step);
    }

    /** What is done while a mover waits at a step. */
    @FunctionalInterface
    private interface Waiting {
        void with(Process mover) throws Exception;
    }

    private static void at(UUID move, String step, Waiting waiting) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                MoverProcess.class.getName(),
                move.toString(),
                step));
        new HashMap<>(settings).forEach((name, value) -> command.add(name + "=" + value));
        Process process = new ProcessBuilder(command)
                .redirectError(new File(directory.toFile(), "mover-" + step + ".log"))
                .start();
        try (BufferedReader said = process.inputReader()) {
            String line = said.readLine();
            while (line != null && !line.equals("reached " + step)) {
                line = said.readLine();
            }
            assertThat(line).as("the mover ended before it reached " + step).isNotNull();
            waiting.with(process);
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static String database(Shards shards, ContextId course, Freshness freshness) {
        return String.valueOf(shards.read(
                        course,
                        freshness,
                        sql -> sql.sql("select current_database()::text")
                                .mapValue(String.class)
                                .one())
                .blockLast(PATIENCE));
    }

    private static boolean onReplica(Flux<Boolean> recovering) {
        return Boolean.TRUE.equals(recovering.blockLast(PATIENCE));
    }

    private static long rows(int shard, int logical) throws Exception {
        try (Connection database = cluster.primary().connect("lectern_shard_" + shard)) {
            database.setAutoCommit(false);
            return new ShardCopier(logical, ShardTables.of(database), rows -> {})
                    .count(database).values().stream()
                            .mapToLong(Long::longValue)
                            .sum();
        }
    }

    /** Triggers and recorded changes. */
    private static long leftovers(int shard, int logical) throws Exception {
        try (Connection database = cluster.primary().connect("lectern_shard_" + shard);
                Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery("select (select count(*) from pg_trigger where tgname like"
                        + " 'shard\\_move\\_" + logical + "\\_%') + (select count(*) from shard_move_change where"
                        + " logical_shard = " + logical + ")")) {
            row.next();
            return row.getLong(1);
        }
    }
}
