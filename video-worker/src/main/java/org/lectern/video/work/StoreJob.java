package org.lectern.video.work;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.ObjectStorage;
import org.lectern.infra.storage.ObjectStorage.StoredObject;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Contents;
import org.lectern.video.library.Parts;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.media.SourceInfo;
import org.lectern.video.media.Transcoder;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoJobs.TranscodeOrder;
import org.lectern.video.orders.VideoScore;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Brings an accepted file to the storage under its content, which other videos of the course may have already: then the bytes are there,
 * and what was made of them is this video's, too. Else asks for the transcoding.
 *
 * <p>A store far away may need longer than a lane permits: what is sent in a few minutes stays, and another job goes on from there.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class StoreJob implements JobHandler {

    private static final Duration DATABASE = Duration.ofSeconds(10);
    private static final Duration ANSWER = Duration.ofSeconds(30);

    private final Transcoder transcoder;
    private final Videos videos;
    private final Contents contents;
    private final Parts parts;
    private final VideoJobs orders;
    private final Published published;
    private final ObjectStorage storage;
    private final VideoFiles files;
    private final Shards shards;

    StoreJob(
            Transcoder transcoder,
            Videos videos,
            Contents contents,
            Parts parts,
            VideoJobs orders,
            Published published,
            ObjectStorage storage,
            VideoFiles files,
            Shards shards) {
        this.transcoder = transcoder;
        this.videos = videos;
        this.contents = contents;
        this.parts = parts;
        this.orders = orders;
        this.published = published;
        this.storage = storage;
        this.files = files;
        this.shards = shards;
    }

    @Override
    public String kind() {
        return VideoJobs.STORE;
    }

    @Override
    public Effect run(JobRun run) throws IOException {
        ContextId context = run.job().context();
        TranscodeOrder order = orders.order(run.job());
        UUID id = order.video();
        Video video = videos.find(context, id, Freshness.PRIMARY).block(DATABASE);
        if (video == null || !video.state().mayBecome(VideoState.QUEUED)) {
            // Deleted, or done by an earlier attempt.
            return Effect.NONE;
        }
        run.progress(0, "storing");
        Path file = files.upload(context, id);
        Optional<UUID> shared = Optional.ofNullable(video.content());
        if (shared.isEmpty()) {
            byte[] sha256 = Sha256.of(file);
            shared = shards.write(context, transaction -> contents.share(transaction, id, sha256, video.sizeBytes()))
                    .blockOptional(DATABASE);
        }
        if (shared.isEmpty()) {
            return Effect.NONE;
        }
        UUID content = shared.get();
        if (!stored(VideoFiles.source(context, content), file, video.sizeBytes())) {
            UUID next = orders.newId();
            return transaction -> videos.queue(transaction, id, next)
                    .flatMap(moved -> moved
                            ? orders.store(
                                    transaction,
                                    next,
                                    id,
                                    order.source(),
                                    run.job().score())
                            : Mono.empty());
        }
        // Whoever comes here again finds it in the storage.
        files.removeUpload(context, id);
        run.progress(100, "storing");
        return transaction -> contents.adopt(transaction, id, content)
                .flatMap(output -> published.begin(transaction, id, output).thenReturn(true))
                .switchIfEmpty(Mono.defer(
                        () -> transcode(transaction, video, order.source()).thenReturn(false)))
                .then();
    }

    /** Whether all of it is there now. */
    private boolean stored(String key, Path file, long bytes) throws IOException {
        StoredObject there = storage.head(key).block(ANSWER);
        if (there != null && there.sizeBytes() == bytes) {
            return true;
        }
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.getFileName() + " is neither uploaded nor stored");
        }
        if (Files.size(file) != bytes) {
            throw new IOException("the upload has " + Files.size(file) + " bytes, not " + bytes);
        }
        return storage.put(key, file, Slices.TIME).blockOptional(Slices.LIMIT).orElse(false);
    }

    /** One job, or one for what can be played first and one for each range. */
    private Mono<Void> transcode(ShardTransaction transaction, Video video, SourceInfo source) {
        int score = VideoScore.of(source.durationMillis(), video.byInstructor(), video.live());
        UUID first = orders.newId();
        int ranges = transcoder.ranges(source);
        return videos.queue(transaction, video.id(), first)
                .filter(moved -> moved)
                .flatMap(moved -> {
                    if (ranges == 0) {
                        return orders.transcode(transaction, first, video.id(), source, score);
                    }
                    List<UUID> jobs = new ArrayList<>(List.of(first));
                    for (int range = 0; range < ranges; range++) {
                        jobs.add(orders.newId());
                    }
                    return parts.plan(transaction, video.id(), jobs)
                            .thenMany(Flux.range(0, jobs.size()))
                            .concatMap(
                                    part -> orders.part(transaction, jobs.get(part), video.id(), source, part, score))
                            .then();
                });
    }
}
