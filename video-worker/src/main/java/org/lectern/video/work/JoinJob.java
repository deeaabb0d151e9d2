package org.lectern.video.work;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.library.Parts;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.media.Part;
import org.lectern.video.media.Transcoder;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoJobs.TranscodeOrder;
import org.springframework.stereotype.Component;

/** Writes the playlists of a long video whose shares are all made; players see all renditions from then on. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class JoinJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final List<String> PICTURES = List.of(Transcoder.POSTER, Transcoder.SPRITE, Transcoder.THUMBNAILS);

    private final Transcoder transcoder;
    private final Outputs outputs;
    private final Discarded discarded;
    private final Videos videos;
    private final Parts parts;
    private final VideoJobs orders;
    private final Published published;

    JoinJob(
            Transcoder transcoder,
            Outputs outputs,
            Discarded discarded,
            Videos videos,
            Parts parts,
            VideoJobs orders,
            Published published) {
        this.transcoder = transcoder;
        this.outputs = outputs;
        this.discarded = discarded;
        this.videos = videos;
        this.parts = parts;
        this.orders = orders;
        this.published = published;
    }

    @Override
    public String kind() {
        return VideoJobs.JOIN;
    }

    @Override
    public Effect run(JobRun run) throws IOException, InterruptedException {
        ContextId context = run.job().context();
        TranscodeOrder order = orders.order(run.job());
        UUID id = order.video();
        Video video = videos.find(context, id, Freshness.PRIMARY).block(READ);
        List<Parts.Done> done = parts.all(context, id).collectList().block(READ);
        if (video == null || video.state() != VideoState.READY || done == null || done.isEmpty()) {
            return Effect.NONE;
        }
        Parts.Done first = done.getFirst();
        List<Parts.Done> ranges = done.subList(1, done.size());
        Outputs.Stored stored;
        try (WorkFolder work = outputs.folder(video)) {
            Path folder = work.path();
            for (String picture : PICTURES) {
                outputs.fetch(video, first.output(), picture, folder);
            }
            Transcoder.Made made = transcoder.join(
                    order.source(),
                    first.part(),
                    first.output().toString(),
                    ranges.stream().map(Parts.Done::part).toList(),
                    ranges.stream().map(range -> range.output().toString()).toList(),
                    folder);
            stored = outputs.store(run, video, made, folder);
        }
        List<Part> all = new ArrayList<>(done.stream().map(Parts.Done::part).toList());
        all.add(stored.made().part());
        long bytes = all.stream().mapToLong(Part::bytes).sum();
        return transaction -> videos.improve(
                        transaction, id, stored.output(), stored.made().renditions(), bytes)
                .flatMap(moved ->
                        moved ? published.improve(transaction, id, stored.output()) : discarded.by(transaction, video))
                // Several attempts at several shares: one of them may have left something.
                .then(discarded.tidy(transaction, video));
    }
}
