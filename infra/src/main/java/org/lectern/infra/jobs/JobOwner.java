package org.lectern.infra.jobs;

import java.util.Set;

/**
 * Keeps a state that must follow its jobs, such as that of a video, and so hears when one of them ends without its effect,
 * whoever ends it: a worker, the reaper, or an operator.
 *
 * <p>A bean on every node that may end jobs of these kinds: those with the role that consumes them, and those with the
 * role web, where operators cancel and replay. A node without the owner still ends the job. Called on any thread; must not
 * block.
 */
public interface JobOwner {

    /** The kinds it asks for, such as {@code video.transcode}; no other owner has them. */
    Set<String> kinds();

    /**
     * The job has ended as {@link JobState#DEAD} or {@link JobState#CANCELLED}.
     *
     * @param job as it is now
     * @param cause why, for operators
     * @return what to write in the transaction that ends the job. If that fails, a cancel by an operator fails with it,
     *     while a job that its worker ends still ends, without it.
     */
    JobHandler.Effect ended(Job job, String cause);

    /**
     * A dead job begins again with its first attempt.
     *
     * @return what to write in the same transaction; the default is nothing
     */
    default JobHandler.Effect replayed(Job job) {
        return JobHandler.Effect.NONE;
    }
}
