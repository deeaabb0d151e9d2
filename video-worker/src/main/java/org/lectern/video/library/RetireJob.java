package org.lectern.video.library;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoSettings;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Deletes a video that has been kept for its time, unless videos are kept for longer or for good by now. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class RetireJob implements JobHandler {

    private static final Duration WRITE = Duration.ofSeconds(30);

    private final Deletion deletion;
    private final VideoJobs orders;
    private final VideoSettings settings;
    private final Clock clock;

    RetireJob(Deletion deletion, VideoJobs orders, VideoSettings settings, Clock clock) {
        this.deletion = deletion;
        this.orders = orders;
        this.settings = settings;
        this.clock = clock;
    }

    @Override
    public String kind() {
        return VideoJobs.RETIRE;
    }

    @Override
    public Effect run(JobRun run) {
        Duration retention = settings.retention();
        if (retention == null) {
            return Effect.NONE;
        }
        VideoJobs.RetireOrder order = orders.retireOrder(run.job());
        Instant since = Objects.requireNonNullElse(order.since(), run.job().createdAt());
        Instant end = since.plus(retention);
        if (clock.instant().isBefore(end)) {
            // The time was shorter when it became ready.
            return transaction -> orders.retire(transaction, order.video(), since, end);
        }
        deletion.delete(run.job().context(), order.video())
                .onErrorResume(
                        ProblemException.class,
                        gone -> gone.type() == ProblemType.NOT_FOUND ? Mono.empty() : Mono.error(gone))
                .contextCapture()
                .block(WRITE);
        return Effect.NONE;
    }
}
