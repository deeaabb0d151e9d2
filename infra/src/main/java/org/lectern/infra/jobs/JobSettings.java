package org.lectern.infra.jobs;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.jobs.order.Retries;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * The job engine.
 *
 * @param lanes workers, prefetch and time limits per lane
 * @param lease for how long a worker owns a job without a sign of life (default 30 s)
 * @param beat how often running jobs renew their lease, write their progress and look for cancels (default 1 s)
 * @param idle how often the relay looks for runnable jobs when nothing tells it to (default 500 ms)
 * @param resendAfter after what time a published job that nobody started is sent again (default 60 s)
 * @param housekeeping how often a node counts what waits, resizes lanes and consumers, and looks for lost jobs (default 5 s)
 * @param patience how long a job may be held back in favour of higher scores (default 60 s)
 * @param overdueShare while jobs wait longer than that, every how many starts is one of them (default 4)
 * @param stopGrace for how long running jobs may go on when the node is told to stop (default 10 s)
 * @param attempts how often a job is tried in all (default 3)
 * @param retryUnit a failed attempt is repeated after 2^attempt of it (default 60 s: after 120 s, then 240 s)
 * @param unknownKindPatience for how long, and at least 30 times, a job whose kind no node that took it knows is handed on
 *     before it is dead: a rolling upgrade is to be over by then (default 1 h)
 * @param queueType of the broker's queues: classic or quorum, which is for clusters (default classic)
 * @param maxConsumers up to how many consumers a node has on each queue while more than 100 jobs of its type wait
 *     (default 4)
 * @param retention how long finished jobs are kept; dead ones stay until they are replayed or discarded (default 30 days)
 */
@ConfigurationProperties("lectern.jobs")
@Validated
public record JobSettings(
        @DefaultValue @Valid Lanes lanes,
        @DefaultValue("30s") @NotNull Duration lease,
        @DefaultValue("1s") @NotNull Duration beat,
        @DefaultValue("500ms") @NotNull Duration idle,
        @DefaultValue("60s") @NotNull Duration resendAfter,
        @DefaultValue("5s") @NotNull Duration housekeeping,
        @DefaultValue("60s") @NotNull Duration patience,
        @DefaultValue("4") @Min(1) @Max(100) int overdueShare,
        @DefaultValue("10s") @NotNull Duration stopGrace,
        @DefaultValue("3") @Min(1) @Max(100) int attempts,
        @DefaultValue("60s") @NotNull Duration retryUnit,
        @DefaultValue("1h") @NotNull Duration unknownKindPatience,
        @DefaultValue("classic") JobTopology.QueueType queueType,
        @DefaultValue("4") @Min(1) @Max(64) int maxConsumers,
        @DefaultValue("30d") @NotNull Duration retention) {

    /** Rejects leases that would end between two beats. */
    public JobSettings {
        if (lease.compareTo(beat.multipliedBy(3)) < 0) {
            throw new IllegalArgumentException("lectern.jobs.lease must be at least three times lectern.jobs.beat");
        }
    }

    /** When a failed attempt is repeated. */
    Retries retries() {
        return new Retries(attempts, retryUnit);
    }

    /**
     * The lanes of a node.
     *
     * @param high what people wait for (default 10 workers, at most 20, prefetch 1, 30 s)
     * @param standard the usual (default 20 workers, at most 40, prefetch 5, 60 s)
     * @param batch what may take long (default 5 workers, at most 10, prefetch 20, 300 s)
     * @param transcode FFmpeg (default half of the cores, at least 1; prefetch 1, 2 h)
     */
    public record Lanes(
            @Nullable @Valid LaneLimits high,
            @Nullable @Valid LaneLimits standard,
            @Nullable @Valid LaneLimits batch,
            @Nullable @Valid LaneLimits transcode) {

        /** The limits of a lane, with defaults for what is not configured. */
        LaneLimits of(Lane lane) {
            return switch (lane) {
                case HIGH -> or(high, 10, 20, 1, Duration.ofSeconds(30));
                case STANDARD -> or(standard, 20, 40, 5, Duration.ofSeconds(60));
                case BATCH -> or(batch, 5, 10, 20, Duration.ofMinutes(5));
                case TRANSCODE -> {
                    int half = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
                    yield or(transcode, half, half, 1, Duration.ofHours(2));
                }
            };
        }

        private static LaneLimits or(
                @Nullable LaneLimits given, int workers, int maxWorkers, int prefetch, Duration timeLimit) {
            if (given == null) {
                return new LaneLimits(workers, maxWorkers, prefetch, timeLimit);
            }
            int least = given.workers() == null ? workers : given.workers();
            return new LaneLimits(
                    least,
                    Math.max(least, given.maxWorkers() == null ? maxWorkers : given.maxWorkers()),
                    given.prefetch() == null ? prefetch : given.prefetch(),
                    given.timeLimit() == null ? timeLimit : given.timeLimit());
        }
    }

    /**
     * The limits of a lane on one node; what is left out is the lane's default.
     *
     * @param workers jobs that run at a time
     * @param maxWorkers up to how many the lane grows while more than 100 jobs wait for it
     * @param prefetch messages that wait on the node beside those that run; a lane of very short jobs keeps more ready
     * @param timeLimit an attempt that takes longer is ended and counts as failed
     */
    public record LaneLimits(
            @Nullable @Min(1) @Max(1000) Integer workers,
            @Nullable @Min(1) @Max(1000) Integer maxWorkers,
            @Nullable @Min(0) @Max(1000) Integer prefetch,
            @Nullable Duration timeLimit) {}
}
