package org.lectern.db.shard;

import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.reactivestreams.Publisher;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Access to the sharded databases: context id to logical shard (a stable hash) to physical shard (a versioned map).
 *
 * <p>Thread-safe and non-blocking. Every statement runs under the configured statement time-out; connections come from
 * bounded pools and are given back when the returned publisher ends, fails or is cancelled. The work function may be
 * called again when the shard map turns out to be stale, so it must have no effect outside its transaction.
 */
public interface Shards {

    /** The logical shard of a context: a published, stable hash; never changes for a given context. */
    int logicalShardOf(ContextId context);

    /** The physical shard that holds a context under the map this node knows now. */
    PhysicalShardId physicalShardOf(ContextId context);

    /** All physical shards, in order; also those that hold no logical shard yet. */
    List<PhysicalShardId> physicalShards();

    /** What this node knows of the physical shards, in order. */
    List<ShardStatus> status();

    /**
     * Runs work in one transaction on the primary of the context's shard: committed when the work completes, rolled
     * back when it fails or is cancelled. The result is emitted only after the commit; the commit's WAL position is
     * then known to the session of the Reactor context (read-your-writes).
     */
    <T> Mono<T> write(ContextId context, Function<ShardTransaction, Mono<T>> work);

    /** Runs a read, outside a transaction, on a server of the context's shard that is fresh enough. */
    <T> Flux<T> read(ContextId context, Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work);

    /**
     * Runs work in one transaction on the primary of a physical shard, for work that spans its contexts (the job relay,
     * rollups). Rows of a course that has moved away may lie here for a while: the caller keeps to rows whose logical
     * shard is in the view {@code owned_shard}, which cannot change during the transaction.
     */
    <T> Mono<T> writeOn(PhysicalShardId shard, Function<DatabaseClient, Mono<T>> work);

    /**
     * Runs a read of several courses that lie on one physical shard, on a server that is fresh enough. It fails with {@link
     * StaleShardMapException} when the shard turns out not to hold them all, which says whose logical shards those are; this
     * node has read the map again then.
     */
    <T> Flux<T> readOn(
            PhysicalShardId shard,
            Collection<ContextId> courses,
            Freshness freshness,
            Function<DatabaseClient, ? extends Publisher<T>> work);

    /** Runs a read on a server of a physical shard that is fresh enough. */
    <T> Flux<T> readOn(
            PhysicalShardId shard, Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work);
}
