package org.lectern.infra.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.infra.embedded.RedisServer;
import org.lectern.infra.redis.RedisConfiguration;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.redis.RedisSettings;
import org.redisson.api.RedissonClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** Two nodes with their own clients on one Redis, which is killed and comes back. */
class TwoLevelCacheIT {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final CacheFamily<Note> NOTES =
            CacheFamily.of("note", CacheKind.STATIC, new TypeReference<Note>() {});

    private static final CacheSettings SETTINGS = new CacheSettings(
            1000,
            Duration.ofMinutes(5),
            Duration.ofSeconds(2),
            Duration.ofSeconds(30),
            Duration.ofMillis(500),
            Duration.ofSeconds(30),
            1 << 20,
            Duration.ofMillis(500));

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedisServer redis;

    private final AtomicInteger loads = new AtomicInteger();

    @SuppressWarnings("NullAway.Init") // set before each test
    private Node one;

    @SuppressWarnings("NullAway.Init") // set before each test
    private Node other;

    @BeforeAll
    static void startRedis() throws Exception {
        redis = RedisServer.in(directory);
        redis.start();
    }

    @AfterAll
    static void stopRedis() {
        redis.close();
    }

    @BeforeEach
    void startNodes() throws Exception {
        redis.start();
        one = new Node(SETTINGS);
        other = new Node(SETTINGS);
        one.awaitLive();
        other.awaitLive();
        one.redisson.getKeys().flushdb();
    }

    @AfterEach
    void stopNodes() {
        one.close();
        other.close();
    }

    @Test
    void loadsOnceForAllNodes() {
        assertThat(one.get("a", load("x"))).isEqualTo(new Note("x"));
        assertThat(one.get("a", load("y"))).isEqualTo(new Note("x"));
        assertThat(other.get("a", load("z"))).isEqualTo(new Note("x"));
        assertThat(loads).hasValue(1);
        assertThat(one.gets("load")).isEqualTo(1);
        assertThat(one.gets("memory")).isEqualTo(1);
        assertThat(other.gets("redis")).isEqualTo(1);
    }

    @Test
    void tenThousandReadersCauseOneLoad() {
        Mono<Note> slow = Mono.delay(Duration.ofMillis(200)).then(load("x"));
        // Ten thousand readers may hold a small machine for seconds, which must not look like a broken link to Redis:
        // a node that may have missed an invalidation rightly loads again.
        Duration patient = Duration.ofSeconds(30);
        CacheSettings settings = new CacheSettings(
                1000, Duration.ofMinutes(5), patient, patient, patient, patient, 1 << 20, Duration.ofSeconds(10));
        RedisSettings where = new RedisSettings(redis.uri(), null, null, patient, patient, 16, 8, patient);
        try (Node node = new Node(settings, where)) {
            node.awaitLive();
            Long answers = Flux.range(0, 10_000)
                    .flatMap(reader -> node.cache.get(NOTES, "a", slow).subscribeOn(Schedulers.parallel()), 10_000)
                    .count()
                    .block(PATIENCE);
            assertThat(answers).isEqualTo(10_000);
            assertThat(loads).hasValue(1);
        }
    }

    @Test
    void remembersThatThereIsNothing() {
        Mono<Note> nothing = Mono.fromRunnable(loads::incrementAndGet);
        assertThat(one.cache.get(NOTES, "a", nothing).blockOptional(PATIENCE)).isEmpty();
        assertThat(one.cache.get(NOTES, "a", nothing).blockOptional(PATIENCE)).isEmpty();
        assertThat(other.cache.get(NOTES, "a", nothing).blockOptional(PATIENCE)).isEmpty();
        assertThat(loads).hasValue(1);
    }

    @Test
    void failuresAreNotKept() {
        StepVerifier.create(one.cache.get(NOTES, "a", Mono.error(new IllegalStateException("no"))))
                .expectErrorMessage("no")
                .verify(PATIENCE);
        assertThat(one.get("a", load("x"))).isEqualTo(new Note("x"));
    }

