package org.lectern.infra.cache;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.redis.RedisLink;
import org.redisson.api.RedissonClient;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * Redis, as far as it can be trusted.
 *
 * <p>{@link RedisLink} says without waiting whether it answers; while it does not, no command is sent. What could not be
 * invalidated there is made good for when it is back, before it is read again; and because other nodes may have been cut
 * off at the same time, coming back always begins a new era, in which Redis is empty and every node forgets what it has.
 *
 * <p>Metric: {@code lectern.cache.redis}, a timer of the commands that were sent, by operation.
 */
@Component
class RedisLevel implements SharedLevel {

    private static final Logger log = LoggerFactory.getLogger(RedisLevel.class);

    private final RedissonClient redisson;
    private final RedisLink link;
    private final RedisScripts scripts;
    private final CacheSettings settings;
    private final Clock clock;
    private final Timer looks;
    private final Timer fills;
    private final Timer invalidations;
    private final AtomicBoolean renewing = new AtomicBoolean();

    /** Whether Redis may be read and filled. Written, and read by invalidations, under this object's lock. */
    private volatile boolean trusted;

    /** An invalidation was not told to Redis. Under this object's lock. */
    private boolean untold;

    /** It was trusted before, so invalidations may have been missed since. Under this object's lock. */
    private boolean everTrusted;

    private volatile @Nullable InvalidationChannel channel;

    RedisLevel(CacheSettings settings, RedissonClient redisson, RedisLink link, Clock clock, MeterRegistry meters) {
        this.settings = settings;
        this.redisson = redisson;
        this.link = link;
        this.clock = clock;
        this.scripts = new RedisScripts(redisson, settings);
        this.looks = meters.timer("lectern.cache.redis", "operation", "look");
        this.fills = meters.timer("lectern.cache.redis", "operation", "fill");
        this.invalidations = meters.timer("lectern.cache.redis", "operation", "invalidate");
        this.trusted = link.up();
        this.everTrusted = trusted;
        link.onChange(this::linkChanged);
    }

    @Override
    public void listen(Listener listener) {
        channel = new InvalidationChannel(redisson, link, settings.heartbeat(), listener);
    }

    @Override
    public boolean live() {
        InvalidationChannel listening = channel;
        return trusted && listening != null && listening.live();
    }

    @Override
    public Mono<Look> look(CacheFamily<?> family, String key, String lease) {
        return Mono.defer(() -> !trusted
                ? Mono.just(new Look.Away())
                : timed(looks, scripts.look(family, key, lease)).onErrorResume(failure -> {
                    log.debug("Redis could not be read", failure);
                    return Mono.just(new Look.Away());
                }));
    }

    @Override
    public Mono<Boolean> fill(CacheFamily<?> family, String key, Ticket ticket, String text, Duration timeToLive) {
        return Mono.defer(() -> !trusted
                ? Mono.just(true)
                : timed(fills, scripts.fill(family, key, ticket, text, timeToLive))
                        .onErrorResume(failure -> {
                            log.debug("Redis could not be filled", failure);
                            return Mono.just(true);
                        }));
    }

    @Override
    public Mono<Void> release(CacheFamily<?> family, String key, Ticket ticket) {
        return Mono.defer(() -> !trusted
                ? Mono.empty()
                : scripts.release(family, key, ticket).onErrorResume(failure -> {
                    log.debug("A lease was left to expire", failure);
                    return Mono.empty();
                }));
    }

    @Override
    public Mono<Void> invalidate(CachePattern pattern) {
        return Mono.defer(() -> {
            synchronized (this) {
                if (!trusted) {
                    // The new era that begins when Redis is back hides it.
                    untold = true;
                    return Mono.empty();
                }
            }
            return timed(invalidations, scripts.invalidate(pattern)).onErrorResume(failure -> {
                log.warn("Redis could not be told of an invalidation; a new era will begin: {}", failure.toString());
                distrust();
                return Mono.empty();
            });
        });
    }

    @Override
    public Mono<Void> notePopular(CacheFamily<?> family, List<String> keys) {
        return Mono.defer(() -> {
            long round = clock.millis() / Math.max(1, settings.warmEvery().toMillis());
            return !trusted ? Mono.empty() : scripts.notePopular(family.name(), keys, round);
        });
    }

    @Override
    public Mono<List<String>> popular(CacheFamily<?> family, int limit) {
        return Mono.defer(() -> !trusted ? Mono.just(List.of()) : scripts.popular(family.name(), limit));
    }

    @Override
    public void close() {
        InvalidationChannel listening = channel;
        if (listening != null) {
            listening.close();
        }
    }

    private synchronized void linkChanged(boolean up) {
        if (!up) {
            trusted = false;
        } else if (!everTrusted && !untold) {
            // A node that starts has missed nothing and invalidated nothing: what is in Redis is as good as ever.
            everTrusted = true;
            trusted = true;
        } else {
            renew();
        }
    }

    private synchronized void distrust() {
        untold = true;
        trusted = false;
        if (link.up()) {
            renew();
        }
    }

    /** Begins a new era and then trusts Redis again; tried until it works or Redis is gone once more. */
    private void renew() {
        if (trusted || !renewing.compareAndSet(false, true)) {
            return;
        }
        Mono.defer(() -> {
                    synchronized (this) {
                        untold = false;
                    }
                    return scripts.newEra().doOnError(failure -> missed());
                })
                .then(Mono.fromRunnable(this::trustAgain))
                .retryWhen(
                        Retry.fixedDelay(Long.MAX_VALUE, settings.heartbeat()).filter(failure -> link.up()))
                .doFinally(signal -> renewed())
                .subscribe(done -> {}, failure -> log.debug("No new era: Redis is gone again", failure));
    }

    /** An invalidation may have failed, or Redis may have come back, while the last round was ending. */
    private synchronized void renewed() {
        renewing.set(false);
        if (!trusted && link.up()) {
            renew();
        }
    }

    private synchronized void missed() {
        untold = true;
    }

    /** Unless there was an invalidation meanwhile: another node may have filled the new era with what it names. */
    private synchronized void trustAgain() {
        if (untold) {
            throw new IllegalStateException("an invalidation came while a new era began");
        }
        if (!link.up()) {
            throw new IllegalStateException("Redis went while a new era began");
        }
        everTrusted = true;
        trusted = true;
    }

    private static <T> Mono<T> timed(Timer timer, Mono<T> command) {
        return Mono.defer(() -> {
            long begun = System.nanoTime();
            return command.doFinally(signal -> timer.record(System.nanoTime() - begun, TimeUnit.NANOSECONDS));
        });
    }
}
