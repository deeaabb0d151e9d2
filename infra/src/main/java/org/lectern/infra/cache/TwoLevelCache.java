package org.lectern.infra.cache;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.cache.SharedLevel.Look;
import org.lectern.infra.cache.SharedLevel.Ticket;
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
 * Calls that come meanwhile join it. Of the flights of several nodes one holds the lease of the key and loads; the others
 * look again every few milliseconds, until the value is there, or the lease's holder gave up or ran out of time and they
 * hold it, or they have waited for as long as a lease lasts and load themselves.
 *
 * <p><b>No old value.</b> An invalidation marks the flights that it matches, which then fill nothing here, and takes them
 * out of the map, so that a call after the invalidation begins a flight of its own; Redis refuses their fill by its tokens
 * (see {@link RedisScripts}). Marking and filling exclude each other by the flight's lock, and the invalidation empties
 * memory after it has marked: a value that slipped in before is removed. The node that invalidates does so here before
 * Redis is told and again after: what a call between the two found in Redis may not stay.
 *
 * <p><b>Redis gone.</b> See {@link RedisLevel}. While the channel of invalidations is silent, values in memory serve for
 * seconds only. So no answer is older than three heartbeats, or those seconds, whichever is longer: unless another node
 * that is cut off from Redis while this one is not cannot tell of its invalidation until it is back.
 */
