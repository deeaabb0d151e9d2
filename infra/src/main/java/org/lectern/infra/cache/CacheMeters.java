package org.lectern.infra.cache;

import com.github.benmanes.caffeine.cache.RemovalCause;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/**
 * What the cache counts, by kind:
 *
 * <ul>
 *   <li>{@code lectern.cache.gets} by level ({@code memory}, {@code redis}) and result ({@code hit}, {@code miss}): the
 *       hit rate of each level. A call that joins another's flight is a miss in memory and does not ask Redis
 *   <li>{@code lectern.cache.joined}, calls that joined a flight; {@code lectern.cache.stale}, answers after their time
 *   <li>{@code lectern.cache.loads}, a timer, by outcome ({@code value}, {@code nothing}, {@code failed})
 *   <li>{@code lectern.cache.refused} by level: values that came too late, after an invalidation
 *   <li>{@code lectern.cache.evictions} by cause; {@code lectern.cache.entries}
 *   <li>{@code lectern.cache.waits} by outcome: for another node's load ({@code served}), or in vain ({@code expired})
 *   <li>{@code lectern.cache.invalidations}, {@code lectern.cache.gaps} (memory dropped whole) and {@code
 *       lectern.cache.warmed}, not by kind
 * </ul>
 */
final class CacheMeters {

    private final MeterRegistry registry;
    private final Map<CacheKind, OfKind> kinds = new EnumMap<>(CacheKind.class);
    final Counter invalidations;
    final Counter gaps;
    final Counter warmed;

    CacheMeters(MeterRegistry registry) {
        this.registry = registry;
        for (CacheKind kind : CacheKind.values()) {
            kinds.put(kind, new OfKind(kind));
        }
        invalidations = registry.counter("lectern.cache.invalidations");
        gaps = registry.counter("lectern.cache.gaps");
        warmed = registry.counter("lectern.cache.warmed");
    }

    OfKind of(CacheKind kind) {
        OfKind meters = kinds.get(kind);
        if (meters == null) {
            throw new IllegalStateException("every kind has its meters");
        }
        return meters;
    }

    /** The meters of one kind, looked up once: a hit in memory costs less than a look into the registry. */
    final class OfKind {
        private final String kind;
        final Counter memoryHits;
        final Counter memoryMisses;
        final Counter redisHits;
        final Counter redisMisses;
        final Counter joined;
        final Counter stale;
        final Counter refusedMemory;
        final Counter refusedRedis;
        final Counter waitsServed;
        final Counter waitsExpired;
        final Timer loadedValue;
        final Timer loadedNothing;
        final Timer loadFailed;

        private OfKind(CacheKind of) {
            kind = of.key();
            memoryHits = counter("lectern.cache.gets", "level", "memory", "result", "hit");
            memoryMisses = counter("lectern.cache.gets", "level", "memory", "result", "miss");
            redisHits = counter("lectern.cache.gets", "level", "redis", "result", "hit");
            redisMisses = counter("lectern.cache.gets", "level", "redis", "result", "miss");
            joined = counter("lectern.cache.joined");
            stale = counter("lectern.cache.stale");
            refusedMemory = counter("lectern.cache.refused", "level", "memory");
            refusedRedis = counter("lectern.cache.refused", "level", "redis");
            waitsServed = counter("lectern.cache.waits", "outcome", "served");
            waitsExpired = counter("lectern.cache.waits", "outcome", "expired");
            loadedValue = registry.timer("lectern.cache.loads", "kind", kind, "outcome", "value");
            loadedNothing = registry.timer("lectern.cache.loads", "kind", kind, "outcome", "nothing");
            loadFailed = registry.timer("lectern.cache.loads", "kind", kind, "outcome", "failed");
        }

        void evicted(RemovalCause cause) {
            counter("lectern.cache.evictions", "cause", cause.name().toLowerCase(Locale.ROOT))
                    .increment();
        }

        private Counter counter(String name, String... tags) {
            return Counter.builder(name).tag("kind", kind).tags(tags).register(registry);
        }
    }
}
