package org.lectern.infra.cache;

import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import org.lectern.infra.redis.RedisConfiguration;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.redis.RedisSettings;
import org.redisson.api.RedissonClient;
import tools.jackson.databind.json.JsonMapper;

/** What a node of the product has of the cache, with a client of its own. */
final class CacheNode implements AutoCloseable {

    static final Duration PATIENCE = Duration.ofSeconds(30);

    final RedissonClient redisson;
    final RedisLink link;
    final TwoLevelCache cache;
    final MeterRegistry meters = new SimpleMeterRegistry();
    private final RedisLevel shared;

    CacheNode(CacheSettings settings, String redis) {
        this(settings, RedisSettings.of(redis));
    }

    CacheNode(CacheSettings settings, RedisSettings where) {
        redisson = RedisConfiguration.open(where);
        link = new RedisLink(redisson, where);
        shared = new RedisLevel(settings, redisson, link, Clock.systemUTC(), meters);
        cache = new TwoLevelCache(settings, shared, new JsonMapper(), meters);
        link.start();
    }

    /** The product's, but for a wait for Redis that a busy test machine does not exceed. */
    static CacheSettings settings() {
        return settings(Duration.ofMinutes(5), Duration.ofSeconds(2), Duration.ofMillis(500));
    }

    static CacheSettings settings(Duration memoryTime, Duration lease, Duration heartbeat) {
        return settings(memoryTime, lease, heartbeat, Duration.ofSeconds(1));
    }

    static CacheSettings settings(Duration memoryTime, Duration lease, Duration heartbeat, Duration redisTimeout) {
        return new CacheSettings(
                1000,
                Map.of(),
                memoryTime,
                Map.of(),
                Duration.ofSeconds(2),
                Duration.ofSeconds(30),
                redisTimeout,
                Duration.ofSeconds(30),
                lease,
                1 << 20,
                heartbeat,
                Duration.ofMinutes(5),
                200);
    }

    /** For readers that hold a small machine for seconds, which must not look like a broken link to Redis. */
    static CacheSettings patient(int memoryEntries) {
        Duration patient = Duration.ofSeconds(30);
        return new CacheSettings(
                memoryEntries,
                Map.of(),
                Duration.ofMinutes(5),
                Map.of(),
                patient,
                patient,
                patient,
                patient,
                patient,
                1 << 20,
                Duration.ofSeconds(10),
                Duration.ofMinutes(5),
                200);
    }

    /** Where commands may take as long as {@link #patient} waits. */
    static RedisSettings patiently(String redis) {
        Duration patient = Duration.ofSeconds(30);
        return new RedisSettings(redis, null, null, patient, patient, 16, 8, Duration.ofMillis(500));
    }

    void awaitLive() {
        await().atMost(PATIENCE).until(cache::live);
    }

    double count(String name, String... tags) {
        return meters.find(name).tags(tags).counters().stream()
                .mapToDouble(counter -> counter.count())
                .sum();
    }

    double entries() {
        return meters.find("lectern.cache.entries").gauges().stream()
                .mapToDouble(gauge -> gauge.value())
                .sum();
    }

    long timed(String name, String... tags) {
        return meters.find(name).tags(tags).timers().stream()
                .mapToLong(timer -> timer.count())
                .sum();
    }

    @Override
    public void close() {
        cache.close();
        shared.close();
        link.stop();
        redisson.shutdown();
    }
}
