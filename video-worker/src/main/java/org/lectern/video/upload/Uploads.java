package org.lectern.video.upload;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.ActivityLog;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.video.VideoFiles;
import org.lectern.video.VideoSettings;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.media.FileSignature;
import org.lectern.video.orders.VideoJobs;
import org.lectern.video.orders.VideoScore;
import org.lectern.video.upload.TusRequest.Checksum;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Uploads from their first byte to their last.
 *
 * <p>PostgreSQL says that there is an upload and whose; how far it has come is the length of its file, forced to the disk
 * before anybody is told. So a node may die at any byte: the client asks for the offset and goes on, on any node that
 * shares the folder. After the last byte one transaction moves the video to queued, with its probe and the activity; dying
 * before it is mended by whoever asks next.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class Uploads {

    /** Buffers that wait for the disk, of each upload; the network is asked for more as they are written. */
    private static final int BUFFERS = 16;

    private static final int TITLE_LIMIT_CHARS = 200;
    private static final int FILENAME_LIMIT_CHARS = 255;

    private final Shards shards;
    private final Videos videos;
    private final VideoJobs orders;
    private final ActivityLog activities;
    private final VideoFiles files;
    private final GrowingFiles growingFiles;
    private final VideoSettings settings;
    private final IdGenerator ids;
    private final Clock clock;
    private final Counter bytes;

    Uploads(
            Shards shards,
            Videos videos,
            VideoJobs orders,
            ActivityLog activities,
            VideoFiles files,
            GrowingFiles growingFiles,
            VideoSettings settings,
            IdGenerator ids,
            Clock clock,
            MeterRegistry meters) {
        this.shards = shards;
        this.videos = videos;
        this.orders = orders;
        this.activities = activities;
        this.files = files;
        this.growingFiles = growingFiles;
        this.settings = settings;
        this.ids = ids;
        this.clock = clock;
        this.bytes = Counter.builder("lectern.video.upload.bytes")
                .description("Bytes of uploads that were written")
                .baseUnit("bytes")
                .register(meters);
    }

    /**
     * How far an upload has come.
     *
     * @param id the upload's id, and its video's
     * @param offset bytes that are durable
     * @param length bytes in all
     * @param metadata as the client sent it
     * @param concat {@code Upload-Concat} as the client sent it, or null
     * @param expires when it is removed; null once it is complete
     */
    record Upload(
            UUID id,
            long offset,
            long length,
            String metadata,
            @Nullable String concat,
            @Nullable Instant expires) {}

    /**
     * Begins an upload.
     *
     * @param part whether it is a part, to be put together with others later
     */
    Mono<Upload> create(LaunchSession session, long length, @Nullable String metadata, boolean part) {
        return begin(session, length, metadata, part ? Video.PART : null).map(video -> upload(video, 0));
    }

    /**
     * Makes one upload of whole parts of the same course; the parts are gone then.
     *
     * @param concat {@code Upload-Concat} as the client sent it
     * @param parts ids of the parts, in order
     */
    Mono<Upload> concatenate(LaunchSession session, String concat, List<UUID> parts, @Nullable String metadata) {
        return Flux.fromIterable(parts)
                .concatMap(id -> row(session.context(), id))
                .concatMap(part -> !part.part()
                        ? Mono.error(new ProblemException(
                                ProblemType.INVALID_REQUEST, "Upload-Concat names an upload that is not a part"))
                        : whole(part)
                                .flatMap(whole -> whole
                                        ? Mono.just(part)
                                        : Mono.error(new ProblemException(
                                                ProblemType.CONFLICT,
                                                "A part that Upload-Concat names is not complete"))))
                .collectList()
                .flatMap(found -> assemble(
                        draft(
                                session,
                                found.stream().mapToLong(Video::sizeBytes).sum(),
                                metadata,
                                concat),
                        found));
    }

    /**
     * The file first, then in one transaction the row of the whole in the place of those of its parts. What a crash leaves of the
     * files is removed by the jobs that end the whole and its parts, which are there before.
     */
    private Mono<Upload> assemble(Video video, List<Video> parts) {
        Path whole = files.upload(video.context(), video.id());
        List<Path> sources = parts.stream()
                .map(part -> files.upload(part.context(), part.id()))
                .toList();
        return shards.write(
                        video.context(), transaction -> orders.expire(transaction, video.id(), video.uploadExpires()))
                // A client that goes away while its parts are copied leaves nothing of the copy.
                .then(Mono.usingWhen(
                        Mono.just(video),
                        unused -> blocking(() -> {
                            growingFiles.create(whole);
                            return growingFiles.concatenate(whole, sources);
                        }),
                        unused -> Mono.empty(),
                        (unused, failure) -> Mono.empty(),
                        abandoned -> removeFiles(List.of(abandoned))))
                .onErrorMap(NoSuchFileException.class, unused -> taken())
                .flatMap(length -> length == video.sizeBytes() ? Mono.just(video) : Mono.error(taken()))
                .flatMap(unused -> shards.write(
                        video.context(),
                        transaction -> insert(transaction, video, parts).thenReturn(video)))
                .onErrorResume(failed -> removeFiles(List.of(video)).then(Mono.error(failed)))
                .then(removeFiles(parts))
                .then(complete(video))
                .then(Mono.fromSupplier(() -> upload(video, video.sizeBytes())));
    }

    private static ProblemException taken() {
        return new ProblemException(ProblemType.CONFLICT, "A part was removed or used while it was put together");
    }

    private Mono<Void> removeFiles(List<Video> uploads) {
        return blocking(() -> {
            for (Video video : uploads) {
                files.removeUpload(video.context(), video.id());
            }
            return null;
        });
    }

    /** Removes an unfinished upload at once. */
    private Mono<Void> remove(Video video) {
        return shards.write(video.context(), transaction -> videos.deleteUpload(transaction, video.id()))
                .then(Mono.defer(() -> removeFiles(List.of(video))));
    }

    private Mono<Video> begin(LaunchSession session, long length, @Nullable String metadata, @Nullable String concat) {
        return Mono.fromSupplier(() -> draft(session, length, metadata, concat)).flatMap(video -> {
            Path file = files.upload(video.context(), video.id());
            return blocking(() -> {
                        growingFiles.create(file);
                        return video;
                    })
                    .then(shards.write(
                            video.context(),
                            transaction -> insert(transaction, video, List.of())
                                    .then(orders.expire(transaction, video.id(), video.uploadExpires()))
                                    .thenReturn(video)))
                    .onErrorResume(
                            failed -> blocking(() -> Files.deleteIfExists(file)).then(Mono.error(failed)));
        });
    }

    /** A video as it begins; throws what is wrong with it. */
    private Video draft(LaunchSession session, long length, @Nullable String metadata, @Nullable String concat) {
        if (length > settings.maxUpload().toBytes()) {
            throw new ProblemException(
                    ProblemType.TOO_LARGE,
                    "A video may have at most " + settings.maxUpload().toMegabytes() + " MB");
        }
        if (length == 0) {
            throw new ProblemException(ProblemType.UNPROCESSABLE, "An empty file is no video");
        }
        Map<String, String> pairs = TusRequest.metadata(metadata);
        String filename = TusRequest.clean(pairs.getOrDefault("filename", ""), FILENAME_LIMIT_CHARS);
        String title = TusRequest.clean(pairs.getOrDefault("title", ""), TITLE_LIMIT_CHARS);
        if (title.isEmpty()) {
            title = TusRequest.clean(withoutExtension(filename), TITLE_LIMIT_CHARS);
        }
        Instant now = clock.instant();
        return new Video(
                session.context(),
                ids.generateId(),
                session.userId(),
                title.isEmpty() ? "Video" : title,
                filename.isEmpty() ? "video" : filename,
                VideoState.UPLOADING,
                session.instructor(),
                "true".equals(pairs.get("live")),
                length,
                0,
                metadata == null ? "" : metadata,
                concat,
                now.plus(settings.uploadLifetime()),
                null,
                null,
                null,
                null,
                List.of(),
                false,
                List.of(),
                null,
                now);
    }

    /**
     * Writes the row of an upload, in the place of those of its parts. The course's limits are looked at and filled under a lock of the
     * course: of requests that come at once, each sees what the others took.
     */
    private Mono<Void> insert(ShardTransaction transaction, Video video, List<Video> parts) {
        return videos.lockCourse(transaction)
                .then(
                        parts.isEmpty()
                                ? Mono.empty()
                                : videos.takeParts(
                                                transaction,
                                                parts.stream().map(Video::id).toList())
                                        .filter(count -> count == parts.size())
                                        .switchIfEmpty(Mono.error(Uploads::taken)))
                .then(Mono.defer(() -> videos.openUploads(transaction)))
                .flatMap(this::refuseTooMany)
                .then(Mono.defer(() -> videos.storedBytes(transaction)))
                .flatMap(stored -> refuseOverQuota(stored + video.sizeBytes()))
                .then(Mono.defer(() -> videos.insert(transaction, video)));
    }

    private Mono<Void> refuseTooMany(long open) {
        return open >= settings.maxOpenUploads()
                ? Mono.error(new ProblemException(
                        ProblemType.RATE_LIMITED,
                        "This course has " + open + " unfinished uploads; finish or cancel some first"))
                : Mono.empty();
    }

    private Mono<Void> refuseOverQuota(long bytes) {
        return bytes > settings.courseQuota().toBytes()
                ? Mono.error(new ProblemException(
                        ProblemType.TOO_LARGE,
                        "The videos of this course may have at most "
                                + settings.courseQuota().toMegabytes() + " MB in all; delete some first"))
                : Mono.empty();
    }

    /** How far an upload has come; completes it when its last step was missed. */
    Mono<Upload> find(LaunchSession session, UUID id) {
        return row(session.context(), id).flatMap(video -> {
            if (video.state() != VideoState.UPLOADING) {
                return Mono.just(upload(video, video.sizeBytes()));
            }
            return length(video)
                    .flatMap(offset -> offset < video.sizeBytes() || video.part()
                            ? Mono.just(upload(video, offset))
                            : complete(video).thenReturn(upload(video, offset)));
        });
    }

    /**
     * Adds the bytes of a request.
     *
     * @param offset where the client believes the upload to be
     * @param body buffers that are released here
     */
    Mono<Upload> append(
            LaunchSession session, UUID id, long offset, @Nullable Checksum checksum, Flux<DataBuffer> body) {
        return row(session.context(), id).flatMap(video -> {
            if (video.uploadConcat() != null && !video.part()) {
                return Mono.error(new ProblemException(
                        ProblemType.FORBIDDEN, "An upload that was put together from parts takes no bytes"));
            }
            if (video.state() != VideoState.UPLOADING) {
                return offset == video.sizeBytes()
                        ? Mono.just(upload(video, offset))
                        : Mono.error(new ProblemException(ProblemType.CONFLICT, "The upload is complete"));
            }
            return append(video, offset, checksum, body)
                    .flatMap(reached -> reached < video.sizeBytes() || video.part()
                            ? shards.write(video.context(), transaction -> {
                                        Instant expires = clock.instant().plus(settings.uploadLifetime());
                                        return videos.received(transaction, id, reached, expires)
                                                .thenReturn(expires);
                                    })
                                    .map(expires -> new Upload(
                                            id,
                                            reached,
                                            video.sizeBytes(),
                                            video.uploadMetadata(),
                                            video.uploadConcat(),
                                            expires))
                            : complete(video).thenReturn(upload(video, reached)));
        });
    }

    private Mono<Long> append(Video video, long offset, @Nullable Checksum checksum, Flux<DataBuffer> body) {
        Path file = files.upload(video.context(), video.id());
        // With a checksum, bytes that are no video's may be bytes that were damaged on their way.
        Head head = offset > 0 || checksum != null || video.part() ? Head.known() : new Head();
        return Mono.usingWhen(
                        blocking(() -> growingFiles.open(file, offset, video.sizeBytes(), checksum)),
                        growing -> body.publishOn(Schedulers.boundedElastic(), BUFFERS)
                                .doOnNext(buffer -> {
                                    head.look(buffer);
                                    write(growing, buffer);
                                })
                                .doOnDiscard(DataBuffer.class, DataBufferUtils::release)
                                .then(blocking(growing::finish)),
                        growing -> blocking(growing::close),
                        (growing, unused) -> blocking(growing::close),
                        growing -> blocking(growing::close))
                .onErrorMap(NoSuchFileException.class, unused -> missing())
                .onErrorResume(
                        ProblemException.class,
                        refused -> refused.type() == ProblemType.UNSUPPORTED_MEDIA_TYPE
                                ? remove(video).then(Mono.error(refused))
                                : Mono.error(refused));
    }

    /** Collects the first bytes, and tells by them, not after gigabytes. What looks like a video is judged by the probe. */
    private static final class Head {

        private final byte[] bytes = new byte[FileSignature.LENGTH_BYTES];
        private int count;

        /** Nothing to look at. */
        static Head known() {
            Head head = new Head();
            head.count = FileSignature.LENGTH_BYTES;
            return head;
        }

        void look(DataBuffer buffer) {
            if (count == bytes.length) {
                return;
            }
            for (int index = 0; index < buffer.readableByteCount() && count < bytes.length; index++) {
                bytes[count++] = buffer.getByte(buffer.readPosition() + index);
            }
            if (count == bytes.length && !FileSignature.ofVideo(bytes)) {
                DataBufferUtils.release(buffer);
                throw new ProblemException(
                        ProblemType.UNSUPPORTED_MEDIA_TYPE, "This is no video. MP4, MOV, MKV and WebM work.");
            }
        }
    }

    private void write(GrowingFile growing, DataBuffer buffer) {
        try (var parts = buffer.readableByteBuffers()) {
            while (parts.hasNext()) {
                var part = parts.next();
                bytes.increment(part.remaining());
                growing.write(part);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } finally {
            DataBufferUtils.release(buffer);
        }
    }

    /**
     * Makes a whole file a queued video. May be called again, and by several at once: it happens once. The file stays where it is until a
     * job has looked at it and brought it to the storage, however long that takes.
     */
    Mono<Void> complete(Video video) {
        int score = VideoScore.of(null, video.byInstructor(), video.live());
        UUID job = orders.newId();
        Activity uploaded = new Activity(
                ids.generateId(),
                video.uploaderId(),
                Activity.Verb.UPLOADED,
                video.id().toString(),
                clock.instant(),
                Map.of("bytes", (double) video.sizeBytes()));
        return length(video)
                .flatMap(length -> length == video.sizeBytes()
                        ? Mono.just(video)
                        : Mono.error(new ProblemException(
                                ProblemType.CONFLICT,
                                "The upload has " + length + " of " + video.sizeBytes() + " bytes")))
                .flatMap(whole -> shards.write(
                        video.context(),
                        transaction -> videos.queue(transaction, video.id(), job)
                                .filter(moved -> moved)
                                .flatMap(unused -> orders.probe(transaction, job, video.id(), score)
                                        .then(activities.record(transaction, List.of(uploaded))))
                                .thenReturn(whole)))
                .then(row(video.context(), video.id()))
                .then();
    }

    /** Whether every byte has come. */
    Mono<Boolean> whole(Video video) {
        return length(video)
                .map(offset -> offset == video.sizeBytes())
                .onErrorResume(ProblemException.class, unused -> Mono.just(false));
    }

    private Mono<Long> length(Video video) {
        return blocking(() -> growingFiles.length(files.upload(video.context(), video.id())))
                // Its completion is under way, or the folder is another one.
                .onErrorResume(
                        NoSuchFileException.class,
                        unused -> row(video.context(), video.id())
                                .flatMap(now -> now.state() == VideoState.UPLOADING
                                        ? Mono.error(new ProblemException(
                                                ProblemType.GONE, "The bytes of this upload are lost; begin again"))
                                        : Mono.just(now.sizeBytes())));
    }

    private Mono<Video> row(ContextId context, UUID id) {
        return videos.find(context, id, Freshness.PRIMARY).switchIfEmpty(Mono.error(Uploads::missing));
    }

    private static Upload upload(Video video, long offset) {
        return new Upload(
                video.id(),
                offset,
                video.sizeBytes(),
                video.uploadMetadata(),
                video.uploadConcat(),
                !video.part() && offset == video.sizeBytes() ? null : video.uploadExpires());
    }

    private static String withoutExtension(String filename) {
        int dot = filename.lastIndexOf('.');
        return dot > 0 ? filename.substring(0, dot) : filename;
    }

    private static ProblemException missing() {
        return new ProblemException(ProblemType.NOT_FOUND, "There is no such upload in this course");
    }

    private static <T> Mono<T> blocking(Callable<@Nullable T> work) {
        return Mono.<T>fromCallable(work).subscribeOn(Schedulers.boundedElastic());
    }
}
