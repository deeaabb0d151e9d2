package org.lectern.video.work;

import java.io.IOException;
import java.time.Duration;
import java.util.UUID;
import org.lectern.db.Freshness;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.library.Parts;
import org.lectern.video.library.Video;
import org.lectern.video.library.Videos;
import org.lectern.video.media.Transcoder;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoJobs.PartOrder;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Makes the smallest rendition, the sound and the pictures of a long video: it can be played from then on. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class FirstJob implements JobHandler {

    private static final Duration WRITE = Duration.ofSeconds(10);

    private final Transcoder transcoder;
    private final Outputs outputs;
    private final Discarded discarded;
    private final Videos videos;
    private final Parts parts;
    private final VideoJobs orders;
    private final Published published;
    private final Shards shards;

    FirstJob(
            Transcoder transcoder,
            Outputs outputs,
            Discarded discarded,
            Videos videos,
            Parts parts,
            VideoJobs orders,
            Published published,
            Shards shards) {
        this.transcoder = transcoder;
        this.outputs = outputs;
        this.discarded = discarded;
        this.videos = videos;
        this.parts = parts;
        this.orders = orders;
        this.published = published;
        this.shards = shards;
    }

    @Override
    public String kind() {
        return VideoJobs.FIRST;
    }

    @Override
    public Effect run(JobRun run) throws IOException, InterruptedException {
        PartOrder order = orders.partOrder(run.job());
        UUID id = order.video();
        Boolean begun = shards.write(run.job().context(), transaction -> videos.process(transaction, id))
                .block(WRITE);
        if (!Boolean.TRUE.equals(begun)) {
            return Effect.NONE;
        }
        Video video = videos.find(run.job().context(), id, Freshness.PRIMARY).block(WRITE);
        if (video == null) {
            return Effect.NONE;
        }
        Outputs.Stored stored = outputs.make(
                run,
                video,
                (source, folder, percent) -> transcoder.first(order.source(), source, folder, percent, run::stopped));
        Transcoder.Made made = stored.made();
        return transaction -> parts.done(transaction, id, order.part(), new Parts.Done(stored.output(), made.part()))
                .flatMap(open -> videos.ready(
                                transaction,
                                id,
                                stored.output(),
                                made.renditions(),
                                made.files().contains(Transcoder.POSTER),
                                made.part().bytes())
                        .then(published.begin(transaction, id, stored.output()))
                        .then(open == 0 ? orders.join(transaction, id, order.source()) : Mono.empty())
                        .thenReturn(open))
                // Deleted meanwhile: what was stored must go again.
                .switchIfEmpty(Mono.defer(() -> discarded.by(transaction, video).thenReturn(0L)))
                .then();
    }
}
