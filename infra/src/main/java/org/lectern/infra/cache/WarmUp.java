package org.lectern.infra.cache;

import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Fetches what is popular before it is asked for. In each round a node notes the keys that it is asked for most, and
 * fetches those that any node noted: from Redis, as a rule, and from the loader where they have run out. A new node's
 * first round comes as soon as it hears invalidations; without Redis there is none. One family after the other, a few
 * keys at a time.
 */
final class WarmUp implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(WarmUp.class);
    private static final int AT_A_TIME = 4;

    /** Fetches a value into memory although it may be there. */
    interface Refresh {
        <T> Mono<T> refresh(CacheFamily<T> family, String key, Mono<T> loader);
    }

    private final CacheSettings settings;
    private final SharedLevel shared;
    private final MemoryLevel memory;
    private final CacheMeters meters;
    private final Refresh refresh;
    private final List<Warmed<?>> families = new CopyOnWriteArrayList<>();
    private final Disposable rounds;

    WarmUp(CacheSettings settings, SharedLevel shared, MemoryLevel memory, CacheMeters meters, Refresh refresh) {
        this.settings = settings;
        this.shared = shared;
        this.memory = memory;
        this.meters = meters;
        this.refresh = refresh;
        this.rounds = Flux.interval(settings.heartbeat())
                .onBackpressureDrop()
                .concatMap(tick -> dueFamilies().concatMap(this::warm), 1)
                .subscribe();
    }

    <T> void add(CacheFamily<T> family, Function<String, Mono<T>> loader) {
        families.add(new Warmed<>(family, loader));
    }

    /** Memory was dropped: the next round comes as soon as invalidations are heard again. */
    void again() {
        long now = System.nanoTime();
        families.forEach(family -> family.dueAtNanos = now);
    }

    @Override
    public void close() {
        rounds.dispose();
    }

    private Flux<Warmed<?>> dueFamilies() {
        long now = System.nanoTime();
        return shared.live()
                ? Flux.fromIterable(families).filter(family -> now - family.dueAtNanos >= 0)
                : Flux.empty();
    }

    private <T> Mono<Void> warm(Warmed<T> warmed) {
        CacheFamily<T> family = warmed.family;
        List<String> here = memory.hottest(family, settings.warmKeys());
        warmed.dueAtNanos = System.nanoTime() + settings.warmEvery().toNanos();
        return shared.notePopular(family, here)
                .then(shared.popular(family, settings.warmKeys()))
                .flatMapIterable(everywhere -> union(here, everywhere))
                .flatMap(
                        key -> refresh.refresh(family, key, warmed.loader.apply(key))
                                .doOnSuccess(value -> meters.warmed.increment())
                                .then()
                                .onErrorResume(failure -> {
                                    log.debug("{} could not be warmed", family.fullKey(key), failure);
                                    return Mono.empty();
                                }),
                        AT_A_TIME)
                .then()
                .onErrorResume(failure -> {
                    log.debug("{} was not warmed", family.name(), failure);
                    warmed.dueAtNanos =
                            System.nanoTime() + Duration.ofSeconds(10).toNanos();
                    return Mono.empty();
                });
    }

    /** The popular of all nodes first, then this node's own, up to the limit. */
    private List<String> union(List<String> here, List<String> everywhere) {
        Set<String> keys = new LinkedHashSet<>(everywhere);
        keys.addAll(here);
        return keys.stream().limit(settings.warmKeys()).toList();
    }

    private static final class Warmed<T> {
        private final CacheFamily<T> family;
        private final Function<String, Mono<T>> loader;
        private volatile long dueAtNanos = System.nanoTime();

        private Warmed(CacheFamily<T> family, Function<String, Mono<T>> loader) {
            this.family = family;
            this.loader = loader;
        }
    }
}
