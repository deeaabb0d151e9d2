package org.lectern.infra.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LongSummaryStatistics;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.infra.embedded.RedisServer;
import org.lectern.infra.redis.RedisSettings;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import tools.jackson.core.type.TypeReference;

/** Two nodes with their own clients on one Redis, which is killed and comes back. */
class TwoLevelCacheIT {

    private static final Duration PATIENCE = CacheNode.PATIENCE;
    private static final Duration HEARTBEAT = Duration.ofMillis(500);
    private static final CacheFamily<Note> NOTES =
            CacheFamily.of("note", CacheKind.STATIC, new TypeReference<Note>() {});

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedisServer redis;

    private final AtomicInteger loads = new AtomicInteger();

    @SuppressWarnings("NullAway.Init") // set before each test
    private CacheNode one;

    @SuppressWarnings("NullAway.Init") // set before each test
    private CacheNode other;

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
        one = new CacheNode(CacheNode.settings(), redis.uri());
        other = new CacheNode(CacheNode.settings(), redis.uri());
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
        assertThat(get(one, "a", load("x"))).isEqualTo(new Note("x"));
        assertThat(get(one, "a", load("y"))).isEqualTo(new Note("x"));
        assertThat(get(other, "a", load("z"))).isEqualTo(new Note("x"));
        assertThat(loads).hasValue(1);
        assertThat(one.timed("lectern.cache.loads", "outcome", "value")).isEqualTo(1);
        assertThat(one.count("lectern.cache.gets", "level", "memory", "result", "hit"))
                .isEqualTo(1);
        assertThat(one.count("lectern.cache.gets", "level", "redis", "result", "miss"))
                .isEqualTo(1);
        assertThat(other.count("lectern.cache.gets", "level", "redis", "result", "hit"))
                .isEqualTo(1);
    }

    @Test
    void tenThousandReadersCauseOneLoad() {
        Mono<Note> slow = Mono.delay(Duration.ofMillis(200)).then(load("x"));
        try (CacheNode node = new CacheNode(CacheNode.patient(1000), CacheNode.patiently(redis.uri()))) {
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
        assertThat(get(one, "a", load("x"))).isEqualTo(new Note("x"));
    }

    @Test
    void invalidationReachesTheMemoryOfEveryNode() {
        get(one, "a", load("x"));
        get(one, "b", load("x"));
        get(other, "a", load("x"));
        get(other, "b", load("x"));
        one.cache.invalidate("note:a").block(PATIENCE);
        assertThat(get(one, "a", load("y"))).isEqualTo(new Note("y"));
        await().atMost(PATIENCE).until(() -> new Note("y").equals(get(other, "a", load("never"))));
        assertThat(get(other, "b", load("never"))).isEqualTo(new Note("x"));
        other.cache.invalidate("note:*").block(PATIENCE);
        assertThat(get(other, "b", load("z"))).isEqualTo(new Note("z"));
        await().atMost(PATIENCE).until(() -> new Note("z").equals(get(one, "b", load("never"))));
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
            assertThat(get(other, "a", load("new"))).isEqualTo(new Note("new"));
            await().atMost(PATIENCE).until(() -> new Note("new").equals(get(one, "a", load("new"))));
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
        CacheFamily<Note> stale = NOTES.staleFor(Duration.ofHours(1));
        CacheSettings quick = CacheNode.settings(Duration.ofMillis(1), Duration.ofSeconds(2), Duration.ofSeconds(2));
        try (CacheNode node = new CacheNode(quick, redis.uri())) {
            node.awaitLive();
            assertThat(node.cache.get(stale, "a", load("x")).block(PATIENCE)).isEqualTo(new Note("x"));
            // Redis no longer has it, so that the renewal must load.
            node.redisson.getKeys().flushdb();
            CompletableFuture<Note> renewed = new CompletableFuture<>();
            Mono<Note> slow = Mono.fromFuture(renewed, true).doOnSubscribe(begun -> loads.incrementAndGet());
            await().atMost(PATIENCE).until(() -> {
                assertThat(node.cache.get(stale, "a", slow).block(PATIENCE)).isEqualTo(new Note("x"));
                return loads.get() == 2;
            });
            assertThat(node.cache.get(stale, "a", slow).block(PATIENCE)).isEqualTo(new Note("x"));
            assertThat(node.count("lectern.cache.stale")).isGreaterThanOrEqualTo(2);
            renewed.complete(new Note("y"));
            await().atMost(PATIENCE)
                    .until(() -> new Note("y")
                            .equals(node.cache.get(stale, "a", load("y")).block(PATIENCE)));
        }
    }

    @Test
    void servesWithoutRedisAndForgetsWhatItCouldNotHear() throws Exception {
        get(one, "a", load("x"));
        get(other, "a", load("x"));
        redis.kill();
        await().atMost(PATIENCE).until(() -> !one.link.up() && !other.link.up());
        long sent = one.timed("lectern.cache.redis");
        int before = loads.get();
        for (int number = 0; number < 100; number++) {
            assertThat(get(one, "k" + number, load("x"))).isEqualTo(new Note("x"));
        }
        assertThat(loads).hasValue(before + 100);
        one.cache.invalidate("note:a").block(PATIENCE);
        assertThat(get(one, "a", load("y"))).isEqualTo(new Note("y"));
        assertThat(one.timed("lectern.cache.redis"))
                .as("nobody waits for a Redis that is known to be gone: no command is sent")
                .isEqualTo(sent);
        // The other node cannot be told, but keeps what it has only for seconds.
        await().atMost(PATIENCE).until(() -> new Note("y").equals(get(other, "a", load("y"))));
        redis.start();
        one.awaitLive();
        other.awaitLive();
        one.cache.invalidate("note:a").block(PATIENCE);
        assertThat(get(one, "a", load("z"))).isEqualTo(new Note("z"));
        await().atMost(PATIENCE).until(() -> new Note("z").equals(get(other, "a", load("never"))));
    }

    /** A node that was cut off alone invalidates; the others, who heard nothing, are told when it is back. */
    @Test
    void whatACutOffNodeInvalidatedIsForgottenByAllWhenItIsBack() throws Exception {
        command("ACL SETUSER lonely on >secret ~* &* +@all");
        RedisSettings where = new RedisSettings(
                redis.uri(), "lonely", "secret", Duration.ofSeconds(1), Duration.ofSeconds(1), 16, 8, HEARTBEAT);
        try (CacheNode lonely = new CacheNode(CacheNode.settings(), where)) {
            lonely.awaitLive();
            assertThat(get(other, "a", load("x"))).isEqualTo(new Note("x"));
            command("ACL SETUSER lonely off");
            command("CLIENT KILL USER lonely");
            await().atMost(PATIENCE).until(() -> !lonely.link.up());
            lonely.cache.invalidate("note:a").block(PATIENCE);
            assertThat(get(lonely, "a", load("y"))).isEqualTo(new Note("y"));
            command("ACL SETUSER lonely on");
            await().atMost(PATIENCE).until(() -> new Note("y").equals(get(other, "a", load("y"))));
        }
    }

    @Test
    void nodesOfAnotherVersionDoNotSeeTheValueButHearItsInvalidation() {
        CacheFamily<Note> next = new CacheFamily<>("note", 2, CacheKind.STATIC, NOTES.type(), Duration.ZERO);
        assertThat(get(one, "a", load("old shape"))).isEqualTo(new Note("old shape"));
        assertThat(other.cache.get(next, "a", load("new shape")).block(PATIENCE))
                .isEqualTo(new Note("new shape"));
        one.cache.invalidate("note:a").block(PATIENCE);
        await().atMost(PATIENCE)
                .until(() -> new Note("again")
                        .equals(other.cache.get(next, "a", load("again")).block(PATIENCE)));
    }

    @Test
    void timesSizesAndEvictionsAreOfTheKind() {
        CacheSettings small = new CacheSettings(
                1000,
                Map.of(CacheKind.USER, 10),
                Duration.ofMinutes(5),
                Map.of(CacheKind.USER, Duration.ofMillis(1)),
                Duration.ofSeconds(2),
                Duration.ofSeconds(30),
                Duration.ofSeconds(1),
                Duration.ofSeconds(30),
                Duration.ofSeconds(2),
                1 << 20,
                Duration.ofMillis(500),
                Duration.ofMinutes(5),
                200);
        assertThat(small.timeOf(CacheKind.EMBEDDING)).isEqualTo(Duration.ofDays(7));
        CacheFamily<Note> people = CacheFamily.of("person", CacheKind.USER, NOTES.type());
        try (CacheNode node = new CacheNode(small, redis.uri())) {
            node.awaitLive();
            for (int number = 0; number < 100; number++) {
                node.cache.get(people, "p" + number, load("x")).block(PATIENCE);
                node.cache.get(NOTES, "n" + number, load("x")).block(PATIENCE);
            }
            await().atMost(PATIENCE)
                    .until(() -> node.count("lectern.cache.evictions", "kind", "user", "cause", "size") > 0
                            || node.count("lectern.cache.evictions", "kind", "user", "cause", "expired") > 0);
            assertThat(node.count("lectern.cache.evictions", "kind", "static")).isZero();
            await().atMost(PATIENCE)
                    .until(() -> new Note("new")
                            .equals(node.cache.get(people, "p0", load("new")).block(PATIENCE)));
            LongSummaryStatistics remains = node.redisson
                    .getKeys()
                    .getKeysStream()
                    .filter(key -> key.startsWith("lectern:cache:entry:note:") && key.matches(".*:n\\d+"))
                    .mapToLong(key -> node.redisson.getBucket(key).remainTimeToLive())
                    .summaryStatistics();
            assertThat(remains.getCount()).isEqualTo(100);
            assertThat(Duration.ofMillis(remains.getMax())).isLessThanOrEqualTo(CacheKind.STATIC.timeToLive());
            assertThat(Duration.ofMillis(remains.getMin())).isGreaterThan(Duration.ofHours(21));
            // What was filled together does not run out together.
            assertThat(Duration.ofMillis(remains.getMax() - remains.getMin())).isGreaterThan(Duration.ofMinutes(30));
        }
    }

    @Test
    void aNewNodeFetchesWhatIsPopularBeforeAnybodyAsks() {
        for (int number = 0; number < 20; number++) {
            get(one, "popular" + number, load("x"));
        }
        double before = one.count("lectern.cache.warmed");
        one.cache.warm(NOTES, key -> load("never"));
        await().atMost(PATIENCE).until(() -> one.count("lectern.cache.warmed") >= before + 20);
        await().atMost(PATIENCE)
                .until(() -> one.redisson
                                .getKeys()
                                .getKeysStream()
                                .filter(key -> key.startsWith("lectern:cache:entry:note:") && key.contains(":popular"))
                                .count()
                        == 20);
        // What other tests left popular may have to be loaded.
        AtomicInteger loaded = new AtomicInteger();
        other.cache.warm(
                NOTES, key -> load("never").doFirst(() -> loaded.addAndGet(key.startsWith("popular") ? 1 : 0)));
        // Nobody has asked it for anything.
        await().atMost(PATIENCE).until(() -> other.entries() >= 20);
        assertThat(loaded).as("from Redis").hasValue(0);
    }

    private Mono<Note> load(String text) {
        return Mono.fromSupplier(() -> {
            loads.incrementAndGet();
            return new Note(text);
        });
    }

    /** Redis answers one line to it. */
    private static void command(String text) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), redis.port())) {
            socket.getOutputStream().write((text + "\r\n").getBytes(StandardCharsets.US_ASCII));
            String answer = new BufferedReader(
                            new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))
                    .readLine();
            assertThat(answer).as(text).matches("\\+OK|:[0-9]+");
        }
    }

    private static Note get(CacheNode node, String key, Mono<Note> loader) {
        return node.cache.get(NOTES, key, loader).blockOptional(PATIENCE).orElseThrow();
    }

    record Note(String text) {}
}
