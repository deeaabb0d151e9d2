package org.lectern.db.shard;

import java.util.Set;

/**
 * A shard went on refusing a transaction although the map was read again: the course is about to move, or its shard does
 * not know it. Nothing was written; the same call may succeed later.
 */
public final class StaleShardMapException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final transient Set<Integer> logicalShards;

    StaleShardMapException(Set<Integer> logicalShards, Throwable cause) {
        super("held by no shard that this node knows: logical shards " + logicalShards, cause);
        this.logicalShards = Set.copyOf(logicalShards);
    }

    /** Which of the logical shards that were asked for the shard does not hold as this node believed, at least one. */
    Set<Integer> logicalShards() {
        return logicalShards;
    }
}
