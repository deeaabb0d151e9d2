package org.lectern.db.move;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A move of a logical shard.
 *
 * @param id of the move
 * @param logicalShard what moves
 * @param sourceShard from which physical shard
 * @param targetShard to which physical shard
 * @param state how far it has come: preparing, copying, catching-up, switching, switched, confirming, reverting, returning,
 *     cleaning, aborting; ended: done, aborted, reverted
 * @param wanted what an operator has asked for since: abort, confirm or revert
 * @param epoch of the shard map with its last switch
 * @param tablesDone how many tables have been copied
 * @param tablesTotal of how many
 * @param rowsCopied by the copy
 * @param changesApplied rows carried over again because they changed since
 * @param pauseMillis for how long writers of the logical shard had to wait at the switch
 * @param failure why the last attempt at a step failed; it is tried again
 * @param requestedBy who asked for it
 * @param requestedAt when
 * @param switchedAt when the target became the owner
 * @param finishedAt when it ended
 */
public record ShardMove(
        UUID id,
        int logicalShard,
        int sourceShard,
        int targetShard,
        String state,
        @Nullable String wanted,
        @Nullable Long epoch,
        int tablesDone,
        int tablesTotal,
        long rowsCopied,
        long changesApplied,
        @Nullable Integer pauseMillis,
        @Nullable String failure,
        String requestedBy,
        Instant requestedAt,
        @Nullable Instant switchedAt,
        @Nullable Instant finishedAt) {}