    @Test
    void invalidationReachesTheMemoryOfEveryNode() {
        one.get("a", load("x"));
        one.get("b", load("x"));
        other.get("a", load("x"));
        other.get("b", load("x"));
        one.cache.invalidate("note:a").block(PATIENCE);
        assertThat(one.get("a", load("y"))).isEqualTo(new Note("y"));
        await().atMost(PATIENCE).until(() -> new Note("y").equals(other.get("a", load("never"))));
        assertThat(other.get("b", load("never"))).isEqualTo(new Note("x"));
        other.cache.invalidate("note:*").block(PATIENCE);
        assertThat(other.get("b", load("z"))).isEqualTo(new Note("z"));
        await().atMost(PATIENCE).until(() -> new Note("z").equals(one.get("b", load("never"))));
    }

    @Test
    void loadThatBeganBeforeAnInvalidationLeavesNoTrace() {
        for (String pattern : new String[] {"note:a", "note:*"}) {
            int before = loads.get();
            CompletableFuture<Note> slow = new CompletableFuture<>();
            CompletableFuture<@Nullable Note> answer = one.cache
                    .get(NOTES, "a", Mono.fromFuture(slow).doOnSubscribe(begun -> loads.incrementAndGet()))
                    .toFuture();
            await().atMost(PATIENCE).until(() -> loads.get() > before);
            other.cache.invalidate(pattern).block(PATIENCE);
            slow.complete(new Note("old"));
            assertThat(answer.orTimeout(10, TimeUnit.SECONDS).join()).isEqualTo(new Note("old"));
            assertThat(other.get("a", load("new"))).isEqualTo(new Note("new"));
            await().atMost(PATIENCE).until(() -> new Note("new").equals(one.get("a", load("new"))));
            one.cache.invalidate("note:a").block(PATIENCE);
        }
    }

    @Test
    void realTimeIsNeverKept() {
        CacheFamily<Note> now = CacheFamily.of("now", CacheKind.REAL_TIME, new TypeReference<Note>() {});
        assertThat(one.cache.get(now, "a", load("x")).block(PATIENCE)).isEqualTo(new Note("x"));
        assertThat(one.cache.get(now, "a", load("y")).block(PATIENCE)).isEqualTo(new Note("y"));
    }

    @Test
    void staleIsAnsweredWhileItIsRenewed() {
        CacheFamily<Note> stale =
                new CacheFamily<>("stale", CacheKind.STATIC, new TypeReference<Note>() {}, Duration.ofMinutes(1));
        CacheSettings quick = new CacheSettings(
                1000,
                Duration.ofMillis(50),
                Duration.ofMinutes(1),
                Duration.ofSeconds(1),
                Duration.ofSeconds(1),
                Duration.ofSeconds(5),
                1000,
                Duration.ofSeconds(2));
        try (Node node = new Node(quick)) {
            node.awaitLive();
            await().atMost(PATIENCE).until(() -> {
                node.cache.invalidate("stale:a").block(PATIENCE);
                return new Note("x")
                        .equals(node.cache.get(stale, "a", load("x")).block(PATIENCE));
            });
            // Redis no longer has it, so that the renewal must load.
            node.redisson.getKeys().flushdb();
            await().atMost(PATIENCE)
                    .until(() -> new Note("y")
                            .equals(node.cache.get(stale, "a", load("y")).block(PATIENCE)));
            // Two at once, one of which must find what the other left, however slow the machine is.
            await().atMost(PATIENCE).until(() -> {
                node.cache.get(stale, "a", load("y")).block(PATIENCE);
                node.cache.get(stale, "a", load("y")).block(PATIENCE);
                return node.gets("memory") > 0;
            });
        }
    }

    @Test
    void servesWithoutRedisAndForgetsWhatItCouldNotHear() throws Exception {
        one.get("a", load("x"));
        other.get("a", load("x"));
        redis.kill();
        await().atMost(PATIENCE).until(() -> !one.link.up() && !other.link.up());
        long begin = System.nanoTime();
        for (int number = 0; number < 100; number++) {
            assertThat(one.get("k" + number, load("x"))).isEqualTo(new Note("x"));
        }
        // Had each waited for Redis to time out, it would have been minutes.
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(PATIENCE);
        one.cache.invalidate("note:a").block(PATIENCE);
        assertThat(one.get("a", load("y"))).isEqualTo(new Note("y"));
        // The other node cannot be told, but keeps what it has only for seconds.
        await().atMost(PATIENCE).until(() -> new Note("y").equals(other.get("a", load("y"))));
        redis.start();
        one.awaitLive();
        other.awaitLive();
        one.cache.invalidate("note:a").block(PATIENCE);
        assertThat(one.get("a", load("z"))).isEqualTo(new Note("z"));
        await().atMost(PATIENCE).until(() -> new Note("z").equals(other.get("a", load("never"))));
    }

