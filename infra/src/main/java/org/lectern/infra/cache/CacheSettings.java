package org.lectern.infra.cache;

import java.time.Duration;
import java.util.Map;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Sizes and times of the cache.
 *
 * @param memoryEntries the most values of a kind in memory (default: 1000)
 * @param sizes another number for some kinds, by the kind's name
 * @param memoryTime for how long at most a value stays in memory (default: 5m)
 * @param times how long values of a kind are kept, where not as {@link CacheKind} says, by the kind's name; real-time
 *     values are never kept
 * @param disconnectedTime for how long a value stays in memory while invalidations cannot be heard (default: 2s)
 * @param negativeTime for how long it is remembered that there is no value (default: 30s)
 * @param redisTimeout for how long a read waits for Redis before it goes on to the loader (default: 250ms)
 * @param loadTimeout for how long a load may take (default: 30s)
 * @param lease for how long the other nodes wait for the one that loads a value, before they load it themselves; zero
 *     for not at all (default: 2s)
 * @param maxValueChars larger values are not sent to Redis, in characters of JSON (default: 1048576)
 * @param heartbeat how often a node listens for itself on the channel of invalidations (default: 500ms)
 * @param warmEvery how often popular values are fetched into memory before anybody asks (default: 5m)
 * @param warmKeys how many popular values of a family (default: 200)
 */
@ConfigurationProperties("lectern.cache")
public record CacheSettings(
        @DefaultValue("1000") int memoryEntries,
        @DefaultValue Map<CacheKind, Integer> sizes,
        @DefaultValue("5m") Duration memoryTime,
        @DefaultValue Map<CacheKind, Duration> times,
        @DefaultValue("2s") Duration disconnectedTime,
        @DefaultValue("30s") Duration negativeTime,
        @DefaultValue("250ms") Duration redisTimeout,
        @DefaultValue("30s") Duration loadTimeout,
        @DefaultValue("2s") Duration lease,
        @DefaultValue("1048576") int maxValueChars,
        @DefaultValue("500ms") Duration heartbeat,
        @DefaultValue("5m") Duration warmEvery,
        @DefaultValue("200") int warmKeys) {

    /** For how long a value of a kind is kept in Redis. */
    public Duration timeOf(CacheKind kind) {
        return kind == CacheKind.REAL_TIME ? Duration.ZERO : times.getOrDefault(kind, kind.timeToLive());
    }

    /** How many values of a kind are kept in memory. */
    int sizeOf(CacheKind kind) {
        return sizes.getOrDefault(kind, memoryEntries);
    }
}
