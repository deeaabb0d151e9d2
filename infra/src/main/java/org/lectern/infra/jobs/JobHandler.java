package org.lectern.infra.jobs;

import org.lectern.db.shard.ShardTransaction;
import reactor.core.publisher.Mono;

/**
 * Does one kind of job. Runs on a virtual thread of the job's lane and may block; it may be called again for the same
 * job (a worker died, an attempt failed), so what it does before its effect must be repeatable.
 */
public interface JobHandler {

    /** The kind this handler does, such as {@code video.transcode}; unique. */
    String kind();

    /**
     * Does the work. Interrupted when the job is cancelled, runs past its lane's time limit or the node stops.
     *
     * @return the effect, committed in one transaction with the job's {@link JobState#DONE}, only if this worker still
     *     holds the lease: so an effect happens once
     * @throws RejectedJobException when no retry can help: the job ends dead at once
     * @throws Exception when the attempt failed; it is tried again after 2^attempt x 60 s, 3 attempts in all
     */
    Effect run(JobRun run) throws Exception;

    /** What a job changes, inside the transaction that marks it done. */
    @FunctionalInterface
    interface Effect {
        /** An effect of nothing. */
        Effect NONE = transaction -> Mono.empty();

        /** Writes the effect. */
        Mono<Void> apply(ShardTransaction transaction);
    }
}
