package org.lectern.infra.cluster;

import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redisson.api.RTopic;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.ByteArrayCodec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An ordinary topic of Redis whose subscription is watched. Redisson subscribes again by itself after a connection that
 * broke; a subscription that is lost without a word is noticed only by hearing nothing. So when a topic was quiet for a
 * while this node says something itself, and when it does not hear that either, it subscribes anew.
 *
 * <p>A message begins with one byte: 0 for a probe, 1 for content. Thread-safe; {@link #check()} is called from one
 * thread.
 */
final class ProbedTopic {

    private static final Logger log = LoggerFactory.getLogger(ProbedTopic.class);

    private static final byte PROBE = 0;
    private static final byte CONTENT = 1;

    private enum Subscription {
        NONE,
        UNDER_WAY,
        HELD
    }

    private final RTopic topic;
    private final long quietNanos;
    private final int patience;
    private final Consumer<byte[]> listener;
    private final Runnable lost;
    private final AtomicReference<Subscription> subscription = new AtomicReference<>(Subscription.NONE);
    private volatile int registration;
    private volatile long heardAt;
    private long probedAt;
    private int unanswered;

    /**
     * A topic that is not subscribed to yet.
     *
     * @param quiet after how much silence a probe is sent
     * @param patience after how many probes that nobody heard the subscription counts as lost
     * @param listener hears content; called on Redisson's threads, must not block
     * @param lost is told of a subscription that was lost
     */
    ProbedTopic(
            RedissonClient redis, String name, Duration quiet, int patience, Consumer<byte[]> listener, Runnable lost) {
        this.topic = redis.getTopic(name, ByteArrayCodec.INSTANCE);
        this.quietNanos = quiet.toNanos();
        this.patience = patience;
        this.listener = listener;
        this.lost = lost;
    }

    /** Publishes content; answers how many subscribers Redis gave it to. */
    CompletionStage<Long> publish(byte[] content) {
        return publish(topic, content);
    }

    /** As {@link #publish(byte[])}, to a topic that this node does not listen to. */
    static CompletionStage<Long> publish(RedissonClient redis, String name, byte[] content) {
        return publish(redis.getTopic(name, ByteArrayCodec.INSTANCE), content);
    }

    private static CompletionStage<Long> publish(RTopic topic, byte[] content) {
        byte[] message = new byte[content.length + 1];
        message[0] = CONTENT;
        System.arraycopy(content, 0, message, 1, content.length);
        return topic.publishAsync(message);
    }

    /** Called now and then while Redis answers: subscribes, probes, subscribes anew. */
    void check() {
        switch (subscription.get()) {
            case NONE -> subscribe();
            case UNDER_WAY -> {}
            case HELD -> probe();
        }
    }

    private void probe() {
        long now = System.nanoTime();
        if (now - heardAt < quietNanos) {
            unanswered = 0;
            return;
        }
        if (now - probedAt < quietNanos) {
            return;
        }
        if (unanswered >= patience) {
            log.warn("the subscription to {} was lost; subscribing anew", topic.getChannelNames());
            lost.run();
            unanswered = 0;
            if (subscription.compareAndSet(Subscription.HELD, Subscription.UNDER_WAY)) {
                topic.removeListenerAsync(registration)
                        .whenComplete((unused, e) -> subscription.set(Subscription.NONE));
            }
            return;
        }
        unanswered++;
        probedAt = now;
        topic.publishAsync(new byte[] {PROBE})
                .whenComplete((unused, e) -> log.trace("probed {}", topic.getChannelNames(), e));
    }

    private void subscribe() {
        if (!subscription.compareAndSet(Subscription.NONE, Subscription.UNDER_WAY)) {
            return;
        }
        topic.addListenerAsync(byte[].class, (unused, message) -> heard(message))
                .whenComplete((@Nullable Integer id, @Nullable Throwable e) -> {
                    if (id == null) {
                        log.debug("subscription to {} failed; it is tried again", topic, e);
                        subscription.set(Subscription.NONE);
                    } else {
                        registration = id;
                        heardAt = System.nanoTime();
                        subscription.set(Subscription.HELD);
                    }
                });
    }

    private void heard(byte[] message) {
        heardAt = System.nanoTime();
        if (message.length > 0 && message[0] == CONTENT) {
            byte[] content = new byte[message.length - 1];
            System.arraycopy(message, 1, content, 0, content.length);
            listener.accept(content);
        }
    }
}
