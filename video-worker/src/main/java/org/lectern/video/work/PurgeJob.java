package org.lectern.video.work;

import java.io.IOException;
import java.time.Duration;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Removes the bytes, in all regions, of a video whose row is gone, or that was not accepted; any other video keeps its bytes. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class PurgeJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final int REGIONS_AT_ONCE = 8;
    private static final Duration REMOVE = Duration.ofMinutes(1);

    private final Videos videos;
    private final VideoJobs orders;
    private final RegionalStorage storage;
    private final VideoFiles files;

    PurgeJob(Videos videos, VideoJobs orders, RegionalStorage storage, VideoFiles files) {
        this.videos = videos;
        this.orders = orders;
        this.storage = storage;
        this.files = files;
    }

    @Override
    public String kind() {
        return VideoJobs.PURGE;
    }

    @Override
    public Effect run(JobRun run) throws IOException {
        ContextId context = run.job().context();
        UUID id = orders.video(run.job());
        Video video = videos.find(context, id, Freshness.PRIMARY).block(READ);
        if (video == null || video.state() == VideoState.REJECTED) {
            Flux.concat(Mono.just(storage.home()), Flux.fromIterable(storage.replicas()))
                    .flatMapDelayError(
                            region -> storage.in(region).deleteAll(VideoFiles.prefix(context, id)), REGIONS_AT_ONCE, 1)
                    .blockLast(REMOVE);
            files.removeUpload(context, id);
        }
        return Effect.NONE;
    }
}
