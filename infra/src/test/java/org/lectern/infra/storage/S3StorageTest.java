package org.lectern.infra.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.gaul.s3proxy.junit.S3ProxyExtension;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.springframework.util.unit.DataSize;
import reactor.test.StepVerifier;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Against S3Proxy: a server that is none of ours, checks signatures and knows parts. */
class S3StorageTest extends ObjectStorageContract {

    private static final String ACCESS = "lectern";
    private static final String SECRET = "a secret of the tests";
    private static final String BUCKET = "objects";

    @RegisterExtension
    final S3ProxyExtension server = S3ProxyExtension.builder()
            .withCredentials(ACCESS, SECRET)
            // The checksum headers of the SDK that this server does not know.
            .ignoreUnknownHeaders()
            .build();

    private @Nullable S3Storage opened;

    @BeforeEach
    void makeBucket() {
        try (S3AsyncClient client = client()) {
            client.createBucket(create -> create.bucket(BUCKET)).join();
        }
    }

    private static StorageSettings.S3 settings(URI endpoint, String secret) {
        return settings(endpoint, secret, "tests/" + UUID.randomUUID());
    }

    private static StorageSettings.S3 settings(URI endpoint, String secret, String prefix) {
        return new StorageSettings.S3(
                BUCKET, prefix, endpoint, "us-east-1", ACCESS, secret, true, DataSize.ofMegabytes(5), 20);
    }

    @Override
    ObjectStorage storage() {
        S3Storage storage = new S3Storage(settings(Objects.requireNonNull(server.getUri()), SECRET), Clock.systemUTC());
        opened = storage;
        return storage;
    }

    @AfterEach
    void close() {
        if (opened != null) {
            opened.close();
        }
    }

    /** A node is killed in the middle; nobody goes on. */
    @Test
    void whatWasNeverFinishedIsSwept() throws Exception {
        S3Storage storage = (S3Storage) storage();
        Path source = Files.write(folder.resolve("half"), new byte[12 * 1024 * 1024]);
        assertThat(storage.put("half", source, Duration.ZERO).block(Duration.ofSeconds(60)))
                .isFalse();
        assertThat(unfinished()).isEqualTo(1);
        storage.sweep(Instant.now().minus(Duration.ofHours(1)), "half"::equals).block(Duration.ofSeconds(60));
        assertThat(unfinished()).isEqualTo(1);
        storage.sweep(Instant.now().plus(Duration.ofHours(1)), "half"::equals).block(Duration.ofSeconds(60));
        assertThat(unfinished()).isZero();
    }

    /** A bucket without a prefix may be shared: what others have begun or stored there is nothing of ours. */
    @Test
    void inABucketWithoutAPrefixOnlyOurOwnIsRemoved() throws Exception {
        Path source = Files.write(folder.resolve("half"), new byte[12 * 1024 * 1024]);
        Duration soon = Duration.ofSeconds(60);
        try (S3AsyncClient others = client();
                S3Storage storage = new S3Storage(
                        settings(Objects.requireNonNull(server.getUri()), SECRET, ""), Clock.systemUTC())) {
            others.createMultipartUpload(begin -> begin.bucket(BUCKET).key("backup/of-others"))
                    .join();
            others.createMultipartUpload(begin -> begin.bucket(BUCKET).key("oursnot/half"))
                    .join();
            assertThat(storage.put("ours/half", source, Duration.ZERO).block(soon))
                    .isFalse();
            assertThat(unfinished()).isEqualTo(3);
            Instant later = Instant.now().plus(Duration.ofHours(1));
            storage.sweep(later, key -> key.startsWith("ours/")).block(soon);
            assertThat(others.listMultipartUploads(list -> list.bucket(BUCKET)).join().uploads().stream()
                            .map(upload -> upload.key()))
                    .containsExactlyInAnyOrder("backup/of-others", "oursnot/half");
            storage.sweep(later, key -> false).block(soon);
            assertThat(unfinished()).isEqualTo(2);

            storage.put("ours/kept", Files.writeString(folder.resolve("kept"), "x"))
                    .block(soon);
            for (String nothing : List.of("", "/")) {
                StepVerifier.create(storage.deleteAll(nothing))
                        .expectError(IllegalArgumentException.class)
                        .verify(soon);
                StepVerifier.create(storage.list(nothing))
                        .expectError(IllegalArgumentException.class)
                        .verify(soon);
            }
            assertThat(storage.head("ours/kept").block(soon)).isNotNull();
        }
    }

    private int unfinished() {
        try (S3AsyncClient client = client()) {
            return client.listMultipartUploads(list -> list.bucket(BUCKET))
                    .join()
                    .uploads()
                    .size();
        }
    }

    private S3AsyncClient client() {
        return S3AsyncClient.builder()
                .endpointOverride(server.getUri())
                .forcePathStyle(true)
                .region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(ACCESS, SECRET)))
                .build();
    }

    @Test
    void aWrongSecretIsRefusedAndNotTakenForAMissingObject() throws Exception {
        Path source = Files.writeString(folder.resolve("source"), "x");
        try (S3Storage stranger =
                new S3Storage(settings(Objects.requireNonNull(server.getUri()), "another secret"), Clock.systemUTC())) {
            StepVerifier.create(stranger.put("k", source))
                    .expectErrorSatisfies(failure -> assertThat(failure).isInstanceOf(S3Exception.class))
                    .verify(Duration.ofSeconds(60));
        }
    }
}
