package org.lectern.infra.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
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
}
