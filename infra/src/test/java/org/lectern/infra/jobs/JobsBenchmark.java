package org.lectern.infra.jobs;

import io.micrometer.core.instrument.MeterRegistry;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import org.lectern.db.ContextId;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.embedded.RabbitServer;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Jobs per second from the first commit to the last job done, beside three others, in turn, round after round, on the
 * same machine and the same private servers: BullMQ on Redis (fsync always, and every second), {@code pgbench} running a
 * job's own statements one transaction each, and RabbitMQ's PerfTest. Started by {@code bench/jobs.sh}.
 *
 * <p>Arguments: rounds, jobs per round, folder with bullmq.mjs and pgbench.sql, class path of PerfTest.
 */
final class JobsBenchmark {

    private static final String KIND = "bench";
    private static final int COURSES = 100;
    private static final int ASKING = 32;
    private static final int WORKERS = 64;
    private static final int PGBENCH_CLIENTS = 32;
    private static final int WARMING = 2;
    private static final int LONELY = 50;
    private static final int PERF_TEST_SECONDS = 10;
    private static final String LECTERN = "Lectern";
    private static final double TICK_MILLIS = 10;
    private static final Duration ROUND_LIMIT = Duration.ofMinutes(5);

    private final int jobs;
    private final Path folder;
    private final String perfTest;
    private final EmbeddedServices services;
    private final JobNode node;
    private final IdGenerator ids;

    private JobsBenchmark(int jobs, Path folder, String perfTest, EmbeddedServices services, JobNode node) {
        this.jobs = jobs;
        this.folder = folder;
        this.perfTest = perfTest;
        this.services = services;
        this.node = node;
        this.ids = node.bean(IdGenerator.class);
    }

