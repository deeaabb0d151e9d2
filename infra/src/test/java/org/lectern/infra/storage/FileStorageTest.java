package org.lectern.infra.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;
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
        storage.sweep(Instant.now()).block();
        Path drafts = Files.createDirectories(folder.resolve("objects/.drafts"));
        Instant now = Instant.now();
        Path old = Files.createFile(drafts.resolve(draft(now.minusSeconds(7200))));
        Path fresh = Files.createFile(drafts.resolve(draft(now)));
        storage.sweep(now.minusSeconds(3600)).block();
        assertThat(old).doesNotExist();
        assertThat(fresh).exists();
    }

    /** A UUID of version 7. */
    private static String draft(Instant at) {
        return new UUID(at.toEpochMilli() << 16 | 0x7000, 0x8000000000000000L).toString();
    }
}
