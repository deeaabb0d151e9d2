package org.lectern.infra.cache;

import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.redis.RedisLink;
import org.redisson.api.RedissonClient;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Memory (Caffeine), Redis, loader.
 *
 * <p><b>One load.</b> A flight is what happens between the miss in memory and the answer: Redis, the loader, the fills.
 * Calls that come meanwhile join it. An invalidation marks the flights that it matches, which then fill nothing here,
 * and takes them out of the map, so that a call after the invalidation begins a flight of its own; Redis refuses their
 * fill by its tokens (see {@link RedisLevel}). Marking and filling exclude each other by the flight's lock, and the
 * invalidation empties memory after it has marked: a value that slipped in before is removed.
 *
 * <p><b>Redis gone.</b> {@link RedisLink} says so without waiting. What could not be invalidated there is kept and done
 * when it is back, before Redis is read again; and because other nodes may have been cut off at the same time, coming
 * back also begins a new era, in which Redis is empty. While the channel of invalidations is silent, values stay in
 * memory for seconds only.
 *
 * <p>Metrics: {@code lectern.cache.gets} by kind and level (memory, redis, load, joined), {@code
 * lectern.cache.invalidations}, {@code lectern.cache.refused} (fills that came too late).
 */
@Component
class TwoLevelCache implements Cache, AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(TwoLevelCache.class);
    private static final double JITTER = 0.1;
    private static final String NOTHING = "-";
    private static final String SOMETHING = "+";

    private final CacheSettings settings;
    private final JsonMapper json;
    private final RedisLink link;
    private final RedisLevel redis;
    private final InvalidationChannel channel;
    private final MeterRegistry meters;
    private final com.github.benmanes.caffeine.cache.Cache<String, Entry> memory;
    private final Map<String, Flight<?>> flights = new ConcurrentHashMap<>();
    private final AtomicBoolean renewing = new AtomicBoolean();
    private volatile boolean redisTrusted;
    private volatile boolean untold;
    private volatile boolean everTrusted;

    TwoLevelCache(
            CacheSettings settings, RedissonClient redisson, RedisLink link, JsonMapper json, MeterRegistry meters) {
        this.settings = settings;
        this.json = json;
        this.link = link;
        this.meters = meters;
        this.redis = new RedisLevel(redisson, settings);
        this.memory = Caffeine.newBuilder()
                .maximumSize(settings.memoryEntries())
                .expireAfter(Expiry.<String, Entry>creating((key, entry) -> entry.keepFor()))
                .build();
        this.redisTrusted = link.up();
        link.onChange(this::linkChanged);
        this.channel =
                new InvalidationChannel(redisson, link, settings.heartbeat(), this::invalidateHere, this::forgetAll);
        meters.gauge("lectern.cache.entries", memory, com.github.benmanes.caffeine.cache.Cache::estimatedSize);
    }

    @Override
    public <T> Mono<T> get(CacheFamily<T> family, String key, Mono<T> loader) {
        return Mono.defer(() -> {
            String fullKey = family.fullKey(key);
            Entry entry = memory.getIfPresent(fullKey);
            if (entry != null) {
                count(family, "memory").increment();
                if (System.nanoTime() - entry.staleAtNanos() >= 0 && !flights.containsKey(fullKey)) {
                    // Answered at once; the flight that replaces it belongs to nobody in particular.
                    fly(family, key, fullKey, loader)
                            .subscribe(value -> {}, failure -> log.debug("A value could not be renewed", failure));
                }
                @SuppressWarnings("unchecked") // a key names one family, and a family one type
                T value = (T) entry.value();
                return Mono.justOrEmpty(value);
            }
            return fly(family, key, fullKey, loader);
        });
    }

    @Override
    public Mono<Void> invalidate(String pattern) {
        CachePattern parsed = CachePattern.parse(pattern);
        return Mono.defer(() -> {
            meters.counter("lectern.cache.invalidations").increment();
            invalidateHere(pattern);
            if (!redisTrusted) {
                // The new era that begins when Redis is back hides it.
                untold = true;
                return Mono.empty();
            }
            return redis.invalidate(parsed, pattern).onErrorResume(failure -> {
                log.warn("Redis could not be told of an invalidation; a new era will begin: {}", failure.toString());
                distrust();
                return Mono.empty();
            });
        });
    }

    /** Whether invalidations of all nodes are heard and Redis is used. */
    boolean live() {
        return channel.live() && redisTrusted;
    }

    @Override
    public void close() {
        channel.close();
    }

    private <T> Mono<T> fly(CacheFamily<T> family, String key, String fullKey, Mono<T> loader) {
        Flight<T> fresh = new Flight<>();
        fresh.result = Mono.defer(() -> load(family, key, fullKey, fresh, loader))
                .timeout(settings.loadTimeout())
                .doFinally(signal -> flights.remove(fullKey, fresh))
                .cache();
        @SuppressWarnings("unchecked") // a key names one family, and a family one type
        Flight<T> flight = (Flight<T>) flights.computeIfAbsent(fullKey, missing -> fresh);
        if (flight != fresh) {
            count(family, "joined").increment();
        }
        return flight.result;
    }

    private <T> Mono<T> load(CacheFamily<T> family, String key, String fullKey, Flight<T> flight, Mono<T> loader) {
        if (family.kind() == CacheKind.REAL_TIME) {
            return Mono.defer(() -> {
                count(family, "load").increment();
                return loader;
            });
        }
        // The flight before this one may have landed between the miss and now.
        Entry landed = memory.getIfPresent(fullKey);
        if (landed != null && System.nanoTime() - landed.staleAtNanos() < 0) {
            @SuppressWarnings("unchecked") // a key names one family, and a family one type
            T value = (T) landed.value();
            return Mono.justOrEmpty(value);
        }
        return fromRedis(family, key).flatMap(found -> {
            Optional<Answer<T>> kept = found.flatMap(there -> decode(family, there.value()));
            if (kept.isPresent()) {
                count(family, "redis").increment();
                keep(family, fullKey, flight, kept.get().value());
                return Mono.justOrEmpty(kept.get().value());
            }
            count(family, "load").increment();
            return loader.map(Optional::of).defaultIfEmpty(Optional.empty()).flatMap(value -> {
                keep(family, fullKey, flight, value.orElse(null));
                return found.map(there -> store(family, key, there, value.orElse(null)))
                        .orElse(Mono.empty())
                        .then(Mono.justOrEmpty(value));
            });
        });
    }

    private Mono<Optional<RedisLevel.Found>> fromRedis(CacheFamily<?> family, String key) {
        if (!redisTrusted) {
            return Mono.just(Optional.empty());
        }
        return redis.read(family.name(), key)
                .map(Optional::of)
                .onErrorResume(failure -> {
                    log.debug("Redis could not be read", failure);
                    return Mono.just(Optional.empty());
                })
                .defaultIfEmpty(Optional.empty());
    }

    private <T> Mono<Void> store(CacheFamily<T> family, String key, RedisLevel.Found found, @Nullable T value) {
        String text = value == null ? NOTHING : SOMETHING + json.writeValueAsString(value);
        if (text.length() > settings.maxValueChars()) {
            return Mono.empty();
        }
        return redis.fill(family.name(), key, found, text, jittered(timeToLive(family, value == null)))
                .doOnNext(stored -> {
                    if (!stored) {
                        meters.counter("lectern.cache.refused").increment();
                    }
                })
                .onErrorResume(failure -> {
                    log.debug("Redis could not be filled", failure);
                    return Mono.empty();
                })
                .then();
    }

    private <T> void keep(CacheFamily<T> family, String fullKey, Flight<T> flight, @Nullable T value) {
        Duration fresh = min(timeToLive(family, value == null), settings.memoryTime());
        Duration stale = family.staleFor();
        if (!channel.live()) {
            fresh = min(fresh, settings.disconnectedTime());
            stale = Duration.ZERO;
        }
        Duration jittered = jittered(fresh);
        Entry entry = new Entry(
                value,
                stale.isZero() ? Long.MAX_VALUE / 2 + System.nanoTime() : System.nanoTime() + jittered.toNanos(),
                jittered.plus(stale));
        synchronized (flight) {
            if (!flight.refused) {
                memory.put(fullKey, entry);
            }
        }
    }

    private <T> Optional<Answer<T>> decode(CacheFamily<T> family, String text) {
        if (text.isEmpty()) {
            return Optional.empty();
        }
        if (text.equals(NOTHING)) {
            return Optional.of(new Answer<>(null));
        }
        try {
            return Optional.of(new Answer<>(json.readValue(text.substring(1), family.type())));
        } catch (JacksonException otherVersion) {
            log.debug("A value of {} is of another shape", family.name(), otherVersion);
            return Optional.empty();
        }
    }

    private void invalidateHere(String pattern) {
        CachePattern parsed = CachePattern.parse(pattern);
        if (parsed.prefix()) {
            Set<String> matching = new LinkedHashSet<>(flights.keySet());
            matching.addAll(memory.asMap().keySet());
            matching.removeIf(fullKey -> !parsed.matches(fullKey));
            forget(List.copyOf(matching));
        } else {
            forget(List.of(pattern));
        }
    }

    private void forgetAll() {
        Set<String> all = new LinkedHashSet<>(flights.keySet());
        all.addAll(memory.asMap().keySet());
        forget(List.copyOf(all));
    }

    private void forget(List<String> fullKeys) {
        for (String fullKey : fullKeys) {
            Flight<?> flight = flights.remove(fullKey);
            if (flight != null) {
                synchronized (flight) {
                    flight.refused = true;
                }
            }
        }
        memory.invalidateAll(fullKeys);
    }

    private void linkChanged(boolean up) {
        if (!up) {
            everTrusted |= redisTrusted;
            redisTrusted = false;
        } else if (!everTrusted && !untold) {
            // A node that starts has missed nothing and invalidated nothing: what is in Redis is as good as ever.
            everTrusted = true;
            redisTrusted = true;
        } else {
            renew();
        }
    }

    private void distrust() {
        untold = true;
        redisTrusted = false;
        if (link.up()) {
            renew();
        }
    }

    /** Begins a new era and then trusts Redis again; tried until it works or Redis is gone once more. */
    private void renew() {
        if (redisTrusted || !renewing.compareAndSet(false, true)) {
            return;
        }
        redis.newEra()
                .then(Mono.fromRunnable(() -> {
                    untold = false;
                    everTrusted = true;
                    forgetAll();
                    redisTrusted = true;
                }))
                .retryWhen(reactor.util.retry.Retry.fixedDelay(Long.MAX_VALUE, settings.heartbeat())
                        .filter(failure -> link.up()))
                .doFinally(signal -> renewing.set(false))
                .subscribe(done -> {}, failure -> log.debug("No new era: Redis is gone again", failure));
    }

    private Duration timeToLive(CacheFamily<?> family, boolean negative) {
        Duration timeToLive = family.kind().timeToLive();
        return negative ? min(timeToLive, settings.negativeTime()) : timeToLive;
    }

    /** Up to a tenth less, so that what was filled together does not expire together. */
    private static Duration jittered(Duration duration) {
        return Duration.ofNanos((long)
                (duration.toNanos() * (1 - JITTER * ThreadLocalRandom.current().nextDouble())));
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private Counter count(CacheFamily<?> family, String level) {
        return meters.counter(
                "lectern.cache.gets", "kind", family.kind().name().toLowerCase(java.util.Locale.ROOT), "level", level);
    }

    private record Answer<T>(@Nullable T value) {}

    /**
     * @param value the value, null for the knowledge that there is none
     * @param staleAtNanos when a new one is to be loaded behind the answer
     * @param keepFor when it goes
     */
    private record Entry(@Nullable Object value, long staleAtNanos, Duration keepFor) {}

    private static final class Flight<T> {
        private Mono<T> result = Mono.empty();
        private boolean refused;
    }
}
