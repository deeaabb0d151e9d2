package org.lectern.video.work;

import java.util.Set;
import java.util.UUID;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobHandler.Effect;
import org.lectern.infra.jobs.JobOwner;
import org.lectern.infra.jobs.JobState;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;

/** Lets a video's state follow the jobs that make it: it fails with them, and is queued again with them. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class VideoJobOwner implements JobOwner {

    private final Videos videos;
    private final VideoJobs orders;

    VideoJobOwner(Videos videos, VideoJobs orders) {
        this.videos = videos;
        this.orders = orders;
    }

    @Override
    public Set<String> kinds() {
        return Set.of(VideoJobs.PROBE, VideoJobs.STORE, VideoJobs.TRANSCODE, VideoJobs.FIRST);
    }

    @Override
    public Effect ended(Job job, String cause) {
        Video.Fault dead = switch (job.kind()) {
            case VideoJobs.PROBE -> Faults.PROBE;
            case VideoJobs.STORE -> Faults.STORE;
            default -> Faults.TRANSCODE;
        };
        Video.Fault fault = job.state() == JobState.CANCELLED ? Faults.CANCELLED : dead;
        return transaction ->
                videos.end(transaction, video(job), VideoState.FAILED, fault).then();
    }

    @Override
    public Effect replayed(Job job) {
        return transaction -> videos.queue(transaction, video(job), job.id()).then();
    }

    private UUID video(Job job) {
        return switch (job.kind()) {
            case VideoJobs.PROBE -> orders.video(job);
            case VideoJobs.FIRST -> orders.partOrder(job).video();
            default -> orders.order(job).video();
        };
    }
}
