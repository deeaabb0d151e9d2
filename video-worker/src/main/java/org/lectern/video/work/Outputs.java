package org.lectern.video.work;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.UUID;
import java.util.function.IntConsumer;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.ObjectStorage;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Video;
import org.lectern.video.media.Transcoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;

/**
 * Brings a source to a working folder, and what is made of it to the storage. Each attempt stores its output under an id of its own:
 * two workers that work on the same by mistake never mix their segments, and what was once served under an address stays the same.
 * Blocks.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class Outputs {

    private static final Logger LOG = LoggerFactory.getLogger(Outputs.class);
    private static final Duration DISCARD = Duration.ofSeconds(30);
    private static final Duration FETCH = Duration.ofMinutes(30);
    private static final Duration STORE = Duration.ofMinutes(30);
    private static final int STORES = 8;

    /** FFmpeg's share of the progress bar; the rest is storing. */
    private static final int ENCODED_PERCENT = 95;

    private final ObjectStorage storage;
    private final VideoFiles files;
    private final IdGenerator ids;

    Outputs(ObjectStorage storage, VideoFiles files, IdGenerator ids) {
        this.storage = storage;
        this.files = files;
        this.ids = ids;
    }

    /** What was stored. */
    record Stored(UUID output, Transcoder.Made made) {}

    /** Makes files of a source. */
    @FunctionalInterface
    interface Making {
        /** Makes them in the folder. */
        Transcoder.Made make(Path source, Path folder, IntConsumer percent) throws IOException, InterruptedException;
    }

    Stored make(JobRun run, Video video, Making making) throws IOException, InterruptedException {
        run.progress(0, "fetching");
        try (WorkFolder folder = folder(video)) {
            Path source = folder.path().resolve("source");
            storage.fetch(VideoFiles.source(video.context(), content(video)), source)
                    .block(FETCH);
            Path target = Files.createDirectory(folder.path().resolve("out"));
            Transcoder.Made made = making.make(
                    source, target, percent -> run.progress(percent * ENCODED_PERCENT / 100, "transcoding"));
            run.progress(ENCODED_PERCENT, "storing");
            return store(run, video, made, target);
        }
    }

    /** Stores what was made in a folder; what is stored of an attempt that fails is removed again. */
    Stored store(JobRun run, Video video, Transcoder.Made made, Path folder) throws InterruptedException {
        UUID output = ids.generateId();
        String prefix = VideoFiles.output(video.context(), content(video), output);
        boolean stored = false;
        try {
            Flux.fromIterable(made.files())
                    .flatMap(file -> storage.put(prefix + file, folder.resolve(file)), STORES)
                    .then()
                    .block(STORE);
            if (run.stopped()) {
                throw new InterruptedException("stopped while storing");
            }
            stored = true;
        } finally {
            if (!stored) {
                discard(prefix);
            }
        }
        run.progress(100, "done");
        return new Stored(output, made);
    }

    /** Best effort; what stays is found by {@link TidyJob}. */
    private void discard(String prefix) {
        // An interrupt must not keep it.
        boolean interrupted = Thread.interrupted();
        try {
            storage.deleteAll(prefix).block(DISCARD);
        } catch (RuntimeException failed) {
            LOG.warn("The output of a failed attempt stays for now: {}", prefix, failed);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static UUID content(Video video) {
        return Objects.requireNonNull(video.content(), "a video that is worked on is stored");
    }

    /** Brings a file of an output that is there already to a folder. */
    void fetch(Video video, UUID output, String file, Path folder) {
        storage.fetch(VideoFiles.output(video.context(), content(video), output) + file, folder.resolve(file))
                .block(FETCH);
    }

    /** A working folder. */
    WorkFolder folder(Video video) {
        return new WorkFolder(files.newWorkFolder(video.id()));
    }
}
