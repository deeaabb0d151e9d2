package org.lectern.video.work;

import java.io.IOException;
import java.time.Duration;
import java.util.UUID;
import org.lectern.db.Freshness;
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

/** Makes the larger renditions of a range of a long video; the last of all shares asks for the joining. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class RangeJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);

    private final Transcoder transcoder;
    private final Outputs outputs;
    private final Discarded discarded;
    private final Videos videos;
    private final Parts parts;
    private final VideoJobs orders;

    RangeJob(
            Transcoder transcoder, Outputs outputs, Discarded discarded, Videos videos, Parts parts, VideoJobs orders) {
        this.transcoder = transcoder;
        this.outputs = outputs;
        this.discarded = discarded;
        this.videos = videos;
        this.parts = parts;
        this.orders = orders;
    }

    @Override
    public String kind() {
        return VideoJobs.RANGE;
    }

    @Override
    public Effect run(JobRun run) throws IOException, InterruptedException {
        PartOrder order = orders.partOrder(run.job());
        UUID id = order.video();
        Video video = videos.find(run.job().context(), id, Freshness.PRIMARY).block(READ);
        if (video == null) {
            return Effect.NONE;
        }
        Outputs.Stored stored = outputs.make(
                run,
                video,
                (source, folder, percent) ->
                        transcoder.range(order.source(), order.part() - 1, source, folder, percent, run::stopped));
        Transcoder.Made made = stored.made();
        return transaction -> parts.done(transaction, id, order.part(), new Parts.Done(stored.output(), made.part()))
                .flatMap(open -> (open == 0 ? orders.join(transaction, id, order.source()) : Mono.<Void>empty())
                        .thenReturn(open))
                // Deleted meanwhile: what was stored must go again.
                .switchIfEmpty(Mono.defer(() -> discarded.by(transaction, video).thenReturn(0L)))
                .then();
    }
}
