package org.lectern.video.work;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.ObjectStorage;
import org.lectern.infra.storage.ObjectStorage.StoredObject;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Contents;
import org.lectern.video.library.Replicas;
import org.lectern.video.library.Video;
import org.lectern.video.library.Videos;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoJobs.ReplicaOrder;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Brings what is played of a video to another region: one job for each region, so that a region that is away holds up no other one.
 * Every object is read back and compared by its SHA-256; what is there already is left, so a second attempt goes on where the first
 * one ended, and what takes longer than a lane permits is done by several jobs, one after the other.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class ReplicateJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final Duration LIST = Duration.ofSeconds(30);
    private static final Duration COPY = Duration.ofMinutes(2);
    private static final int COPIES = 4;

    private final Videos videos;
    private final Contents contents;
    private final Replicas replicas;
    private final VideoJobs orders;
    private final RegionalStorage storage;
    private final VideoFiles files;
    private final Clock clock;

    ReplicateJob(
            Videos videos,
            Contents contents,
            Replicas replicas,
            VideoJobs orders,
            RegionalStorage storage,
            VideoFiles files,
            Clock clock) {
        this.videos = videos;
        this.contents = contents;
        this.replicas = replicas;
        this.orders = orders;
        this.storage = storage;
        this.files = files;
        this.clock = clock;
    }

    @Override
    public String kind() {
        return VideoJobs.REPLICATE;
    }

    @Override
    public Effect run(JobRun run) throws IOException, InterruptedException {
        ContextId context = run.job().context();
        ReplicaOrder order = orders.replicaOrder(run.job());
        UUID id = order.video();
        Video video = videos.find(context, id, Freshness.PRIMARY).block(READ);
        UUID content = video == null ? null : video.content();
        if (content == null || !storage.replicas().contains(order.region())) {
            return Effect.NONE;
        }
        ObjectStorage home = storage.in(storage.home());
        ObjectStorage target = storage.in(order.region());
        String prefix = VideoFiles.prefix(context, content);
        Set<StoredObject> there = new HashSet<>(objects(target, prefix));
        // What a crash left of an output that nobody names is not worth a copy, and nobody plays the source.
        Set<UUID> named = contents.named(context, content)
                .blockOptional(READ)
                .orElseThrow()
                .outputs();
        List<StoredObject> wanted = objects(home, prefix).stream()
                .filter(object -> named.stream().anyMatch(output -> object.key().startsWith(prefix + output + "/")))
                .toList();
        List<StoredObject> missing =
                wanted.stream().filter(object -> !there.contains(object)).toList();
        Instant end = clock.instant().plus(Slices.TIME);
        int done = wanted.size() - missing.size();
        try (WorkFolder folder = new WorkFolder(files.newWorkFolder(id))) {
            Flux<StoredObject> copied = Flux.fromIterable(missing)
                    .takeWhile(object -> !run.stopped() && clock.instant().isBefore(end))
                    .flatMap(
                            object -> copy(home, target, object.key(), folder.path())
                                    .timeout(COPY)
                                    .thenReturn(object),
                            COPIES);
            for (StoredObject unused : copied.toIterable(COPIES)) {
                done++;
                run.progress(
                        done * 100 / wanted.size(),
                        "copying to " + order.region().key());
            }
        }
        if (run.stopped()) {
            throw new InterruptedException("stopped while copying");
        }
        // Another job goes on where this one ends.
        return done < wanted.size()
                ? transaction -> orders.replicate(transaction, order)
                : transaction -> replicas.available(transaction, id, order.region(), order.output());
    }

    private static List<StoredObject> objects(ObjectStorage region, String prefix) {
        return region.list(prefix).collectList().blockOptional(LIST).orElseThrow();
    }

    private static Mono<Void> copy(ObjectStorage home, ObjectStorage target, String key, Path folder) {
        Path file = folder.resolve(
                UUID.nameUUIDFromBytes(key.getBytes(StandardCharsets.UTF_8)).toString());
        return home.fetch(key, file)
                .then(target.put(key, file))
                .then(Mono.defer(() -> Mono.zip(blocking(() -> Sha256.of(file)), Sha256.of(target.get(key, 0, null)))))
                .flatMap(both -> Arrays.equals(both.getT1(), both.getT2())
                        ? Mono.empty()
                        : Mono.error(new IOException("a copy differs from its original")))
                .then(blocking(() -> Files.deleteIfExists(file)))
                .then();
    }

    private static <T> Mono<T> blocking(Callable<T> work) {
        return Mono.fromCallable(work).subscribeOn(Schedulers.boundedElastic());
    }
}
