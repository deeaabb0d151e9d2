package org.lectern.video.work;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.ObjectMissingException;
import org.lectern.infra.storage.ObjectStorage;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Parts;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.media.Probed;
import org.lectern.video.media.Prober;
import org.lectern.video.media.SourceInfo;
import org.lectern.video.media.Transcoder;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoScore;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Looks whether an upload is a video; asks for its transcoding, or says why not. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class ProbeJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final Duration FETCH = Duration.ofMinutes(10);

    private final Prober prober;
    private final Transcoder transcoder;
    private final Parts parts;
    private final Videos videos;
    private final VideoJobs orders;
    private final ObjectStorage storage;
    private final VideoFiles files;

    ProbeJob(
            Prober prober,
            Transcoder transcoder,
            Parts parts,
            Videos videos,
            VideoJobs orders,
            ObjectStorage storage,
            VideoFiles files) {
        this.prober = prober;
        this.transcoder = transcoder;
        this.parts = parts;
        this.videos = videos;
        this.orders = orders;
        this.storage = storage;
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
            storage.fetch(VideoFiles.source(context, id), source).block(FETCH);
            probed = prober.probe(source, folder.path(), run::stopped);
        } catch (ObjectMissingException gone) {
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
                        .flatMap(moved -> moved ? orders.purge(transaction, id) : Mono.empty());
        };
    }

    /** One job, or one for what can be played first and one for each range. */
    private Mono<Void> order(ShardTransaction transaction, UUID first, UUID video, SourceInfo source, int score) {
        int ranges = transcoder.ranges(source);
        if (ranges == 0) {
            return orders.transcode(transaction, first, video, source, score);
        }
        List<UUID> jobs = new ArrayList<>(List.of(first));
        for (int range = 0; range < ranges; range++) {
            jobs.add(orders.newId());
        }
        return parts.plan(transaction, video, jobs)
                .thenMany(Flux.range(0, jobs.size()))
                .concatMap(part -> orders.part(transaction, jobs.get(part), video, source, part, score))
                .then();
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
                                .then(order(transaction, next, video.id(), source, score))
                        : Mono.empty());
    }
}
