package org.lectern.db.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionFactory;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.plane.TestNode;
import org.lectern.db.shard.Shards;
import org.slf4j.LoggerFactory;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Started by bench/data-plane.sh; arguments: pgbench, seconds, clients. Every statement runs as {@code pgbench -M prepared},
 * by the driver and its pool alone, and through {@link Shards}, in turn, on one course of one shard; a round's figures are compared with those of the same
 * round only, and the median of three rounds is printed.
 */
final class DataPlaneBenchmark {

    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int ROWS = 100_000;
    private static final int BATCH = 1000;
    private static final int ROUNDS = 3;
    private static final Pattern TPS = Pattern.compile("tps = ([0-9.]+)");

    private DataPlaneBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        // What is printed is the table.
        ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        int seconds = Integer.parseInt(arguments[1]);
        int clients = Integer.parseInt(arguments[2]);
        Path directory = Files.createTempDirectory("lectern-data-plane");
        try (PostgresCluster cluster = PostgresCluster.start(
                        PostgresCluster.Settings.in(directory).withReplicas(0));
                TestNode node = TestNode.on(
                        cluster,
                        Map.of(
                                "lectern.db.shard-mover",
                                "false",
                                "lectern.db.pool.primary-size",
                                Integer.toString(clients),
                                // A cold JVM on a busy machine may take its time to open them all at once.
                                "lectern.db.pool.connect-timeout",
                                "60s",
                                "lectern.db.pool.acquire-timeout",
                                "60s",
                                "lectern.db.slow-query",
                                "1m"))) {
            new Run(cluster, node, directory, Path.of(arguments[0]), seconds, clients).all();
        } finally {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    private record Run(PostgresCluster cluster, TestNode node, Path directory, Path pgbench, int seconds, int clients) {

        void all() throws Exception {
            Shards shards = node.shards();
            ContextId course = new ContextId(new UUID(0, 1));
            String database = "lectern_shard_" + shards.physicalShardOf(course).value();
            shards.writeOn(
                            shards.physicalShardOf(course),
                            sql -> sql.sql("create table item (context_id uuid not null,"
                                            + " id bigint not null, logical_shard smallint not null, body text not null,"
                                            + " primary key (context_id, id))")
                                    .then()
                                    .then(sql.sql("insert into item select '" + course + "', n, "
                                                    + shards.logicalShardOf(course)
                                                    + ", repeat('x', 100) from generate_series(1, " + ROWS + ") as n")
                                            .then()))
                    .block(PATIENCE);
            int logical = shards.logicalShardOf(course);
            AtomicLong next = new AtomicLong(10L * ROWS);
            System.out.printf(
                    Locale.ROOT,
                    "%d processors, load average %.1f, %d clients, %d rounds of %d s each%n%n",
                    Runtime.getRuntime().availableProcessors(),
                    ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
                    clients,
                    ROUNDS,
                    seconds);
            System.out.println("| rows/s | pgbench | R2DBC alone | shards | of pgbench | of R2DBC alone |");
            System.out.println("|---|---|---|---|---|---|");
            ConnectionPool pool = pool(database);
            DatabaseClient alone = DatabaseClient.create(pool);
            Function<DatabaseClient, Mono<Void>> point =
                    sql -> sql.sql("select id, body from item where context_id = $1 and id = $2")
                            .bind(0, course.value())
                            .bind(1, ThreadLocalRandom.current().nextLong(1, ROWS + 1L))
                            .map(row -> Objects.requireNonNull(row.get(1, String.class)))
                            .all()
                            .then();
            compare(
                    "point read",
                    1,
                    "\\set id random(1, " + ROWS + ")\nselect id, body from item where context_id = '" + course
                            + "' and id = :id;\n",
                    database,
                    () -> point.apply(alone),
                    () -> shards.read(course, Freshness.PRIMARY, point).then());
            Function<DatabaseClient, Mono<Void>> hundred = sql -> {
                long first = ThreadLocalRandom.current().nextLong(1, ROWS - 100L);
                return sql.sql("select id, body from item where context_id = $1 and id = any($2)")
                        .bind(0, course.value())
                        .bind(1, LongStream.range(first, first + 100).boxed().toArray(Long[]::new))
                        .map(row -> Objects.requireNonNull(row.get(1, String.class)))
                        .all()
                        .then();
            };
            compare(
                    "read of 100 by = any",
                    100,
                    "\\set a random(1, " + (ROWS - 100) + ")\nselect id, body from item where context_id = '" + course
                            + "' and id = any(array(select generate_series(:a::bigint, :a::bigint + 99)));\n",
                    database,
                    () -> hundred.apply(alone),
                    () -> shards.read(course, Freshness.PRIMARY, hundred).then());
            String body = "x".repeat(100);
            Function<DatabaseClient, Mono<Void>> thousand = sql -> {
                long first = -next.getAndAdd(BATCH);
                String[] bodies = new String[BATCH];
                Arrays.fill(bodies, body);
                return sql.sql("insert into item select $1, id, $2, body from unnest($3, $4) as i (id, body)"
                                + " on conflict do nothing")
                        .bind(0, course.value())
                        .bind(1, (short) logical)
                        .bind(2, LongStream.range(first, first + BATCH).boxed().toArray(Long[]::new))
                        .bind(3, bodies)
                        .then();
            };
            compare(
                    "insert of 1000 by unnest",
                    BATCH,
                    "\\set a random(1, 1000000000000)\nbegin;\nselect enter_shard(" + logical + "::smallint, 1);\n"
                            + "insert into item select '" + course + "', id, " + logical + ", '" + body
                            + "' from unnest(array(select generate_series(:a::bigint * 1000, :a::bigint * 1000 + 999)))"
                            + " as id on conflict do nothing;\ncommit;\n",
                    database,
                    () -> thousand.apply(alone),
                    () -> shards.write(course, transaction -> thousand.apply(transaction.sql())));
            routing(shards);
            pool.close().block(PATIENCE);
        }

        /** The same driver and pool with nothing around them: what the plane itself costs is the difference. */
        private ConnectionPool pool(String database) {
            var server = PostgresqlConnectionConfiguration.builder()
                    .host("127.0.0.1")
                    .port(cluster.primary().port())
                    .username(cluster.username())
                    .password(cluster.password())
                    .database(database)
                    .build();
            return new ConnectionPool(ConnectionPoolConfiguration.builder(new PostgresqlConnectionFactory(server))
                    .initialSize(clients)
                    .maxSize(clients)
                    .build());
        }

        private void compare(
                String what,
                int rows,
                String script,
                String database,
                Supplier<Mono<Void>> alone,
                Supplier<Mono<Void>> ours)
                throws Exception {
            Path file = directory.resolve("script.sql");
            Files.writeString(file, script);
            // Counted rounds are those of compiled code.
            ours(alone, Math.max(5, seconds));
            ours(ours, Math.max(5, seconds));
            List<double[]> rounds = new ArrayList<>();
            for (int round = 0; round < ROUNDS; round++) {
                rounds.add(new double[] {
                    pgbench(file, database) * rows, ours(alone, seconds) * rows, ours(ours, seconds) * rows
                });
            }
            rounds.sort(Comparator.comparingDouble(round -> round[2] / round[0]));
            double[] median = rounds.get(ROUNDS / 2);
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %.0f | %.0f | %.0f | %.2f (%.2f to %.2f) | %.2f |%n",
                    what,
                    median[0],
                    median[1],
                    median[2],
                    median[2] / median[0],
                    rounds.getFirst()[2] / rounds.getFirst()[0],
                    rounds.getLast()[2] / rounds.getLast()[0],
                    median[2] / median[1]);
        }

        private double ours(Supplier<Mono<Void>> operation, int forSeconds) {
            long begin = System.nanoTime();
            long end = begin + Duration.ofSeconds(forSeconds).toNanos();
            Long done = Flux.range(0, clients)
                    .flatMap(
                            client -> Mono.defer(operation)
                                    .thenReturn(1L)
                                    .repeat(() -> System.nanoTime() < end)
                                    .count(),
                            clients)
                    .reduce(0L, Long::sum)
                    .block(PATIENCE);
            return (done == null ? 0 : done) / ((System.nanoTime() - begin) / 1e9);
        }

        private double pgbench(Path script, String database) throws Exception {
            ProcessBuilder command = new ProcessBuilder(
                            pgbench.toString(),
                            "-n",
                            "-M",
                            "prepared",
                            "-f",
                            script.toString(),
                            "-c",
                            Integer.toString(clients),
                            "-j",
                            "2",
                            "-T",
                            Integer.toString(seconds),
                            "-h",
                            "127.0.0.1",
                            "-p",
                            Integer.toString(cluster.primary().port()),
                            "-U",
                            cluster.username(),
                            database)
                    .redirectErrorStream(true);
            command.environment().put("PGPASSWORD", cluster.password());
            Process process = command.start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            Matcher found = TPS.matcher(output);
            if (!found.find()) {
                throw new IllegalStateException(output);
            }
            return Double.parseDouble(found.group(1));
        }

        /** What it costs to find the shard of a context: the hash and the map, without any statement. */
        private static void routing(Shards shards) {
            ContextId[] contexts = IntStream.range(0, 1024)
                    .mapToObj(number -> new ContextId(UUID.randomUUID()))
                    .toArray(ContextId[]::new);
            long sink = 0;
            double best = Double.MAX_VALUE;
            for (int round = 0; round < 20; round++) {
                long begin = System.nanoTime();
                for (int call = 0; call < 5_000_000; call++) {
                    sink += shards.physicalShardOf(contexts[call & 1023]).value();
                }
                best = Math.min(best, (System.nanoTime() - begin) / 5e6);
            }
            System.out.printf(
                    Locale.ROOT, "%nrouting (context to shard): %.1f ns, best of 20 rounds (%d)%n", best, sink);
        }
    }
}
