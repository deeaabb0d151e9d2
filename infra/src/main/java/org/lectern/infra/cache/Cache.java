package org.lectern.infra.cache;

import java.util.function.Function;
import reactor.core.publisher.Mono;

/**
 * Two levels before a loader: this node's memory, then Redis, then the loader.
 *
 * <p>Concurrent calls for a key on one node cause one load, in the Reactor context of the first of them; over nodes, the
 * one that holds the key's lease in Redis loads, and the others wait for its value for as long as the lease lasts at
 * most. A load that began before an invalidation of its key leaves no trace in either level. What every node has in
 * memory follows an invalidation within the time of a Redis message; a node that may have missed one drops its memory,
 * and keeps values only for seconds until it hears again. Without Redis, memory and loader serve, without errors.
 *
 * <p>Thread-safe and non-blocking.
 */
public interface Cache {

    /**
     * The value, from the nearest level that has it.
     *
     * @param loader computes the value; empty is an answer too and is kept for half a minute. It must read its source
     *     fresh ({@code Freshness.PRIMARY}): from a replica it could fetch, after an invalidation, what was before it
     * @return the value, empty when the loader says that there is none, or the loader's error, which is never kept
     */
    <T> Mono<T> get(CacheFamily<T> family, String key, Mono<T> loader);

    /**
     * Removes what the pattern names, in Redis and on every node. To be called after the change has been committed.
     *
     * @param pattern {@code family:key} for one value; {@code family:prefix*} or {@code family:*} for many
     * @return completes when this node and Redis have followed; without Redis, when this node has, and Redis and the other
     *     nodes follow as soon as it is back and before it is used again
     */
    Mono<Void> invalidate(String pattern);

    /**
     * Fetches the values that nodes are asked for most into this node's memory: once it hears invalidations, so that a new
     * node does not begin cold, and every five minutes, so that they do not run out. To be called once for a family.
     *
     * @param loader the loader for a key; as for {@link #get}
     */
    <T> void warm(CacheFamily<T> family, Function<String, Mono<T>> loader);
}
