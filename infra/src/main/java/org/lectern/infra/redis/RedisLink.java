package org.lectern.infra.redis;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redisson.api.RedissonClient;
import org.redisson.api.redisnode.RedisNodes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;

/**
 * Whether Redis answers, as this node sees it: asked a few times a second on a thread of its own, so that request paths
 * need not find out by waiting. Redisson connects in the thread of the first command; that is this one, never an event
 * loop, as long as others ask {@link #up()} before they use Redis.
 *
 * <p>Listeners are told of every change, in order, on the link's thread; they must not block for long. Thread-safe.
 */
@Component
public class RedisLink implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(RedisLink.class);

    private final RedissonClient redisson;
    private final Duration interval;
    private final Duration timeout;
    private final List<Consumer<Boolean>> listeners = new CopyOnWriteArrayList<>();
    private volatile boolean up;
    private volatile boolean running;
    private @Nullable Thread thread;

    /** A link that starts to look when it is started. */
    public RedisLink(RedissonClient redisson, RedisSettings settings) {
        this.redisson = redisson;
        this.interval = settings.pingInterval();
        this.timeout = settings.timeout();
    }

    /** Whether Redis answered when it was last asked. Costs one volatile read. */
    public boolean up() {
        return up;
    }

    /** Tells the listener of every change from now on: true when Redis came back, false when it went. */
    public void onChange(Consumer<Boolean> listener) {
        listeners.add(listener);
    }

    @Override
    public synchronized void start() {
        if (!running) {
            running = true;
            look();
            thread = Thread.ofVirtual().name("redis-link").start(this::watch);
        }
    }

    @Override
    public synchronized void stop() {
        running = false;
        if (thread != null) {
            thread.interrupt();
        }
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    /** Before whatever uses Redis. */
    @Override
    public int getPhase() {
        return Integer.MIN_VALUE + 1000;
    }

    private void watch() {
        while (running) {
            try {
                Thread.sleep(interval);
            } catch (InterruptedException stopped) {
                return;
            }
            look();
        }
    }

    private void look() {
        boolean answered;
        try {
            answered = redisson.getRedisNodes(RedisNodes.SINGLE)
                    .getInstance()
                    .ping(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RuntimeException unreachable) {
            log.debug("Redis does not answer", unreachable);
            answered = false;
        }
        if (answered == up) {
            return;
        }
        up = answered;
        if (answered) {
            log.info("Redis answers");
        } else {
            log.warn("Redis does not answer; going on without it");
        }
        for (Consumer<Boolean> listener : listeners) {
            try {
                listener.accept(answered);
            } catch (RuntimeException failure) {
                log.warn("A listener of the Redis link failed", failure);
            }
        }
    }
}
