package org.lectern.db.move;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.plane.TestNode;
import org.lectern.db.replica.LocalPositions;
import org.slf4j.LoggerFactory;

/** Started by bench/shard-move.sh; arguments: how many moves there and back, how many rows before the first. */
final class ShardMoveBenchmark {

    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int LOGICAL = 4;

    private ShardMoveBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        // What is printed is the table.
        ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        int moves = Integer.parseInt(arguments[0]);
        int rows = Integer.parseInt(arguments[1]);
        Path directory = Files.createTempDirectory("lectern-shard-move");
        try (PostgresCluster cluster =
                PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(0))) {
            Map<String, Object> settings = TestNode.properties(
                    cluster, Map.of("lectern.db.shard-mover", "false", "lectern.db.map-refresh", "1h"));
            try (TestNode node = TestNode.start(settings, new LocalPositions());
                    TestNode stale = TestNode.start(settings, new LocalPositions())) {
                fill(cluster, rows);
                run(node, stale, settings, moves);
            }
        } finally {
            delete(directory);
        }
    }

    private static void run(TestNode node, TestNode stale, Map<String, Object> settings, int moves) throws Exception {
        List<Long> pauses = new ArrayList<>();
        List<Long> waits = new ArrayList<>();
        Mover mover = new Mover(MoverProcess.connections(MoverProcess.settings(settings)), () -> false, step -> {});
        try (CourseLoad load = new CourseLoad(List.of(node.shards(), stale.shards()), LOGICAL, 4)) {
            load.awaitWrites(2000);
            load.longestMillis();
            long before = load.writes();
            LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(5));
            System.out.printf(
                    Locale.ROOT,
                    "%nnothing moves: %d writes/s by 4 writers, the longest %d ms%n%n",
                    (load.writes() - before) / 5,
                    load.longestMillis());
            System.out.println(
                    "| move | write pause ms | longest write ms | rows copied | changes carried over | seconds |");
            System.out.println("|---|---|---|---|---|---|");
            ShardMoves asked = node.bean(ShardMoves.class);
            for (int number = 1; number <= moves; number++) {
                UUID move = UUID.randomUUID();
                asked.begin(move, LOGICAL, 1 + number % 3, "benchmark").block(PATIENCE);
                load.longestMillis();
                Thread working = Thread.ofPlatform().start(() -> {
                    try {
                        mover.run(move);
                    } catch (java.sql.SQLException failure) {
                        throw new IllegalStateException(failure);
                    }
                });
                long began = System.nanoTime();
                waits.add(report(number + " there", asked, move, MoveState.SWITCHED, load, began, pauses));
                asked.wish(move, MoveState.Wish.REVERT, "benchmark").block(PATIENCE);
                began = System.nanoTime();
                waits.add(report(number + " back", asked, move, MoveState.CLEANING, load, began, pauses));
                working.join();
            }
            System.out.printf(
                    Locale.ROOT,
                    "%npause: median %d ms, longest %d ms; longest write: median %d ms, longest %d ms%n",
                    at(pauses, 0.5),
                    at(pauses, 1),
                    at(waits, 0.5),
                    at(waits, 1));
        }
    }

    private static long report(
            String what, ShardMoves asked, UUID move, MoveState until, CourseLoad load, long began, List<Long> pauses) {
        ShardMove found = asked.find(move).blockOptional(PATIENCE).orElseThrow();
        while (!found.state().equals(until.key())
                && !MoveState.of(found.state()).ended()) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            found = asked.find(move).blockOptional(PATIENCE).orElseThrow();
        }
        load.awaitWrites(50);
        long wait = load.longestMillis();
        long pause = found.pauseMillis() == null ? -1 : found.pauseMillis();
        pauses.add(pause);
        System.out.printf(
                Locale.ROOT,
                "| %s | %d | %d | %d | %d | %.1f |%n",
                what,
                pause,
                wait,
                found.rowsCopied(),
                found.changesApplied(),
                (System.nanoTime() - began) / 1e9);
        return wait;
    }

    private static long at(List<Long> values, double quantile) {
        List<Long> sorted = values.stream().sorted().toList();
        return sorted.get((int) Math.min(sorted.size() - 1, Math.floor(quantile * sorted.size())));
    }

    private static void fill(PostgresCluster cluster, int rows) throws Exception {
        try (Connection shard = cluster.primary().connect("lectern_shard_0");
                Statement statement = shard.createStatement()) {
            statement.execute(
                    "insert into chat_entry (context_id, seq, logical_shard, kind, client_id, user_id, text, at)"
                            + " select '00000000-0000-0000-0000-0000000000aa', n, " + LOGICAL + ", 'message', 'c' || n,"
                            + " '00000000-0000-0000-0000-0000000000aa', repeat('message ', 12), now()"
                            + " from generate_series(1, " + rows + ") as n");
        }
    }

    private static void delete(Path directory) throws Exception {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
