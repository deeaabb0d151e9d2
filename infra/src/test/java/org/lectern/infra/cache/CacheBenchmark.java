package org.lectern.infra.cache;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.lectern.infra.embedded.RedisServer;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.slf4j.LoggerFactory;
import org.springframework.util.FileSystemUtils;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.core.type.TypeReference;

/** The cache beside what it is made of, in one run, on a Redis of its own; prints a table. */
final class CacheBenchmark {

    private static final CacheFamily<String> TEXTS =
            CacheFamily.of("text", CacheKind.STATIC, new TypeReference<String>() {});
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final String VALUE = "x".repeat(200);
    private static final int ROUNDS = 5;
    private static final int AT_A_TIME = 64;

    private CacheBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        // What is printed is the table.
        ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
        System.out.printf(
                Locale.ROOT,
                "%d processors, load average %.1f%n%n",
                Runtime.getRuntime().availableProcessors(),
                ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
        Path directory = Files.createTempDirectory("lectern-cache");
        try (RedisServer redis = RedisServer.in(directory)) {
            redis.start();
            System.out.println("| what | Lectern | beside it | ratio |\n|---|---|---|---|");
            memoryHits(redis);
            redisHits(redis);
            stampede(redis);
            zipfInMemory(redis);
            zipfInBoth(redis);
        } finally {
            FileSystemUtils.deleteRecursively(directory);
        }
        System.exit(0);
    }

    private static CacheNode node(RedisServer redis, int memoryEntries) {
        CacheNode node = new CacheNode(CacheNode.patient(memoryEntries), CacheNode.patiently(redis.uri()));
        node.awaitLive();
        return node;
    }

    /** A hit in memory, beside the same of a bare Caffeine of the same kind, as such and inside a Mono. */
    private static void memoryHits(RedisServer redis) {
        int hits = 2_000_000;
        try (CacheNode node = node(redis, 1000)) {
            var caffeine = Caffeine.newBuilder()
                    .maximumSize(1000)
                    .expireAfter(Expiry.<String, String>writing((key, value) -> Duration.ofMinutes(5)))
                    .<String, String>build();
            String[] keys =
                    IntStream.range(0, 500).mapToObj(number -> "k" + number).toArray(String[]::new);
            for (String key : keys) {
                node.cache.get(TEXTS, key, Mono.just(VALUE)).block(PATIENCE);
                caffeine.put(key, VALUE);
            }
            Mono<String> never = Mono.error(new IllegalStateException("a miss"));
            AtomicInteger sink = new AtomicInteger();
            double[][] nanos = new double[3][ROUNDS];
            for (int round = -1; round < ROUNDS; round++) {
                double ours = nanos(hits, number -> {
                    node.cache
                            .get(TEXTS, keys[number % keys.length], never)
                            .subscribe(value -> sink.lazySet(value.length()));
                    return sink;
                });
                double bare = nanos(hits, number -> {
                    String value = caffeine.getIfPresent(keys[number % keys.length]);
                    sink.lazySet(value == null ? 0 : value.length());
                    return sink;
                });
                double reactive = nanos(hits, number -> {
                    Mono.fromSupplier(() -> caffeine.getIfPresent(keys[number % keys.length]))
                            .subscribe(value -> sink.lazySet(value.length()));
                    return sink;
                });
                if (round >= 0) {
                    nanos[0][round] = ours;
                    nanos[1][round] = bare;
                    nanos[2][round] = reactive;
                }
            }
            line("a hit in memory, beside Caffeine", "%.0f ns", median(nanos[0]), median(nanos[1]));
            line("the same, beside Caffeine inside a Mono", "%.0f ns", median(nanos[0]), median(nanos[2]));
        }
    }

    private static double nanos(int times, IntFunction<Object> work) {
        Object last = "";
        long begun = System.nanoTime();
        for (int number = 0; number < times; number++) {
            last = work.apply(number);
        }
        long took = System.nanoTime() - begun;
        if (last.equals("")) {
            throw new IllegalStateException();
        }
        return (double) took / times;
    }

    /** A hit in Redis, one after the other and many at a time, beside a bare get of Redisson. */
    private static void redisHits(RedisServer redis) {
        int keys = 5_000;
        try (CacheNode writer = node(redis, 1000);
                CacheNode reader = node(redis, 0)) {
            RedissonClient redisson = reader.redisson;
            Flux.range(0, keys)
                    .flatMap(
                            number -> writer.cache
                                    .get(TEXTS, "r" + number, Mono.just(VALUE))
                                    .then(redisson.reactive()
                                            .getBucket("bare:" + number, StringCodec.INSTANCE)
                                            .set(VALUE)),
                            AT_A_TIME)
                    .blockLast(PATIENCE);
            Mono<String> never = Mono.error(new IllegalStateException("a miss"));
            IntFunction<Mono<String>> ours = number -> reader.cache.get(TEXTS, "r" + number % keys, never);
            IntFunction<Mono<String>> bare = number -> redisson.reactive()
                    .<String>getBucket("bare:" + number % keys, StringCodec.INSTANCE)
                    .get();
            for (int concurrency : new int[] {1, AT_A_TIME}) {
                int gets = concurrency == 1 ? 3_000 : 20_000;
                double[][] perSecond = new double[2][ROUNDS];
                for (int round = -1; round < ROUNDS; round++) {
                    double one = perSecond(gets, concurrency, ours);
                    double other = perSecond(gets, concurrency, bare);
                    if (round >= 0) {
                        perSecond[0][round] = one;
                        perSecond[1][round] = other;
                    }
                }
                line(
                        "hits in Redis, " + (concurrency == 1 ? "one after the other" : concurrency + " at a time")
                                + ", beside Redisson's get",
                        "%.0f /s",
                        median(perSecond[0]),
                        median(perSecond[1]));
            }
        }
    }