@Component
class TwoLevelCache implements Cache, AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(TwoLevelCache.class);
    private static final double JITTER = 0.1;
    private static final Duration LOOK_AGAIN = Duration.ofMillis(20);
    private static final String NOTHING = "-";
    private static final String SOMETHING = "+";

    private final CacheSettings settings;
    private final JsonMapper json;
    private final SharedLevel shared;
    private final CacheMeters meters;
    private final MemoryLevel memory;
    private final Map<String, Flight<?>> flights = new ConcurrentHashMap<>();
    private final WarmUp warmUp;

    TwoLevelCache(CacheSettings settings, SharedLevel shared, JsonMapper json, MeterRegistry registry) {
        this.settings = settings;
        this.shared = shared;
        this.json = json;
        this.meters = new CacheMeters(registry);
        this.memory = new MemoryLevel(settings, meters, registry);
        this.warmUp = new WarmUp(settings, shared, memory, meters, this::refresh);
        shared.listen(new SharedLevel.Listener() {
            @Override
            public void invalidated(String pattern) {
                invalidateHere(CachePattern.parse(pattern));
            }

            @Override
            public void gap() {
                meters.gaps.increment();
                forgetAll();
                warmUp.again();
            }
        });
    }

    @Override
    public <T> Mono<T> get(CacheFamily<T> family, String key, Mono<T> loader) {
        return Mono.defer(() -> {
            String fullKey = family.fullKey(key);
            CacheMeters.OfKind counts = meters.of(family.kind());
            MemoryLevel.Entry entry = memory.get(family.kind(), fullKey);
            long now = System.nanoTime();
            if (entry == null || !mayServe(entry, now)) {
                counts.memoryMisses.increment();
                return fly(family, key, fullKey, loader);
            }
            counts.memoryHits.increment();
            if (entry.stale(now)) {
                counts.stale.increment();
                if (!flights.containsKey(fullKey)) {
                    // Answered at once; the flight that replaces it belongs to nobody in particular.
                    fly(family, key, fullKey, loader)
                            .subscribe(value -> {}, failure -> log.debug("A value could not be renewed", failure));
                }
            }
            return answer(entry);
        });
    }

    @Override
    public Mono<Void> invalidate(String pattern) {
        CachePattern parsed = CachePattern.parse(pattern);
        return Mono.defer(() -> {
            meters.invalidations.increment();
            invalidateHere(parsed);
            return shared.invalidate(parsed).then(Mono.fromRunnable(() -> invalidateHere(parsed)));
        });
    }

    @Override
    public <T> void warm(CacheFamily<T> family, Function<String, Mono<T>> loader) {
        warmUp.add(family, loader);
    }

    /** Whether invalidations of all nodes are heard and Redis is used. */
    boolean live() {
        return shared.live();
    }

    @Override
    public void close() {
        warmUp.close();
    }

    /** Fetches a value into memory as if it were not there. */
    private <T> Mono<T> refresh(CacheFamily<T> family, String key, Mono<T> loader) {
        return Mono.defer(() -> fly(family, key, family.fullKey(key), loader, true));
    }

    private <T> Mono<T> fly(CacheFamily<T> family, String key, String fullKey, Mono<T> loader) {
        return fly(family, key, fullKey, loader, false);
    }

    private <T> Mono<T> fly(CacheFamily<T> family, String key, String fullKey, Mono<T> loader, boolean refresh) {
        Flight<T> fresh = new Flight<>(family, key, fullKey, loader);
        fresh.result = Mono.defer(() -> answer(fresh, refresh))
                .timeout(settings.loadTimeout())
                .doFinally(signal -> flights.remove(fullKey, fresh))
                .cache();
        @SuppressWarnings("unchecked") // a key names one family, and a family one type
        Flight<T> flight = (Flight<T>) flights.computeIfAbsent(fullKey, missing -> fresh);
        if (flight != fresh) {
            meters.of(family.kind()).joined.increment();
        }
        return flight.result;
    }

    private <T> Mono<T> answer(Flight<T> flight, boolean refresh) {
        CacheKind kind = flight.family.kind();
        if (kind == CacheKind.REAL_TIME) {
            return load(flight).flatMap(Mono::justOrEmpty);
        }
        // The flight before this one may have landed between the miss and now.
        MemoryLevel.Entry landed = refresh ? null : memory.get(kind, flight.fullKey);
        long now = System.nanoTime();
        if (landed != null && mayServe(landed, now) && !landed.stale(now)) {
            return answer(landed);
        }
        return look(flight, System.nanoTime() + settings.lease().toNanos(), false);
    }

    private <T> Mono<T> look(Flight<T> flight, long waitUntilNanos, boolean waited) {
        CacheMeters.OfKind counts = meters.of(flight.family.kind());
        return shared.look(flight.family, flight.key, flight.lease).flatMap(look -> switch (look) {
            case Look.Hit hit -> {
                Answer<T> answer = decode(flight.family, hit.text());
                if (answer == null) {
                    counts.redisMisses.increment();
                    yield loadAndFill(flight, hit.ticket());
                }
                counts.redisHits.increment();
                if (waited) {
                    counts.waitsServed.increment();
                }
                keep(flight, answer.value());
                yield Mono.justOrEmpty(answer.value());
            }
            case Look.Miss miss -> {
                boolean patient = System.nanoTime() - waitUntilNanos < 0;
                if (!miss.leads() && patient) {
                    yield Mono.delay(LOOK_AGAIN).then(Mono.defer(() -> look(flight, waitUntilNanos, true)));
                }
                if (!miss.leads()) {
                    counts.waitsExpired.increment();
                }
                counts.redisMisses.increment();
                yield loadAndFill(flight, miss.ticket());
            }
            case Look.Away away ->
                load(flight).flatMap(value -> {
                    keep(flight, value.orElse(null));
                    return Mono.justOrEmpty(value);
                });
        });
    }

    private <T> Mono<T> loadAndFill(Flight<T> flight, Ticket ticket) {
        return load(flight)
                .onErrorResume(failure ->
                        shared.release(flight.family, flight.key, ticket).then(Mono.error(failure)))
                .flatMap(value -> {
                    keep(flight, value.orElse(null));
                    return store(flight, ticket, value.orElse(null)).then(Mono.justOrEmpty(value));
                });
    }

    private <T> Mono<Optional<T>> load(Flight<T> flight) {
        CacheMeters.OfKind counts = meters.of(flight.family.kind());
        return Mono.defer(() -> {
            long begun = System.nanoTime();
            return flight.loader
                    .map(Optional::of)
                    .defaultIfEmpty(Optional.empty())
                    .doOnNext(value -> record(value.isPresent() ? counts.loadedValue : counts.loadedNothing, begun))
                    .doOnError(failure -> record(counts.loadFailed, begun));
        });
    }

    private <T> Mono<Void> store(Flight<T> flight, Ticket ticket, @Nullable T value) {
        String text = value == null ? NOTHING : SOMETHING + json.writeValueAsString(value);
        if (text.length() > settings.maxValueChars()) {
            return shared.release(flight.family, flight.key, ticket);
        }
        return shared.fill(flight.family, flight.key, ticket, text, jittered(timeToLive(flight.family, value == null)))
                .doOnNext(stored -> {
                    if (!stored) {
                        meters.of(flight.family.kind()).refusedRedis.increment();
                    }
                })
                .then();
    }

    private <T> void keep(Flight<T> flight, @Nullable T value) {
        CacheFamily<T> family = flight.family;
        Duration fresh = min(timeToLive(family, value == null), settings.memoryTime());
        Duration stale = family.staleFor();
        if (!shared.live()) {
            fresh = min(fresh, settings.disconnectedTime());
            stale = Duration.ZERO;
        }
        Duration jittered = jittered(fresh);
        long now = System.nanoTime();
        MemoryLevel.Entry entry = new MemoryLevel.Entry(
                value, now, stale.isZero() ? now + Long.MAX_VALUE / 2 : now + jittered.toNanos(), jittered.plus(stale));
        synchronized (flight) {
            if (flight.refused) {
                meters.of(family.kind()).refusedMemory.increment();
            } else {
                memory.put(family.kind(), flight.fullKey, entry);
            }
        }
    }

    /**
     * Whether a value in memory may be answered: asked at each hit, since memory is emptied for silence by a thread that may
     * come late.
     */
    private boolean mayServe(MemoryLevel.Entry entry, long now) {
        return shared.live() || entry.age(now).compareTo(settings.disconnectedTime()) < 0;
    }

    /** Null when the text is of another shape. */
    private <T> @Nullable Answer<T> decode(CacheFamily<T> family, String text) {
        if (text.equals(NOTHING)) {
            return new Answer<>(null);
        }
        try {
            return new Answer<>(json.readValue(text.substring(SOMETHING.length()), family.type()));
        } catch (JacksonException otherShape) {
            log.debug("A value of {} is of another shape", family.name(), otherShape);
            return null;
        }
    }

    private void invalidateHere(CachePattern pattern) {
        if (pattern.prefix()) {
            Set<String> matching = known();
            matching.removeIf(fullKey -> !pattern.matches(fullKey));
            forget(List.copyOf(matching));
        } else {
            forget(List.of(pattern.toString()));
        }
    }

    private void forgetAll() {
        forget(List.copyOf(known()));
    }

    private Set<String> known() {
        Set<String> all = new LinkedHashSet<>(flights.keySet());
        all.addAll(memory.keys());
        return all;
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
        memory.remove(fullKeys);
    }

    private Duration timeToLive(CacheFamily<?> family, boolean negative) {
        Duration timeToLive = settings.timeOf(family.kind());
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

    private static void record(Timer timer, long begun) {
        timer.record(System.nanoTime() - begun, TimeUnit.NANOSECONDS);
    }

    private static <T> Mono<T> answer(MemoryLevel.Entry entry) {
        @SuppressWarnings("unchecked") // a key names one family, and a family one type
        T value = (T) entry.value();
        return Mono.justOrEmpty(value);
    }

    private record Answer<T>(@Nullable T value) {}

    private static final class Flight<T> {
        private final CacheFamily<T> family;
        private final String key;
        private final String fullKey;
        private final Mono<T> loader;
        private final String lease = RedisScripts.token();
        private Mono<T> result = Mono.empty();
        private boolean refused;

        private Flight(CacheFamily<T> family, String key, String fullKey, Mono<T> loader) {
            this.family = family;
            this.key = key;
            this.fullKey = fullKey;
            this.loader = loader;
        }
    }
}
