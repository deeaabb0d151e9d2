package org.lectern.infra.cache;

import java.time.Duration;
import java.util.UUID;
import org.lectern.infra.redis.RedisLink;
import org.redisson.api.RTopic;
import org.redisson.api.RedissonClient;
import org.redisson.api.listener.StatusListener;
import org.redisson.client.codec.StringCodec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * How nodes tell each other what is no longer true. Redis forgets messages for those who do not listen, so this node
 * sends itself a heartbeat over the same channel: as long as it hears them, it has missed nothing. When it does not, or
 * the subscription had to be made again, the owner is told to forget what it has. Thread-safe.
 */
final class InvalidationChannel implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(InvalidationChannel.class);
    private static final String HEARTBEAT = "heartbeat ";
    private static final int MISSED_HEARTBEATS = 3;

    private final RedissonClient redisson;
    private final RedisLink link;
    private final SharedLevel.Listener listener;
    private final String heartbeat = HEARTBEAT + UUID.randomUUID() + " ";
    private final Duration silence;
    private final Disposable beating;
    private final RTopic topic;
    private volatile boolean subscribed;
    private volatile boolean live;

    /** When the last heartbeat that came back was sent: whatever was announced before that has been heard. */
    private volatile long heardUntilNanos;

    /** @param interval between heartbeats; after three without one something may have been missed */
    InvalidationChannel(RedissonClient redisson, RedisLink link, Duration interval, SharedLevel.Listener listener) {
        this.redisson = redisson;
        this.link = link;
        this.listener = listener;
        this.silence = interval.multipliedBy(MISSED_HEARTBEATS);
        this.topic = redisson.getTopic(RedisScripts.CHANNEL, StringCodec.INSTANCE);
        link.onChange(this::linkChanged);
        if (link.up()) {
            Thread.ofVirtual().name("cache-subscribe").start(this::subscribe);
        }
        this.beating = Flux.interval(interval)
                .onBackpressureDrop()
                .concatMap(tick -> beat())
                .subscribe();
    }

    /** Whether every invalidation until now has been heard, as far as this node can know. */
    boolean live() {
        return live && link.up() && System.nanoTime() - heardUntilNanos < silence.toNanos();
    }

    @Override
    public void close() {
        beating.dispose();
        if (subscribed && link.up()) {
            topic.removeAllListeners();
        }
    }

    private Mono<Long> beat() {
        if (live && !live()) {
            lost();
        }
        if (!link.up() || !subscribed) {
            return Mono.empty();
        }
        return redisson.reactive()
                .getTopic(RedisScripts.CHANNEL, StringCodec.INSTANCE)
                .publish(heartbeat + System.nanoTime())
                .timeout(silence)
                .onErrorResume(failure -> Mono.empty());
    }

    private void linkChanged(boolean up) {
        if (!up) {
            lost();
        } else if (!subscribed) {
            subscribe();
        }
    }

    private synchronized void subscribe() {
        if (subscribed) {
            return;
        }
        try {
            topic.addListener(new StatusListener() {
                @Override
                public void onSubscribe(String channel) {
                    lost();
                }

                @Override
                public void onUnsubscribe(String channel) {
                    lost();
                }
            });
            topic.addListener(String.class, (channel, message) -> heard(message));
            subscribed = true;
        } catch (RuntimeException failure) {
            log.debug("No subscription to the cache's events yet", failure);
        }
    }

    private void heard(String message) {
        if (message.equals(RedisScripts.EVERYTHING)) {
            listener.gap();
        } else if (!message.startsWith(HEARTBEAT)) {
            listener.invalidated(message);
        } else if (message.startsWith(heartbeat)) {
            heardUntilNanos = Long.parseLong(message.substring(heartbeat.length()));
            if (!live) {
                // Whatever came between the last heartbeat and this one may have been missed.
                listener.gap();
                live = true;
            }
        }
    }

    private void lost() {
        live = false;
        listener.gap();
    }
}
