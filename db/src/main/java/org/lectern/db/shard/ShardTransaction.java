package org.lectern.db.shard;

import java.util.function.Consumer;
import org.lectern.db.ContextId;
import org.springframework.r2dbc.core.DatabaseClient;

/**
 * An open transaction on the primary of a context's shard. What is written through it commits or vanishes together:
 * that is how a message, the job it asks for and the activity it records stay one fact. Valid only inside the work
 * function that received it.
 *
 * @param context the context whose shard this is
 * @param logicalShard the context's logical shard, stored with each row so that a logical shard can move
 * @param sql statements run inside the transaction
 * @param afterCommit takes what is to be done on this node right after the commit, and never if there is none: hints to
 *     those who would otherwise find out by looking. It must neither block nor fail, and nothing may depend on it, since
 *     a node can die in between
 */
public record ShardTransaction(
        ContextId context, int logicalShard, DatabaseClient sql, Consumer<Runnable> afterCommit) {}