    private static double perSecond(int gets, int concurrency, IntFunction<Mono<String>> get) {
        long begun = System.nanoTime();
        Long got = Flux.range(0, gets).flatMap(get::apply, concurrency).count().block(PATIENCE);
        if (got == null || got != gets) {
            throw new IllegalStateException(got + " answers of " + gets);
        }
        return gets * 1e9 / (System.nanoTime() - begun);
    }

    /** Ten thousand readers of one key on two nodes. */
    private static void stampede(RedisServer redis) {
        AtomicInteger loads = new AtomicInteger();
        Mono<String> slow = Mono.delay(Duration.ofMillis(200)).map(late -> {
            loads.incrementAndGet();
            return VALUE;
        });
        try (CacheNode one = node(redis, 1000);
                CacheNode other = node(redis, 1000)) {
            long begun = System.nanoTime();
            Flux.range(0, 10_000)
                    .flatMap(
                            reader -> (reader % 2 == 0 ? one : other)
                                    .cache
                                    .get(TEXTS, "stampede", slow)
                                    .subscribeOn(Schedulers.parallel()),
                            10_000)
                    .blockLast(PATIENCE);
            System.out.printf(
                    Locale.ROOT, "| loads of 200 ms by 10,000 readers on two nodes | %d | 1 (aim) | |%n", loads.get());
            System.out.printf(
                    Locale.ROOT,
                    "| until all 10,000 were answered | %.0f ms | 200 ms (the load) | |%n",
                    (System.nanoTime() - begun) / 1e6);
        }
    }

    private static void zipfInMemory(RedisServer redis) {
        int[] requests = zipf(3_000, 300_000, 1);
        int measuredFrom = requests.length / 10;
        try (CacheNode node = node(redis, 1000)) {
            double rate = hitRate(node, "m", requests, measuredFrom, false);
            line(
                    "hits in memory, Zipf(1.0) over 3000 keys, 1000 in memory; beside the 1000 most frequent",
                    "%.2f %%",
                    rate * 100,
                    mostFrequent(requests, measuredFrom, 1000) * 100);
        }
    }

    private static void zipfInBoth(RedisServer redis) {
        int[] requests = zipf(100_000, 1_000_000, 2);
        int measuredFrom = requests.length / 2;
        try (CacheNode node = node(redis, 1000)) {
            double rate = hitRate(node, "z", requests, measuredFrom, true);
            line(
                    "hits in memory or Redis, Zipf(1.0) over 100,000 keys; beside all that came before",
                    "%.2f %%",
                    rate * 100,
                    seenBefore(requests, measuredFrom) * 100);
        }
    }

    private static double hitRate(CacheNode node, String prefix, int[] requests, int measuredFrom, boolean both) {
        run(node, prefix, Arrays.copyOf(requests, measuredFrom));
        double memoryBefore = hits(node, "memory");
        double redisBefore = hits(node, "redis");
        int[] measured = Arrays.copyOfRange(requests, measuredFrom, requests.length);
        run(node, prefix, measured);
        double hits = hits(node, "memory") - memoryBefore + (both ? hits(node, "redis") - redisBefore : 0);
        return hits / measured.length;
    }

    private static void run(CacheNode node, String prefix, int[] requests) {
        // A few at a time: the more there are, the more would join a load that is under way instead of missing.
        Flux.range(0, requests.length)
                .flatMap(number -> node.cache.get(TEXTS, prefix + requests[number], Mono.just("v")), 8)
                .blockLast(PATIENCE);
    }

    private static double hits(CacheNode node, String level) {
        return node.count("lectern.cache.gets", "level", level, "result", "hit");
    }

    /** What a cache of this size hits that knows beforehand what will be asked for most. */
    private static double mostFrequent(int[] requests, int measuredFrom, int size) {
        int[] counts = new int[Arrays.stream(requests).max().orElse(0) + 1];
        for (int number = measuredFrom; number < requests.length; number++) {
            counts[requests[number]]++;
        }
        Arrays.sort(counts);
        long hits = Arrays.stream(counts)
                .skip(Math.max(0, counts.length - size))
                .asLongStream()
                .sum();
        return (double) hits / (requests.length - measuredFrom);
    }

    /** What a cache hits that never forgets. */
    private static double seenBefore(int[] requests, int measuredFrom) {
        BitSet seen = new BitSet();
        int hits = 0;
        for (int number = 0; number < requests.length; number++) {
            if (number >= measuredFrom && seen.get(requests[number])) {
                hits++;
            }
            seen.set(requests[number]);
        }
        return (double) hits / (requests.length - measuredFrom);
    }

    /** Requests of which the n-th most frequent key comes up in proportion to 1/n. */
    private static int[] zipf(int keys, int requests, long seed) {
        double[] cumulated = new double[keys];
        double sum = 0;
        for (int rank = 0; rank < keys; rank++) {
            sum += 1.0 / (rank + 1);
            cumulated[rank] = sum;
        }
        Random random = new Random(seed);
        int[] drawn = new int[requests];
        for (int number = 0; number < requests; number++) {
            int found = Arrays.binarySearch(cumulated, random.nextDouble() * sum);
            drawn[number] = Math.min(keys - 1, found < 0 ? -found - 1 : found);
        }
        return drawn;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static void line(String what, String format, double ours, double theirs) {
        System.out.printf(
                Locale.ROOT, "| %s | " + format + " | " + format + " | %.2f |%n", what, ours, theirs, ours / theirs);
    }
}
