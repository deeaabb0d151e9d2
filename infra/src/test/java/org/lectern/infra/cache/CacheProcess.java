package org.lectern.infra.cache;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.core.type.TypeReference;

/**
 * A node in a JVM of its own, which can be killed. It is told what to do line by line, and answers each line with one:
 *
 * <ul>
 *   <li>{@code get KEY SECONDS}: the value, by a load that takes so long if it must load; answers the value
 *   <li>{@code begin}: reads and changes {@code number} all the time, until {@code end}; that answers how many milliseconds
 *       after the end of its invalidation the oldest value was asked for that was read, and how many reads there were
 * </ul>
 */
final class CacheProcess implements AutoCloseable {

    private static final CacheFamily<Long> NUMBERS =
            CacheFamily.of("number", CacheKind.STATIC, new TypeReference<Long>() {});

    private final Process process;
    private final PrintWriter orders;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    private CacheProcess(Process process) {
        this.process = process;
        this.orders = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
        Thread.ofPlatform().daemon().start(() -> {
            try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                lines.lines().filter(line -> line.startsWith(">")).forEach(line -> answers.add(line.substring(1)));
            } catch (IOException killed) {
                // What it told is told.
            }
        });
    }

    /**
     * @param name stands beside the loads in the database
     * @param database a JDBC address
     * @param lease of the cache, in milliseconds
     */
    static CacheProcess start(String name, String redis, String database, long lease, Path log) throws IOException {
        return new CacheProcess(new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        CacheProcess.class.getName(),
                        name,
                        redis,
                        database,
                        Long.toString(lease))
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start());
    }

    void tell(String order) {
        orders.println(order);
    }

    String answer() throws InterruptedException {
        String answer = answers.poll(CacheNode.PATIENCE.toSeconds() * 4, TimeUnit.SECONDS);
        if (answer == null) {
            throw new IllegalStateException("a node did not answer; alive: " + process.isAlive());
        }
        return answer;
    }

    /** Ends it as a power cut would. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    public static void main(String[] arguments) throws Exception {
        long lease = Long.parseLong(arguments[3]);
        // Who gives up on Redis loads for itself: a machine that is busy elsewhere must not look like that.
        CacheSettings settings = CacheNode.settings(
                Duration.ofMinutes(5), Duration.ofMillis(lease), Duration.ofMillis(500), Duration.ofSeconds(10));
        try (CacheNode node = new CacheNode(settings, arguments[1]);
                BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            node.awaitLive();
            System.out.println(">live");
            Source source = new Source(arguments[0], arguments[2]);
            @Nullable Churn churn = null;
            for (String order = orders.readLine(); order != null; order = orders.readLine()) {
                String[] words = order.split(" ", -1);
                switch (words[0]) {
                    case "get" ->
                        System.out.println(">"
                                + node.cache
                                        .get(NUMBERS, words[1], source.load(words[1], words[2]))
                                        .block(CacheNode.PATIENCE));
                    case "begin" -> churn = new Churn(node, source);
                    case "end" -> System.out.println(">" + (churn == null ? "" : churn.end()));
                    default -> throw new IllegalArgumentException(order);
                }
            }
        }
    }

    /** The truth: a table of values, and beside it who loaded what, and when the invalidation of each value had ended. */
    private record Source(String node, String database) {

        Mono<Long> load(String key, String seconds) {
            return Mono.fromCallable(() -> read(key, seconds)).subscribeOn(Schedulers.boundedElastic());
        }

        private @Nullable Long read(String key, String seconds) throws SQLException {
            try (Connection connection = DriverManager.getConnection(database)) {
                try (PreparedStatement begun =
                        connection.prepareStatement("insert into cache_load (node, key) values (?, ?)")) {
                    begun.setString(1, node);
                    begun.setString(2, key);
                    begun.executeUpdate();
                }
                try (PreparedStatement asked = connection.prepareStatement(
                        "select value from cache_source, pg_sleep(?::double precision) where key = ?")) {
                    asked.setString(1, seconds);
                    asked.setString(2, key);
                    ResultSet found = asked.executeQuery();
                    return found.next() ? found.getLong(1) : null;
                }
            }
        }

        private long replace(String key) throws SQLException {
            try (Connection connection = DriverManager.getConnection(database);
                    PreparedStatement update = connection.prepareStatement(
                            "update cache_source set value = value + 1 where key = ? returning value - 1")) {
                update.setString(1, key);
                ResultSet old = update.executeQuery();
                old.next();
                return old.getLong(1);
            }
        }

        /** Notes since when nobody should have a value any more. */
        private void note(String key, long old, long millis) throws SQLException {
            try (Connection connection = DriverManager.getConnection(database);
                    PreparedStatement insert =
                            connection.prepareStatement("insert into cache_replaced values (?, ?, ?)")) {
                insert.setString(1, key);
                insert.setLong(2, old);
                insert.setLong(3, millis);
                insert.executeUpdate();
            }
        }

        private Map<Long, Long> replaced(String key) throws SQLException {
            Map<Long, Long> millis = new ConcurrentHashMap<>();
            try (Connection connection = DriverManager.getConnection(database);
                    PreparedStatement asked =
                            connection.prepareStatement("select value, millis from cache_replaced where key = ?")) {
                asked.setString(1, key);
                ResultSet found = asked.executeQuery();
                while (found.next()) {
                    millis.put(found.getLong(1), found.getLong(2));
                }
            }
            return millis;
        }
    }

    /** Reads and changes one value all the time. */
    private static final class Churn {
        private static final String KEY = "number";

        private final CacheNode node;
        private final Source source;

        /** For each value that was read, when it was asked for last. */
        private final Map<Long, Long> askedMillis = new ConcurrentHashMap<>();

        private final List<Thread> threads = new ArrayList<>();
        private volatile boolean running = true;
        private final AtomicLong reads = new AtomicLong();
        private volatile @Nullable Throwable failure;

        Churn(CacheNode node, Source source) {
            this.node = node;
            this.source = source;
            threads.add(Thread.ofPlatform().start(() -> repeat(this::read, 5)));
            threads.add(Thread.ofPlatform().start(() -> repeat(this::write, 40)));
        }

        String end() throws Exception {
            running = false;
            for (Thread thread : threads) {
                thread.join();
            }
            Throwable failed = failure;
            if (failed != null) {
                return "failed: " + failed;
            }
            Map<Long, Long> replaced = source.replaced(KEY);
            long oldest = askedMillis.entrySet().stream()
                    .mapToLong(asked -> asked.getValue() - replaced.getOrDefault(asked.getKey(), Long.MAX_VALUE))
                    .max()
                    .orElse(0);
            return Math.max(0, oldest) + " " + reads;
        }

        private void read() {
            long now = System.currentTimeMillis();
            Long value = node.cache.get(NUMBERS, KEY, source.load(KEY, "0")).block(CacheNode.PATIENCE);
            if (value != null) {
                askedMillis.merge(value, now, Math::max);
            }
            reads.incrementAndGet();
        }

        private void write() throws SQLException {
            long old = source.replace(KEY);
            node.cache.invalidate("number:" + KEY).block(CacheNode.PATIENCE);
            source.note(KEY, old, System.currentTimeMillis());
        }

        private void repeat(Work work, long pauseMillis) {
            try {
                while (running) {
                    work.run();
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(pauseMillis));
                }
            } catch (Exception | AssertionError e) {
                failure = e;
            }
        }

        private interface Work {
            void run() throws Exception;
        }
    }
}
