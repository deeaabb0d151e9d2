package org.lectern.video.work;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
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
import org.lectern.video.library.Replicas;
import org.lectern.video.library.Videos;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoJobs.ReplicaOrder;
import org.springframework.stereotype.Component;

/**
 * Brings what is played of a video to another region: one job for each region, so that a region that is away holds up no other one.
 * Every object is read back and compared by its SHA-256; what is there already is left, so a second attempt goes on where the first
 * one ended.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class ReplicateJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final Duration COPY = Duration.ofMinutes(2);

    private final Videos videos;
    private final Replicas replicas;
    private final VideoJobs orders;
    private final RegionalStorage storage;
    private final VideoFiles files;

    ReplicateJob(Videos videos, Replicas replicas, VideoJobs orders, RegionalStorage storage, VideoFiles files) {
        this.videos = videos;
        this.replicas = replicas;
        this.orders = orders;
        this.storage = storage;
        this.files = files;
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
        if (!storage.replicas().contains(order.region())
                || videos.find(context, id, Freshness.PRIMARY).block(READ) == null) {
            return Effect.NONE;
        }
        ObjectStorage home = storage.in(storage.home());
        ObjectStorage target = storage.in(order.region());
        String source = VideoFiles.source(context, id);
        List<StoredObject> objects = home.list(VideoFiles.prefix(context, id))
                // Nobody plays it.
                .filter(object -> !object.key().equals(source))
                .collectList()
                .blockOptional(COPY)
                .orElseThrow();
        int done = 0;
        for (StoredObject object : objects) {
            if (run.stopped()) {
                throw new InterruptedException("stopped while copying");
            }
            StoredObject there = target.head(object.key()).block(COPY);
            if (!object.equals(there)) {
                copy(home, target, object.key(), id);
            }
            run.progress(
                    ++done * 100 / objects.size(),
                    "copying to " + order.region().key());
        }
        return transaction -> replicas.available(transaction, id, order.region(), order.output());
    }

    private void copy(ObjectStorage home, ObjectStorage target, String key, UUID video) throws IOException {
        try (WorkFolder folder = new WorkFolder(files.newWorkFolder(video))) {
            Path original = folder.path().resolve("original");
            home.fetch(key, original).block(COPY);
            target.put(key, original).block(COPY);
            Path copy = folder.path().resolve("copy");
            target.fetch(key, copy).block(COPY);
            if (!Arrays.equals(digest(original), digest(copy))) {
                throw new IOException("a copy differs from its original");
            }
        }
    }

    private static byte[] digest(Path file) throws IOException {
        try (InputStream content = Files.newInputStream(file);
                DigestInputStream digested = new DigestInputStream(content, MessageDigest.getInstance("SHA-256"))) {
            digested.transferTo(OutputStream.nullOutputStream());
            return digested.getMessageDigest().digest();
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }
}
