package org.lectern.video.work;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.library.Video;
import org.lectern.video.library.Videos;
import org.lectern.video.media.Transcoder;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoJobs.TranscodeOrder;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Makes a video playable. The video's row names one output, once its effect commits. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class TranscodeJob implements JobHandler {

    private static final Duration WRITE = Duration.ofSeconds(10);

    private final Transcoder transcoder;
    private final Outputs outputs;
    private final Discarded discarded;
    private final Videos videos;
    private final VideoJobs orders;
    private final Published published;
    private final Shards shards;
    private final Clock clock;
    private final Timer duration;

    TranscodeJob(
            Transcoder transcoder,
            Outputs outputs,
            Discarded discarded,
            Videos videos,
            VideoJobs orders,
            Published published,
            Shards shards,
            Clock clock,
            MeterRegistry meters) {
        this.transcoder = transcoder;
        this.outputs = outputs;
        this.discarded = discarded;
        this.videos = videos;
        this.orders = orders;
        this.published = published;
        this.shards = shards;
        this.clock = clock;
        this.duration = Timer.builder("lectern.video.transcode")
                .description("Time to make a video playable, from fetch to stored")
                .register(meters);
    }

    @Override
    public String kind() {
        return VideoJobs.TRANSCODE;
    }

    @Override
    public Effect run(JobRun run) throws IOException, InterruptedException {
        ContextId context = run.job().context();
        TranscodeOrder order = orders.order(run.job());
        UUID id = order.video();
        Boolean begun = shards.write(context, transaction -> videos.process(transaction, id))
                .block(WRITE);
        if (!Boolean.TRUE.equals(begun)) {
            // Deleted, or done by an earlier attempt.
            return Effect.NONE;
        }
        Video video = videos.find(context, id, Freshness.PRIMARY).block(WRITE);
        if (video == null) {
            return Effect.NONE;
        }
        Instant start = clock.instant();
        Outputs.Stored stored = outputs.make(
                run,
                video,
                (source, folder, percent) ->
                        transcoder.transcode(order.source(), source, folder, percent, run::stopped));
        duration.record(Duration.between(start, clock.instant()));
        Transcoder.Made made = stored.made();
        boolean again = run.job().attempt() > 1;
        boolean poster = made.files().contains(Transcoder.POSTER);
        return transaction -> videos.ready(
                        transaction,
                        id,
                        stored.output(),
                        made.renditions(),
                        poster,
                        made.part().bytes())
                // Deleted meanwhile: what was stored must go again.
                .flatMap(moved ->
                        moved ? published.begin(transaction, id, stored.output()) : discarded.by(transaction, video))
                .then(again ? discarded.tidy(transaction, video) : Mono.empty());
    }
}
