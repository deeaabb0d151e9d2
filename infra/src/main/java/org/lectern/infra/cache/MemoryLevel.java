package org.lectern.infra.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What this node has in memory: a Caffeine cache for each kind, so that values of one kind do not push out another's.
 * Thread-safe.
 */
final class MemoryLevel {

    /**
     * A value in memory.
     *
     * @param value the value, null for the knowledge that there is none
     * @param keptAtNanos when it came
     * @param staleAtNanos when a new one is to be loaded behind the answer
     * @param keepFor when it goes
     */
    record Entry(@Nullable Object value, long keptAtNanos, long staleAtNanos, Duration keepFor) {

        boolean stale(long nowNanos) {
            return nowNanos - staleAtNanos >= 0;
        }

        Duration age(long nowNanos) {
            return Duration.ofNanos(nowNanos - keptAtNanos);
        }
    }

    private final Map<CacheKind, Cache<String, Entry>> kinds = new EnumMap<>(CacheKind.class);

    MemoryLevel(CacheSettings settings, CacheMeters meters, MeterRegistry registry) {
        for (CacheKind kind : CacheKind.values()) {
            if (kind == CacheKind.REAL_TIME) {
                continue;
            }
            Cache<String, Entry> entries = Caffeine.newBuilder()
                    .maximumSize(settings.sizeOf(kind))
                    .expireAfter(Expiry.<String, Entry>writing((key, entry) -> entry.keepFor()))
                    .evictionListener((key, entry, cause) -> meters.of(kind).evicted(cause))
                    .build();
            kinds.put(kind, entries);
            registry.gauge("lectern.cache.entries", Tags.of("kind", kind.key()), entries, Cache::estimatedSize);
        }
    }

    @Nullable
    Entry get(CacheKind kind, String fullKey) {
        Cache<String, Entry> entries = kinds.get(kind);
        return entries == null ? null : entries.getIfPresent(fullKey);
    }

    void put(CacheKind kind, String fullKey, Entry entry) {
        Cache<String, Entry> entries = kinds.get(kind);
        if (entries != null) {
            entries.put(fullKey, entry);
        }
    }

    /** Whatever the kind: an invalidation names no kind. */
    void remove(Iterable<String> fullKeys) {
        kinds.values().forEach(entries -> entries.invalidateAll(fullKeys));
    }

    /** All keys of all kinds, as they are now. */
    Set<String> keys() {
        return kinds.values().stream()
                .flatMap(entries -> entries.asMap().keySet().stream())
                .collect(Collectors.toSet());
    }

    /** The keys of a family that are asked for most, without the family's name, the most popular first. */
    List<String> hottest(CacheFamily<?> family, int limit) {
        Cache<String, Entry> entries = kinds.get(family.kind());
        if (entries == null) {
            return List.of();
        }
        String beginning = family.fullKey("");
        return entries.policy()
                .eviction()
                .map(eviction -> eviction.<List<String>>hottest(hottest -> hottest.map(Map.Entry::getKey)
                        .filter(key -> key.startsWith(beginning))
                        .map(key -> key.substring(beginning.length()))
                        .limit(limit)
                        .toList()))
                .orElse(List.of());
    }
}
