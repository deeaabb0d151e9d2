package org.lectern.video.work;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.media.Probed;
import org.lectern.video.media.Prober;
import org.lectern.video.media.SourceInfo;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoScore;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Looks whether an upload is a video; asks for it to be stored, or says why not. What is refused never reaches the storage. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class ProbeJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);

    private final Prober prober;
    private final Videos videos;
    private final VideoJobs orders;
    private final VideoFiles files;

    ProbeJob(Prober prober, Videos videos, VideoJobs orders, VideoFiles files) {
        this.prober = prober;
        this.videos = videos;
        this.orders = orders;
        this.files = files;
    }

    @Override
    public String kind() {
        return VideoJobs.PROBE;
    }

    @Override
    public Effect run(JobRun run) throws IOException, InterruptedException {
        ContextId context = run.job().context();
        UUID id = orders.video(run.job());
        Video video = videos.find(context, id, Freshness.PRIMARY).block(READ);
        if (video == null || !video.state().mayBecome(VideoState.QUEUED)) {
            // Deleted, or done by an earlier attempt.
            return Effect.NONE;
        }
        run.progress(0, "probing");
        Probed probed;
        try (WorkFolder folder = new WorkFolder(files.newWorkFolder(id))) {
            Path source = folder.path().resolve("source");
            files.fetchUpload(context, id, source);
            probed = prober.probe(source, folder.path(), run::stopped);
        } catch (NoSuchFileException gone) {
            if (videos.find(context, id, Freshness.PRIMARY).block(READ) == null) {
                return Effect.NONE;
            }
            throw gone;
        }
        run.progress(100, "probing");
        return switch (probed) {
            case Probed.Accepted accepted -> accept(video, accepted.source());
            case Probed.Refused refused ->
                transaction -> videos.end(
                                transaction,
                                id,
                                VideoState.REJECTED,
                                new Video.Fault(
                                        refused.reason().key(), refused.reason().detail()))
                        // Nobody will ever need the file again.
                        .flatMap(moved -> moved ? orders.purge(transaction, id, null) : Mono.empty());
        };
    }

    private Effect accept(Video video, SourceInfo source) {
        int score = VideoScore.of(source.durationMillis(), video.byInstructor(), video.live());
        UUID next = orders.newId();
        return transaction -> videos.queue(transaction, video.id(), next)
                .flatMap(moved -> moved
                        ? videos.probed(
                                        transaction,
                                        video.id(),
                                        source.durationMillis(),
                                        source.width(),
                                        source.height())
                                .then(orders.store(transaction, next, video.id(), source, score))
                        : Mono.empty());
    }
}
