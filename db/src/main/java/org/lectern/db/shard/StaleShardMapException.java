package org.lectern.db.shard;

/**
 * A shard went on refusing a transaction although the map was read again: the course is about to move, or its shard does
 * not know it. Nothing was written; the same call may succeed later.
 */
public final class StaleShardMapException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    StaleShardMapException(int logicalShard, Throwable cause) {
        super("logical shard " + logicalShard + " is held by no shard that this node knows", cause);
    }
}
