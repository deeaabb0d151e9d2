package org.lectern.infra.storage;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DefaultDataBufferFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3AsyncClientBuilder;
import software.amazon.awssdk.services.s3.model.Delete;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Objects in a bucket of any store that speaks S3. Large ones are sent in parts, several at a time, and become visible when the last
 * part is there. The client is asynchronous; with a reader that is slow, it asks the network for less.
 */
final class S3Storage implements ObjectStorage, AutoCloseable {

    private static final int DELETED_AT_ONCE = 1000;
    private static final int NOT_FOUND = 404;

    private final S3AsyncClient client;

    /** Sends in parts. It would read in parts too, which not every store can and a stream does not need. */
    private final S3AsyncClient sender;

    private final S3Parts parts;
    private final String bucket;
    private final String prefix;

    S3Storage(StorageSettings.S3 settings, Clock clock) {
        this.client = builder(settings).build();
        this.sender = builder(settings)
                .multipartEnabled(true)
                .multipartConfiguration(parts -> parts.minimumPartSizeInBytes(
                                settings.partSize().toBytes())
                        .thresholdInBytes(settings.partSize().toBytes())
                        .apiCallBufferSizeInBytes(4 * settings.partSize().toBytes()))
                .build();
        this.parts = new S3Parts(client, settings.bucket(), settings.partSize().toBytes(), clock);
        this.bucket = settings.bucket();
        this.prefix = settings.prefix().isEmpty() || settings.prefix().endsWith("/")
                ? settings.prefix()
                : settings.prefix() + "/";
    }

    private static S3AsyncClientBuilder builder(StorageSettings.S3 settings) {
        return S3AsyncClient.builder()
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().maxConcurrency(settings.connections()))
                .credentialsProvider(credentials(settings))
                .region(Region.of(settings.region()))
                .endpointOverride(settings.endpoint())
                .forcePathStyle(settings.pathStyle())
                // Stores of others do not all know the checksums that Amazon's has by default.
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED);
    }

    private static AwsCredentialsProvider credentials(StorageSettings.S3 settings) {
        @Nullable String access = settings.accessKey();
        @Nullable String secret = settings.secretKey();
        if (access == null || secret == null) {
            return settings.endpoint() == null
                    ? DefaultCredentialsProvider.builder().build()
                    : AnonymousCredentialsProvider.create();
        }
        return StaticCredentialsProvider.create(AwsBasicCredentials.create(access, secret));
    }

    @Override
    public Mono<Void> put(String key, Path file) {
        return call(
                        key,
                        name -> Mono.fromFuture(() ->
                                sender.putObject(put -> put.bucket(bucket).key(name), AsyncRequestBody.fromFile(file))))
                .then();
    }

    @Override
    public Mono<Boolean> put(String key, Path file, Duration within) {
        return call(key, name -> parts.put(name, file, within));
    }

    @Override
    public Mono<Void> sweep(Instant begunBefore, Predicate<String> ours) {
        return parts.abort(prefix, ours, begunBefore);
    }

    @Override
    public Mono<StoredObject> head(String key) {
        return call(
                        key,
                        name -> Mono.fromFuture(() ->
                                client.headObject(head -> head.bucket(bucket).key(name))))
                .map(answer -> new StoredObject(key, answer.contentLength()))
                .onErrorResume(ObjectMissingException.class, unused -> Mono.empty());
    }

    @Override
    public Flux<DataBuffer> get(String key, long from, @Nullable Long length) {
        if (from < 0 || (length != null && length < 0)) {
            return Flux.error(new IllegalArgumentException("bytes from " + from + ", length " + length));
        }
        if (length != null && length == 0) {
            return Flux.empty();
        }
        String range = "bytes=" + from + "-" + (length == null ? "" : Long.toString(from + length - 1));
        boolean whole = from == 0 && length == null;
        return call(
                        key,
                        name -> Mono.fromFuture(() -> client.getObject(
                                get -> get.bucket(bucket).key(name).range(whole ? null : range),
                                AsyncResponseTransformer.toPublisher())))
                .flatMapMany(Flux::from)
                .map(bytes -> DefaultDataBufferFactory.sharedInstance.wrap(bytes));
    }

    @Override
    public Mono<Void> fetch(String key, Path target) {
        return call(
                        key,
                        name -> Mono.fromFuture(
                                () -> client.getObject(get -> get.bucket(bucket).key(name), target)))
                .then();
    }

    @Override
    public Flux<StoredObject> list(String prefixOfKeys) {
        return Mono.fromCallable(() -> prefix + ObjectKeys.prefix(prefixOfKeys))
                .flatMapMany(begin -> Flux.from(client.listObjectsV2Paginator(
                                list -> list.bucket(bucket).prefix(begin))
                        .contents()))
                .map(found -> new StoredObject(found.key().substring(prefix.length()), found.size()));
    }

    @Override
    public Mono<Void> deleteAll(String prefixOfKeys) {
        return Mono.fromCallable(() -> prefix + ObjectKeys.prefix(prefixOfKeys))
                .flatMapMany(begin -> Flux.from(client.listObjectsV2Paginator(
                                list -> list.bucket(bucket).prefix(begin))
                        .contents()))
                .map(S3Object::key)
                .buffer(DELETED_AT_ONCE)
                .concatMap(this::delete)
                .then();
    }

    private Mono<Void> delete(List<String> keys) {
        List<ObjectIdentifier> names = keys.stream()
                .map(key -> ObjectIdentifier.builder().key(key).build())
                .toList();
        return Mono.fromFuture(() -> client.deleteObjects(request -> request.bucket(bucket)
                        .delete(Delete.builder().objects(names).quiet(true).build())))
                .flatMap(answer -> answer.errors().isEmpty()
                        ? Mono.empty()
                        : Mono.error(
                                new IllegalStateException(answer.errors().size() + " objects could not be deleted: "
                                        + answer.errors().getFirst().code())));
    }

    @Override
    public void close() {
        sender.close();
        client.close();
    }

    /** One call of the client, for a key that is checked; it may block before it is asynchronous. */
    private <T> Mono<T> call(String key, Function<String, Mono<T>> request) {
        return Mono.fromCallable(() -> prefix + ObjectKeys.checked(key))
                .flatMap(request)
                .subscribeOn(Schedulers.boundedElastic())
                .onErrorMap(failure -> missing(failure) ? new ObjectMissingException(key) : failure);
    }

    private static boolean missing(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        return cause instanceof NoSuchKeyException
                || (cause instanceof S3Exception answer && answer.statusCode() == NOT_FOUND);
    }
}
