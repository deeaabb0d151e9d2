package org.lectern.infra.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Comparator;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.Part;

/**
 * An upload to a bucket in parts that may be interrupted and continued, by whoever: the store itself knows which parts it has. The store
 * compares each part with its MD5 before it takes it. Thread-safe.
 */
final class S3Parts {

    private static final Logger LOG = LoggerFactory.getLogger(S3Parts.class);

    private static final int AT_ONCE = 4;

    /** The store's own limit. */
    private static final int PARTS_LIMIT = 10_000;

    private final S3AsyncClient client;
    private final String bucket;
    private final long partBytes;
    private final Clock clock;

    S3Parts(S3AsyncClient client, String bucket, long partBytes, Clock clock) {
        this.client = client;
        this.bucket = bucket;
        this.partBytes = partBytes;
        this.clock = clock;
    }

    /** How a file is cut. */
    private record Cut(long fileBytes, long partBytes) {

        int parts() {
            return (int) Math.max(1, (fileBytes + partBytes - 1) / partBytes);
        }

        long from(int number) {
            return (number - 1) * partBytes;
        }

        int length(int number) {
            return (int) Math.min(partBytes, fileBytes - from(number));
        }
    }

    /**
     * Goes on with an upload, or begins it.
     *
     * @param name the whole key
     * @return whether it is complete
     */
    Mono<Boolean> put(String name, Path file, Duration within) {
        return Mono.fromCallable(() -> Files.size(file))
                .subscribeOn(Schedulers.boundedElastic())
                .map(bytes -> new Cut(bytes, Math.max(partBytes, bytes / PARTS_LIMIT + 1)))
                .flatMap(cut -> begun(name)
                        .switchIfEmpty(Mono.defer(() -> begin(name)))
                        .flatMap(upload -> send(name, upload, file, cut, within)));
    }

    /** The upload that was begun first, so that several who go on meet in one. */
    private Mono<String> begun(String name) {
        return Flux.from(client.listMultipartUploadsPaginator(
                                list -> list.bucket(bucket).prefix(name))
                        .uploads())
                .filter(upload -> upload.key().equals(name))
                .sort(Comparator.comparing(MultipartUpload::uploadId))
                .next()
                .map(MultipartUpload::uploadId);
    }

    private Mono<String> begin(String name) {
        return Mono.fromFuture(() -> client.createMultipartUpload(
                        create -> create.bucket(bucket).key(name)))
                .map(answer -> answer.uploadId());
    }

    private Mono<Boolean> send(String name, String upload, Path file, Cut cut, Duration within) {
        return Flux.from(client.listPartsPaginator(
                                list -> list.bucket(bucket).key(name).uploadId(upload))
                        .parts())
                .filter(part -> part.partNumber() <= cut.parts() && part.size() == cut.length(part.partNumber()))
                .collectMap(Part::partNumber, Part::eTag)
                .flatMap(there -> {
                    Instant end = clock.instant().plus(within);
                    SortedMap<Integer, String> tags = new ConcurrentSkipListMap<>(there);
                    return Flux.fromStream(() -> IntStream.rangeClosed(1, cut.parts())
                                    .filter(number -> !there.containsKey(number))
                                    .boxed())
                            // One at least: every call gets further.
                            .takeUntil(unused -> !clock.instant().isBefore(end))
                            .flatMap(
                                    number -> part(name, upload, file, cut, number)
                                            .doOnNext(tag -> tags.put(number, tag)),
                                    AT_ONCE)
                            .then(Mono.defer(() -> tags.size() < cut.parts()
                                    ? Mono.just(false)
                                    : complete(name, upload, new TreeMap<>(tags))
                                            .thenReturn(true)));
                });
    }

    private Mono<String> part(String name, String upload, Path file, Cut cut, int number) {
        return Mono.fromCallable(() -> read(file, cut.from(number), cut.length(number)))
                .subscribeOn(Schedulers.boundedElastic())
                .flatMap(bytes -> Mono.fromFuture(() -> client.uploadPart(
                        part -> part.bucket(bucket)
                                .key(name)
                                .uploadId(upload)
                                .partNumber(number)
                                .contentMD5(md5(bytes)),
                        AsyncRequestBody.fromBytesUnsafe(bytes))))
                .map(answer -> answer.eTag());
    }

    private static byte[] read(Path file, long from, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, from + bytes.position()) < 0) {
                    throw new IOException("the file has become shorter");
                }
            }
        }
        return bytes.array();
    }

    private static String md5(byte[] bytes) {
        try {
            return Base64.getEncoder()
                    .encodeToString(MessageDigest.getInstance("MD5").digest(bytes));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has MD5", impossible);
        }
    }

    private Mono<Void> complete(String name, String upload, Map<Integer, String> tags) {
        return Mono.fromFuture(() -> client.completeMultipartUpload(complete -> complete.bucket(bucket)
                        .key(name)
                        .uploadId(upload)
                        .multipartUpload(all -> all.parts(tags.entrySet().stream()
                                .map(part -> CompletedPart.builder()
                                        .partNumber(part.getKey())
                                        .eTag(part.getValue())
                                        .build())
                                .toList()))))
                .then();
    }

    /**
     * Ends uploads that were begun before an instant; their parts take room until then.
     *
     * @param prefix begins all keys of ours; it may be empty, in a bucket that others use, too
     * @param ours whether a key without the prefix is one of ours
     */
    Mono<Void> abort(String prefix, Predicate<String> ours, Instant begunBefore) {
        return Flux.from(client.listMultipartUploadsPaginator(
                                list -> list.bucket(bucket).prefix(prefix))
                        .uploads())
                .filter(upload -> upload.key().startsWith(prefix)
                        && ours.test(upload.key().substring(prefix.length()))
                        && upload.initiated().isBefore(begunBefore))
                .concatMap(upload -> Mono.fromFuture(() -> client.abortMultipartUpload(
                                abort -> abort.bucket(bucket).key(upload.key()).uploadId(upload.uploadId())))
                        // Another node was faster, or this one may not: the others are ended all the same.
                        .onErrorResume(failure -> {
                            LOG.debug("Upload of {} was not ended", upload.key(), failure);
                            return Mono.empty();
                        }))
                .then();
    }
}
