package org.lectern.infra.cache;

import reactor.core.publisher.Mono;

/**
 * Two levels before a loader: this node's memory, then Redis, then the loader.
 *
 * <p>Concurrent calls for a key on one node cause one load, in the Reactor context of the first of them. A load that
 * began before an invalidation of its key leaves no trace in either level. What every node has in memory follows an
 * invalidation within the time of a Redis message; a node that may have missed one drops its memory, and keeps values
 * only for seconds until it hears again. Without Redis, memory and loader serve, without errors.
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
     * @return completes when this node and Redis have followed; without Redis, when this node has, and Redis follows as
     *     soon as it is back and before it is used again
     */
    Mono<Void> invalidate(String pattern);
}