    @FunctionalInterface
    private interface Contestant {
        double perSecond() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[0]);
        int jobs = Integer.parseInt(arguments[1]);
        Path directory = Files.createTempDirectory("lectern-bench-jobs");
        try (EmbeddedServices services = EmbeddedServices.start(
                EmbeddedServices.Settings.in(directory).only(EmbeddedService.POSTGRESQL, EmbeddedService.RABBITMQ))) {
            // The time-outs: a machine with other work is slow, not broken.
            Map<String, Object> settings = Map.of(
                    "lectern.jobs.lanes.standard.workers", WORKERS,
                    "lectern.jobs.lanes.standard.max-workers", WORKERS,
                    "lectern.db.pool.connect-timeout", "60s",
                    "lectern.db.pool.acquire-timeout", "60s",
                    "lectern.db.slow-query", "10s");
            try (JobNode node = JobNode.start(
                            services.properties(),
                            settings,
                            Clock.systemUTC(),
                            List.of(new JobNode.Scripted(KIND, run -> JobHandler.Effect.NONE)));
                    Redis always = new Redis(directory.resolve("redis-always"), "always");
                    Redis everySecond = new Redis(directory.resolve("redis-everysec"), "everysec")) {
                new JobsBenchmark(jobs, Path.of(arguments[2]), arguments[3], services, node)
                        .run(rounds, always, everySecond);
            }
        }
    }

    private void run(int rounds, Redis always, Redis everySecond) throws Exception {
        Map<String, Contestant> contestants = new LinkedHashMap<>();
        contestants.put(LECTERN, () -> lectern(this::alone));
        contestants.put("Lectern, in the caller's transaction", () -> lectern(this::inTransaction));
        contestants.put("BullMQ, appendfsync always", () -> bullmq(always));
        contestants.put("BullMQ, appendfsync everysec", () -> bullmq(everySecond));
        contestants.put("pgbench, a job's statements", this::pgbench);
        contestants.put("PerfTest, persistent, confirms", this::perfTest);
        // Compilers and caches are warm before anything counts.
        for (int i = 0; i < WARMING; i++) {
            lectern(this::alone);
            lectern(this::inTransaction);
        }
        if (Boolean.getBoolean("lectern.bench.alone")) {
            contestants.keySet().removeIf(name -> !name.startsWith(LECTERN));
        }
        Map<String, List<Double>> results = new LinkedHashMap<>();
        Map<String, List<Double>> costs = new LinkedHashMap<>();
        for (int round = 1; round <= rounds; round++) {
            for (Map.Entry<String, Contestant> one : contestants.entrySet()) {
                String name = one.getKey();
                Cpu before = Cpu.now();
                long commits = commits();
                double perSecond = one.getValue().perSecond();
                // PerfTest runs for a time, not for a number of messages.
                double count = name.startsWith("PerfTest") ? perSecond * PERF_TEST_SECONDS : jobs;
                Cpu used = Cpu.now().minus(before);
                double cost = used.total() / count;
                results.computeIfAbsent(name, key -> new ArrayList<>()).add(perSecond);
                costs.computeIfAbsent(name, key -> new ArrayList<>()).add(cost);
                System.err.printf(
                        Locale.ROOT,
                        "round %d  %-38s %,9.0f/s %6.2f ms (here %.2f, PostgreSQL %.2f, RabbitMQ %.2f), %.2f commits%n",
                        round,
                        name,
                        perSecond,
                        cost,
                        used.here() / count,
                        used.database() / count,
                        used.broker() / count,
                        (commits() - commits) / count);
            }
        }
        List<Double> waits = new ArrayList<>();
        for (int i = 0; i < LONELY; i++) {
            waits.add(oneMillis());
        }
        double lectern = median(Objects.requireNonNull(results.get(LECTERN)));
        System.out.printf(
                "%nMedians of %d rounds of %d jobs; %d ask, %d work at a time.%n%n", rounds, jobs, ASKING, WORKERS);
        System.out.println("| what | per second | Lectern is | processor time for each |");
        System.out.println("|---|---|---|---|");
        results.forEach((name, values) -> System.out.printf(
                Locale.ROOT,
                "| %s | %,.0f | %.2f times | %.2f ms |%n",
                name,
                median(values),
                lectern / median(values),
                median(Objects.requireNonNull(costs.get(name)))));
        System.out.printf(
                Locale.ROOT, "%nA job that comes alone takes %.1f ms (median of %d).%n", median(waits), LONELY);
    }

    /**
     * Processor time in milliseconds that this process and all its descendants have used, ended ones included.
     *
     * @param here this process, and the children that have ended
     * @param database PostgreSQL, replica included
     * @param broker RabbitMQ
     * @param others the rest: the other contestants' servers
     */
    private record Cpu(double here, double database, double broker, double others) {

        static Cpu now() {
            double database = 0;
            double broker = 0;
            double others = 0;
            for (ProcessHandle process : ProcessHandle.current().descendants().toList()) {
                String command = process.info().command().orElse("");
                if (command.contains("postgres")) {
                    database += cpuMillis(process);
                } else if (command.contains("beam") || command.contains("erl")) {
                    broker += cpuMillis(process);
                } else {
                    others += cpuMillis(process);
                }
            }
            return new Cpu(cpuMillis(ProcessHandle.current()), database, broker, others);
        }

        Cpu minus(Cpu before) {
            return new Cpu(
                    here - before.here, database - before.database, broker - before.broker, others - before.others);
        }

        double total() {
            return here + database + broker + others;
        }
    }

    /** Transactions that the shards' primary has committed, as it counts them (up to a second late). */
    private long commits() {
        var postgres = services.postgres().orElseThrow();
        try (Connection connection = DriverManager.getConnection(
                        "jdbc:postgresql://" + postgres.primary().address() + "/lectern_shard_0",
                        postgres.username(),
                        postgres.password());
                var counts = connection
                        .createStatement()
                        .executeQuery("select sum(xact_commit) from pg_stat_database where datname like 'lectern%'")) {
            counts.next();
            return counts.getLong(1);
        } catch (SQLException unanswered) {
            throw new IllegalStateException(unanswered);
        }
    }

    /** User and system time of a process and of the children it has waited for, as Linux counts them. */
    private static double cpuMillis(ProcessHandle process) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", 16);
            return TICK_MILLIS
                    * Arrays.stream(fields, 11, 15).mapToLong(Long::parseLong).sum();
        } catch (IOException ended) {
            return 0;
        }
    }

    /** From asking for a job to its end while there is no other: nothing may make it wait for company. */
    private double oneMillis() throws InterruptedException {
        ContextId course = node.newCourse();
        double before = done();
        long start = System.nanoTime();
        alone(course).block(ROUND_LIMIT);
        while (done() == before) {
            TimeUnit.MICROSECONDS.sleep(200);
        }
        return (System.nanoTime() - start) / 1e6;
    }

    private static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(value -> value).sorted().toArray();
        return DoubleStream.of(sorted).skip(sorted.length / 2).findFirst().orElseThrow();
    }

    /** Asked for where there is nothing else to commit, as with BullMQ: complete when the row is safe. */
    private Mono<?> alone(ContextId course) {
        return node.jobs().submit(course, request());
    }

    /** Asked for in a transaction of the caller's, one for each job. */
    private Mono<?> inTransaction(ContextId course) {
        return node.shards()
                .write(
                        course,
                        transaction ->
                                node.jobs().submit(transaction, request()).thenReturn(true));
    }

    private JobRequest request() {
        return JobNode.request(ids.generateId(), KIND, Lane.STANDARD, 0);
    }

    /** A job counts when its end is committed. */
    private double lectern(Function<ContextId, Mono<?>> ask) throws InterruptedException {
        List<ContextId> courses = new ArrayList<>();
        for (int i = 0; i < COURSES; i++) {
            courses.add(node.newCourse());
        }
        double before = done();
        long start = System.nanoTime();
        Flux.range(0, jobs)
                .flatMap(number -> ask.apply(courses.get(number % COURSES)), ASKING)
                .then()
                .block(ROUND_LIMIT);
        while (done() - before < jobs) {
            if (System.nanoTime() - start > ROUND_LIMIT.toNanos()) {
                throw new IllegalStateException(
                        (done() - before) + " of " + jobs + " jobs are done after " + ROUND_LIMIT);
            }
            TimeUnit.MILLISECONDS.sleep(2);
        }
        return jobs / ((System.nanoTime() - start) / 1e9);
    }

    private double done() {
        return node.bean(MeterRegistry.class).find("lectern.jobs.finished").tag("outcome", "done").counters().stream()
                .mapToDouble(counter -> counter.count())
                .sum();
    }

    private double bullmq(Redis redis) throws IOException, InterruptedException {
        return number(
                output(
                        folder,
                        Map.of(),
                        "node",
                        "bullmq.mjs",
                        Integer.toString(redis.port()),
                        Integer.toString(jobs),
                        Integer.toString(ASKING),
                        Integer.toString(WORKERS)),
                "jobs_per_second=([0-9.]+)");
    }

    private double pgbench() throws IOException, InterruptedException {
        var primary = services.postgres().orElseThrow().primary();
        String[] address = primary.address().split(":", 2);
        return number(
                output(
                        folder,
                        Map.of("PGPASSWORD", services.postgres().orElseThrow().password()),
                        "pgbench",
                        "-h",
                        address[0],
                        "-p",
                        address[1],
                        "-U",
                        services.postgres().orElseThrow().username(),
                        "-n",
                        "-M",
                        "prepared",
                        "-c",
                        Integer.toString(PGBENCH_CLIENTS),
                        "-j",
                        "2",
                        "-t",
                        Integer.toString(Math.max(1, jobs / PGBENCH_CLIENTS)),
                        "-D",
                        "context=" + node.newCourse(),
                        "-f",
                        "pgbench.sql",
                        "lectern_shard_0"),
                "tps = ([0-9.]+) \\(without");
    }

    private double perfTest() throws IOException, InterruptedException {
        RabbitServer rabbit = services.rabbit().orElseThrow();
        return number(
                output(
                        folder,
                        Map.of(),
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        perfTest,
                        "com.rabbitmq.perf.PerfTest",
                        "--uri",
                        "amqp://" + RabbitServer.USERNAME + ":" + rabbit.password() + "@127.0.0.1:" + rabbit.port(),
                        "--queue",
                        "perf-" + node.newCourse(),
                        "--auto-delete",
                        "false",
                        "--flag",
                        "persistent",
                        "--queue-args",
                        "x-max-priority=10",
                        "--confirm",
                        Integer.toString(WORKERS),
                        "--qos",
                        Integer.toString(WORKERS),
                        "--size",
                        "150",
                        "--time",
                        Integer.toString(PERF_TEST_SECONDS)),
                "receiving rate avg: ([0-9]+)");
    }

    private static double number(String output, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(output);
        if (!matcher.find()) {
            throw new IllegalStateException("no figure in:\n" + output);
        }
        return Double.parseDouble(matcher.group(1));
    }

    private static String output(Path folder, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IllegalStateException(Arrays.toString(command) + " failed:\n" + output);
        }
        return output;
    }

    /** A private Redis with an append-only file. */
    private static final class Redis implements AutoCloseable {
        private final int port;
        private final Process process;

        Redis(Path data, String fsync) throws IOException, InterruptedException {
            Files.createDirectories(data);
            try (ServerSocket free = new ServerSocket(0)) {
                port = free.getLocalPort();
            }
            process = new ProcessBuilder(
                            "redis-server",
                            "--port",
                            Integer.toString(port),
                            "--bind",
                            "127.0.0.1",
                            "--save",
                            "",
                            "--appendonly",
                            "yes",
                            "--appendfsync",
                            fsync,
                            "--dir",
                            data.toString(),
                            "--maxmemory-policy",
                            "noeviction")
                    .redirectErrorStream(true)
                    .redirectOutput(new File(data.toFile(), "log"))
                    .start();
            while (!Files.readString(data.resolve("log")).contains("Ready to accept")) {
                if (!process.isAlive()) {
                    throw new UncheckedIOException(new IOException(Files.readString(data.resolve("log"))));
                }
                TimeUnit.MILLISECONDS.sleep(20);
            }
        }

        int port() {
            return port;
        }

        @Override
        public void close() {
            process.destroy();
        }
    }
}
