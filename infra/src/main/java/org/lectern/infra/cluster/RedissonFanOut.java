package org.lectern.infra.cluster;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.redis.RedisLink;
import org.redisson.api.RedissonClient;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Fan-out over 64 Redis topics, shared by all channels. A message is {@code channel length, channel, key length, key,
 * payload}. Every second each topic is looked at: one that could not be subscribed (no Redis at start) is tried again, and
 * one that seems silent is probed and repaired. What waits for Redis is bounded: past that a publication fails at once.
 */
@Component
final class RedissonFanOut implements FanOut, SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(RedissonFanOut.class);

    static final int TOPICS = 64;
    private static final int OUTSTANDING_LIMIT = 2_000;
    private static final Duration SUBSCRIPTION_CHECK = Duration.ofSeconds(1);
    private static final Duration QUIET = Duration.ofSeconds(2);
    private static final int UNHEARD_PROBES = 2;

    private final RedisLink link;
    private final List<ProbedTopic> topics;
    private final ConcurrentMap<String, CopyOnWriteArrayList<BiConsumer<String, byte[]>>> listeners =
            new ConcurrentHashMap<>();
    private final AtomicInteger outstanding = new AtomicInteger();
    private volatile boolean running;
    private @Nullable Disposable subscribing;

    RedissonFanOut(RedissonClient redis, RedisLink link, MeterRegistry metrics) {
        this.link = link;
        Counter lost = metrics.counter("lectern.cluster.subscriptions.lost");
        this.topics = IntStream.range(0, TOPICS)
                .mapToObj(n -> new ProbedTopic(
                        redis, "lectern:fanout:" + n, QUIET, UNHEARD_PROBES, this::received, lost::increment))
                .toList();
        metrics.gauge("lectern.cluster.fanout.outstanding", outstanding);
    }

    @Override
    public Mono<Void> publish(String channel, String key, byte[] payload) {
        return Mono.defer(() -> {
            if (!link.up()) {
                return Mono.error(new IllegalStateException("Redis does not answer"));
            }
            if (outstanding.incrementAndGet() > OUTSTANDING_LIMIT) {
                outstanding.decrementAndGet();
                return Mono.error(new IllegalStateException("too many publications wait for Redis"));
            }
            byte[] message = encode(channel, key, payload);
            return Mono.fromCompletionStage(() -> topic(key).publish(message))
                    .doFinally(unused -> outstanding.decrementAndGet())
                    .then();
        });
    }

    @Override
    public Disposable listen(String channel, BiConsumer<String, byte[]> listener) {
        var ofChannel = listeners.computeIfAbsent(channel, unused -> new CopyOnWriteArrayList<>());
        ofChannel.add(listener);
        return () -> ofChannel.remove(listener);
    }

    /** Before the web server: a node that takes sockets hears the others. */
    @Override
    public int getPhase() {
        return SmartLifecycle.DEFAULT_PHASE - 4096;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        running = true;
        subscribing = Flux.interval(Duration.ZERO, SUBSCRIPTION_CHECK)
                .onBackpressureDrop()
                .filter(unused -> link.up())
                .subscribe(unused -> topics.forEach(ProbedTopic::check));
    }

    @Override
    public void stop() {
        running = false;
        if (subscribing != null) {
            subscribing.dispose();
        }
    }

    private ProbedTopic topic(String key) {
        return topics.get(Rendezvous.bucket(key, TOPICS));
    }

    static byte[] encode(String channel, String key, byte[] payload) {
        byte[] channelBytes = channel.getBytes(StandardCharsets.UTF_8);
        byte[] keyBytes = key.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(4 + channelBytes.length + keyBytes.length + payload.length)
                .putShort((short) channelBytes.length)
                .put(channelBytes)
                .putShort((short) keyBytes.length)
                .put(keyBytes)
                .put(payload)
                .array();
    }

    private void received(byte[] message) {
        try {
            ByteBuffer buffer = ByteBuffer.wrap(message);
            String channel = text(buffer);
            List<BiConsumer<String, byte[]>> ofChannel = listeners.getOrDefault(channel, new CopyOnWriteArrayList<>());
            if (ofChannel.isEmpty()) {
                return;
            }
            String key = text(buffer);
            byte[] payload = new byte[buffer.remaining()];
            buffer.get(payload);
            ofChannel.forEach(listener -> listener.accept(key, payload));
        } catch (RuntimeException e) {
            log.warn("a fan-out message of {} bytes could not be handled", message.length, e);
        }
    }

    private static String text(ByteBuffer buffer) {
        byte[] bytes = new byte[Short.toUnsignedInt(buffer.getShort())];
        buffer.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
