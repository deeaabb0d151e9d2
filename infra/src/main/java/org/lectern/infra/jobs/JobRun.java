package org.lectern.infra.jobs;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** One attempt at a job, as its handler sees it. Used from the handler's thread. */
public interface JobRun {

    /** The job as it was when the attempt began; {@link Job#attempt()} counts this attempt, from 1. */
    Job job();

    /**
     * Tells how far the work has come; also renews the lease. Written at most about once a second: calls in between are
     * remembered and the last one wins.
     */
    void progress(Progress progress);

    /** The same without a speed; the time left is reckoned from the share that is done. */
    default void progress(int percent, String stage) {
        progress(new Progress(percent, stage, null, null));
    }

    /** Whether the attempt should end: cancelled, out of time, lease lost, or the node stops. */
    boolean stopped();

    /**
     * How far an attempt is.
     *
     * @param percent 0 to 100; what lies outside is cut
     * @param stage what is being done, in a word such as {@code probing}
     * @param speed how fast, in what suits the kind, such as seconds of video per second; null when unknown
     * @param left how long it still takes; null lets it be reckoned from the share that is done
     */
    record Progress(
            int percent,
            @Nullable String stage,
            @Nullable Double speed,
            @Nullable Duration left) {

        /** Nothing told yet. */
        static final Progress NONE = new Progress(0, null, null, null);

        /** Cuts the percent to 0 to 100. */
        public Progress {
            percent = Math.clamp(percent, 0, 100);
        }
    }
}
