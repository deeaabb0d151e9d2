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
import org.lectern.video.library.Contents;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;

/** Removes the file of an upload that nobody waits for, and in all regions the objects of a content that no video has. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class PurgeJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final int REGIONS_AT_ONCE = 8;
    private static final Duration REMOVE = Duration.ofMinutes(1);

    private final Videos videos;
    private final Contents contents;
    private final VideoJobs orders;
    private final RegionalStorage storage;
    private final VideoFiles files;

    PurgeJob(Videos videos, Contents contents, VideoJobs orders, RegionalStorage storage, VideoFiles files) {
        this.videos = videos;
        this.contents = contents;
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
        VideoJobs.PurgeOrder order = orders.purgeOrder(run.job());
        UUID id = order.video();
        UUID content = order.content();
        Video video = videos.find(context, id, Freshness.PRIMARY).block(READ);
        if (video == null || video.state() == VideoState.REJECTED) {
            files.removeUpload(context, id);
        }
        if (content != null
                && !contents.used(context, content).blockOptional(READ).orElse(true)) {
            storage.all()
                    .flatMapDelayError(
                            region -> region.deleteAll(VideoFiles.prefix(context, content)), REGIONS_AT_ONCE, 1)
                    .blockLast(REMOVE);
        }
        return Effect.NONE;
    }
}
