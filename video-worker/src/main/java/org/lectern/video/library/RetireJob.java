package org.lectern.video.library;

import java.time.Duration;
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

/** Deletes a video that has been kept for its time, unless videos are kept for good by now. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class RetireJob implements JobHandler {

    private static final Duration WRITE = Duration.ofSeconds(30);

    private final Deletion deletion;
    private final VideoJobs orders;
    private final VideoSettings settings;

    RetireJob(Deletion deletion, VideoJobs orders, VideoSettings settings) {
        this.deletion = deletion;
        this.orders = orders;
        this.settings = settings;
    }

    @Override
    public String kind() {
        return VideoJobs.RETIRE;
    }

    @Override
    public Effect run(JobRun run) {
        if (settings.retention() != null) {
            deletion.delete(run.job().context(), orders.video(run.job()))
                    .onErrorResume(
                            ProblemException.class,
                            gone -> gone.type() == ProblemType.NOT_FOUND ? Mono.empty() : Mono.error(gone))
                    .block(WRITE);
        }
        return Effect.NONE;
    }
}
