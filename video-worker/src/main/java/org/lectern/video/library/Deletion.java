package org.lectern.video.library;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.telemetry.TraceScope;
import org.lectern.video.VideoFiles;
import org.lectern.video.orders.VideoJobs;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Removes a video, finished or not. The row and the request to remove its bytes are one transaction, so that no crash
 * leaves bytes that nobody knows of; the bytes go soon after.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public final class Deletion {

    private static final Logger LOG = LoggerFactory.getLogger(Deletion.class);

    private final Shards shards;
    private final Videos videos;
    private final VideoJobs orders;
    private final Jobs jobs;
    private final Parts parts;
    private final Contents contents;
    private final VideoFiles files;

    Deletion(
            Shards shards,
            Videos videos,
            VideoJobs orders,
            Jobs jobs,
            Parts parts,
            Contents contents,
            VideoFiles files) {
        this.shards = shards;
        this.videos = videos;
        this.orders = orders;
        this.jobs = jobs;
        this.parts = parts;
        this.contents = contents;
        this.files = files;
    }

    /** Deletes; errors with {@link ProblemType#NOT_FOUND} when there is no such video in the course. */
    public Mono<Void> delete(ContextId context, UUID id) {
        return shards.write(
                        context,
                        transaction -> parts.openJobs(transaction, id)
                                .collectList()
                                .flatMap(open -> videos.delete(transaction, id).map(video -> working(video, open)))
                                .flatMap(gone ->
                                        release(transaction, gone.video()).thenReturn(gone)))
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no such video in this course")))
                .flatMap(gone -> Flux.fromIterable(gone.jobs())
                        .concatMap(job -> cancel(gone.video(), job))
                        .then(removeUpload(gone.video())));
    }

    /** The bytes go with the last video that has them. */
    private Mono<Void> release(ShardTransaction transaction, Video video) {
        UUID content = video.content();
        return content == null
                ? orders.purge(transaction, video.id(), mayBeStoredByOlderNodes(video) ? video.id() : null)
                : contents.release(transaction, content)
                        .flatMap(last -> last
                                ? orders.purge(transaction, video.id(), content)
                                : orders.purge(transaction, video.id(), null).then(orders.tidy(transaction, content)));
    }

    /** Nodes of before contents were counted store under the video's id while it is queued, before the row says so. */
    private static boolean mayBeStoredByOlderNodes(Video video) {
        return switch (video.state()) {
            case UPLOADING, REJECTED -> false;
            case QUEUED, PROCESSING, READY, FAILED -> true;
        };
    }

    /** A deleted video and the jobs that worked on it. */
    private record Gone(Video video, List<UUID> jobs) {}

    private static Gone working(Video video, List<UUID> shares) {
        List<UUID> jobs = new ArrayList<>(shares);
        UUID own = video.jobId();
        if (own != null && !video.state().settled()) {
            jobs.add(own);
        }
        return new Gone(video, jobs);
    }

    /** Best effort: a job that goes on finds no video, and its output is purged. */
    private Mono<Void> cancel(Video video, UUID job) {
        return jobs.cancel(video.context(), job)
                .onErrorResume(failed -> Mono.deferContextual(context -> {
                    TraceScope.run(
                            context, () -> LOG.warn("Job {} of a deleted video could not be cancelled", job, failed));
                    return Mono.empty();
                }))
                .then();
    }

    private Mono<Void> removeUpload(Video video) {
        return Mono.<Void>deferContextual(context -> {
                    try {
                        files.removeUpload(video.context(), video.id());
                    } catch (IOException failed) {
                        TraceScope.run(
                                context,
                                () -> LOG.warn("The file of a deleted upload is left to the clean-up", failed));
                    }
                    return Mono.empty();
                })
                .subscribeOn(Schedulers.boundedElastic());
    }
}
