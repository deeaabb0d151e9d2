package org.lectern.infra.cache;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Sizes and times of the cache.
 *
 * @param memoryEntries the most values in memory (default: 1000)
 * @param memoryTime for how long at most a value stays in memory (default: 5m)
 * @param disconnectedTime for how long a value stays in memory while invalidations cannot be heard (default: 2s)
 * @param negativeTime for how long it is remembered that there is no value (default: 30s)
 * @param redisTimeout for how long a read waits for Redis before it goes on to the loader (default: 250ms)
 * @param loadTimeout for how long a load may take (default: 30s)
 * @param maxValueChars larger values are not sent to Redis, in characters of JSON (default: 1048576)
 * @param heartbeat how often a node listens for itself on the channel of invalidations (default: 500ms)
 */
@ConfigurationProperties("lectern.cache")
public record CacheSettings(
        @DefaultValue("1000") int memoryEntries,
        @DefaultValue("5m") Duration memoryTime,
        @DefaultValue("2s") Duration disconnectedTime,
        @DefaultValue("30s") Duration negativeTime,
        @DefaultValue("250ms") Duration redisTimeout,
        @DefaultValue("30s") Duration loadTimeout,
        @DefaultValue("1048576") int maxValueChars,
        @DefaultValue("500ms") Duration heartbeat) {}