    @Test
    void noReadIsOlderThanTheBoundWhileRedisIsKilledAndReturns() throws Exception {
        Duration bound = Duration.ofSeconds(5);
        AtomicLong source = new AtomicLong();
        // When each number stopped being the newest.
        ConcurrentLinkedQueue<String> violations = new ConcurrentLinkedQueue<>();
        java.util.concurrent.ConcurrentSkipListMap<Long, Long> replacedAt =
                new java.util.concurrent.ConcurrentSkipListMap<>();
        AtomicBoolean running = new AtomicBoolean(true);
        CacheFamily<Long> numbers = CacheFamily.of("number", CacheKind.STATIC, new TypeReference<Long>() {});
        Thread writer = Thread.ofVirtual().start(() -> {
            Node writing = one;
            while (running.get()) {
                long old = source.getAndIncrement();
                replacedAt.put(old, System.nanoTime());
                writing.cache.invalidate("number:n").block(PATIENCE);
                writing = writing == one ? other : one;
                pause(20);
            }
        });
        Thread reader = Thread.ofVirtual().start(() -> {
            Node reading = one;
            while (running.get()) {
                long asked = System.nanoTime();
                Long seen = reading.cache
                        .get(numbers, "n", Mono.fromSupplier(source::get))
                        .block(PATIENCE);
                Long replaced = seen == null ? null : replacedAt.get(seen);
                if (replaced != null && asked - replaced > bound.toNanos()) {
                    violations.add(seen + " was replaced "
                            + Duration.ofNanos(asked - replaced).toMillis() + " ms before");
                }
                reading = reading == one ? other : one;
                pause(5);
            }
        });
        for (int outage = 0; outage < 2; outage++) {
            await().pollDelay(Duration.ofSeconds(2)).until(() -> true);
            redis.kill();
            await().atMost(PATIENCE).until(() -> !one.link.up() && !other.link.up());
            await().pollDelay(Duration.ofSeconds(3)).until(() -> true);
            redis.start();
            one.awaitLive();
            other.awaitLive();
        }
        await().pollDelay(Duration.ofSeconds(2)).until(() -> true);
        running.set(false);
        writer.join(PATIENCE);
        reader.join(PATIENCE);
        assertThat(violations).isEmpty();
        assertThat(source.get()).isGreaterThan(100);
    }

    private static void pause(int millis) {
        java.util.concurrent.locks.LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
    }

    private Mono<Note> load(String text) {
        return Mono.fromSupplier(() -> {
            loads.incrementAndGet();
            return new Note(text);
        });
    }

    record Note(String text) {}

    private static final class Node implements AutoCloseable {
        private final RedissonClient redisson;
        private final RedisLink link;
        private final TwoLevelCache cache;
        private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

        Node(CacheSettings settings) {
            this(settings, RedisSettings.of(redis.uri()));
        }

        Node(CacheSettings settings, RedisSettings where) {
            redisson = new RedisConfiguration().redissonClient(where);
            link = new RedisLink(redisson, where);
            cache = new TwoLevelCache(settings, redisson, link, new JsonMapper(), meters);
            link.start();
        }

        Note get(String key, Mono<Note> loader) {
            return cache.get(NOTES, key, loader).blockOptional(PATIENCE).orElseThrow();
        }

        double gets(String level) {
            return meters.counter("lectern.cache.gets", "kind", "static", "level", level)
                    .count();
        }

        void awaitLive() {
            await().atMost(PATIENCE).until(cache::live);
        }

        @Override
        public void close() {
            cache.close();
            link.stop();
            redisson.shutdown();
        }
    }
}
