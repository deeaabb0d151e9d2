package org.lectern.infra.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.springframework.util.FileSystemUtils;
import org.springframework.util.JdkIdGenerator;

class FileStorageTest extends ObjectStorageContract {

    @Override
    ObjectStorage storage() {
        return new FileStorage(folder.resolve("objects"), new JdkIdGenerator());
    }

    @Test
    void nothingIsLeftBetweenDraftAndObject() throws IOException {
        ObjectStorage storage = storage();
        storage.put("k", Files.writeString(folder.resolve("source"), "x")).block();
        try (var drafts = Files.list(folder.resolve("objects/.drafts"))) {
            assertThat(drafts).isEmpty();
        }
    }

    @Test
    void draftsOfKilledNodesAreSwept() throws IOException {
        ObjectStorage storage = storage();
        storage.sweep(Instant.now(), key -> true).block();
        Path drafts = Files.createDirectories(folder.resolve("objects/.drafts"));
        Instant now = Instant.now();
        Path old = Files.createFile(drafts.resolve(draft(now.minusSeconds(7200))));
        Path fresh = Files.createFile(drafts.resolve(draft(now)));
        storage.sweep(now.minusSeconds(3600), key -> false).block();
        assertThat(old).doesNotExist();
        assertThat(fresh).exists();
    }

    /** Uploads may grow on another disk than that of the objects: what cannot be linked is copied, and renamed only then. */
    @Test
    void filesOfAnotherDiskAreCopiedAndNothingIsLeft() throws IOException {
        Path shm = Path.of("/dev/shm");
        Assumptions.assumeTrue(
                Files.isWritable(shm) && !Files.getFileStore(shm).equals(Files.getFileStore(folder)),
                "no second file system on this machine");
        Path elsewhere = Files.createTempDirectory(shm, "lectern-storage");
        try {
            ObjectStorage storage = storage();
            byte[] bytes = new byte[3_000_001];
            new Random(5).nextBytes(bytes);
            Path source = Files.write(elsewhere.resolve("source"), bytes);
            storage.put("video/source", source).block();
            assertThat(storage.put("video/slices", source, Duration.ZERO).block())
                    .isTrue();
            Files.delete(source);
            for (String key : List.of("video/source", "video/slices")) {
                assertThat(folder.resolve("objects").resolve(key)).hasBinaryContent(bytes);
                Path fetched = elsewhere.resolve("fetched");
                storage.fetch(key, fetched).block();
                assertThat(fetched).hasBinaryContent(bytes);
                Files.delete(fetched);
            }
            try (var drafts = Files.list(folder.resolve("objects/.drafts"))) {
                assertThat(drafts).isEmpty();
            }
        } finally {
            FileSystemUtils.deleteRecursively(elsewhere);
        }
    }

    /** A UUID of version 7. */
    private static String draft(Instant at) {
        return new UUID(at.toEpochMilli() << 16 | 0x7000, 0x8000000000000000L).toString();
    }
}
