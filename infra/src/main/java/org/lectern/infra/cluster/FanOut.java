package org.lectern.infra.cluster;

import java.util.function.BiConsumer;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

/**
 * Tells every node something about a key, fast and without promise: a message may be lost, doubled or overtaken, also
 * while Redis is away. Receivers find out by a sequence of their own and repair from PostgreSQL.
 *
 * <p>Keys are hashed onto 64 ordinary topics, so the number of subscriptions does not grow with the number of keys.
 */
public interface FanOut {

    /** Publishes to every node, this one included; completes when Redis took it, errors when it did not. */
    Mono<Void> publish(String channel, String key, byte[] payload);

    /**
     * Hears every message of a channel until disposed. The listener gets key and payload, is called from one thread at
     * a time per key and must not block.
     */
    Disposable listen(String channel, BiConsumer<String, byte[]> listener);
}
