package org.lectern.infra.jobs;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.db.shard.ShardTransaction;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Asks for jobs and looks after them. Available on every node, whatever its roles.
 *
 * <p>A job asked for inside a transaction exists if, and only if, that transaction commits (the row is the outbox).
 * From then on it is done once to effect, whatever dies: at least one attempt begins, at most one effect commits.
 */
public interface Jobs {

    /** Writes the job's row inside the caller's transaction; a row with the same id is left as it is. */
    Mono<Void> submit(ShardTransaction transaction, JobRequest request);

    /**
     * Asks for a job where nothing else is to be committed: complete once it is safe. Jobs that are asked for at the same
     * moment share a commit, which costs much less than one for each. A row with the same id is left as it is. What a
     * session has asked for in this way is not noted as written by it; {@link #find} and {@link #list} read the primary.
     */
    Mono<Void> submit(ContextId context, JobRequest request);

    /** The job as it stands, or empty. */
    Mono<Job> find(ContextId context, UUID id);

    /**
     * Asks for the end of a job: one that waits is cancelled at once, one that runs is interrupted soon.
     *
     * @return true when the job was not yet in a final state
     */
    Mono<Boolean> cancel(ContextId context, UUID id);

    /** Puts a dead job back to its first attempt; false when it is not dead. */
    Mono<Boolean> replay(ContextId context, UUID id);

    /** Takes a dead job off the dead-letter list; false when it is not dead. */
    Mono<Boolean> discard(ContextId context, UUID id);

    /**
     * Jobs over all shards, newest first, by keyset. Shards that do not answer within some seconds are left out and named;
     * of a single course there is an answer or an error.
     */
    Mono<ShardFanOut.Merged<Job>> list(Query query);

    /** The job's changes as they happen (progress, state), from now on; ends after a final state. May skip steps. */
    Flux<Job> watch(ContextId context, UUID id);

    /**
     * Which jobs to list.
     *
     * @param state only this state, or any
     * @param type only this type, or any
     * @param lane only this lane, or any
     * @param course only of this course, or any
     * @param since only asked for at this time or later
     * @param before only jobs older than this id (exclusive), for the next page
     * @param limit at most this many, 1 to 200
     */
    record Query(
            @Nullable JobState state,
            @Nullable JobType type,
            @Nullable Lane lane,
            @Nullable ContextId course,
            @Nullable Instant since,
            @Nullable UUID before,
            int limit) {

        /** Everything, newest first. */
        public static Query all(int limit) {
            return new Query(null, null, null, null, null, null, limit);
        }

        /** The dead-letter list, of one type or of all. */
        public static Query dead(@Nullable JobType type, @Nullable UUID before, int limit) {
            return new Query(JobState.DEAD, type, null, null, null, before, limit);
        }
    }
}
