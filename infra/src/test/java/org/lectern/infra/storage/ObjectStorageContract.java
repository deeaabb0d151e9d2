package org.lectern.infra.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import reactor.test.StepVerifier;

/** What every storage must do; each implementation runs all of it. */
abstract class ObjectStorageContract {

    private static final Duration SOON = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    /** The storage under test, empty. */
    abstract ObjectStorage storage();

    @Test
    void whatWasPutIsReadWholeAndInParts() throws IOException {
        ObjectStorage storage = storage();
        storage.put("a/b/c.txt", file("0123456789")).block(SOON);

        assertThat(storage.head("a/b/c.txt").block(SOON)).isEqualTo(new ObjectStorage.StoredObject("a/b/c.txt", 10));
        assertThat(read(storage, "a/b/c.txt", 0, null)).isEqualTo("0123456789");
        assertThat(read(storage, "a/b/c.txt", 3, 4L)).isEqualTo("3456");
        assertThat(read(storage, "a/b/c.txt", 8, null)).isEqualTo("89");
        assertThat(read(storage, "a/b/c.txt", 5, 0L)).isEmpty();
    }

    @Test
    void puttingAgainReplaces() throws IOException {
        ObjectStorage storage = storage();
        Path first = file("first");
        storage.put("k", first).block(SOON);
        storage.put("k", first).block(SOON);
        assertThat(read(storage, "k", 0, null)).isEqualTo("first");
        storage.put("k", file("second")).block(SOON);
        assertThat(read(storage, "k", 0, null)).isEqualTo("second");
    }

    @Test
    void anObjectOutlivesTheFileItCameFrom() throws IOException {
        ObjectStorage storage = storage();
        Path source = file("kept");
        storage.put("k", source).block(SOON);
        Files.delete(source);
        Path fetched = folder.resolve("fetched");
        storage.fetch("k", fetched).block(SOON);
        assertThat(fetched).hasContent("kept");
        Files.delete(fetched);
        assertThat(read(storage, "k", 0, null)).isEqualTo("kept");
    }

    @Test
    void deletesByPrefixAndNothingElse() throws IOException {
        ObjectStorage storage = storage();
        for (String key : new String[] {"v/1/a", "v/1/b/c", "v/10/a", "w/x-1", "w/x-2", "w/y"}) {
            storage.put(key, file(key)).block(SOON);
        }
        storage.deleteAll("v/1/").block(SOON);
        storage.deleteAll("w/x").block(SOON);
        storage.deleteAll("nothing/there/").block(SOON);
        storage.deleteAll("nothing/there").block(SOON);
        assertThat(storage.head("v/1/a").blockOptional(SOON)).isEmpty();
        assertThat(storage.head("v/1/b/c").blockOptional(SOON)).isEmpty();
        assertThat(storage.head("w/x-1").blockOptional(SOON)).isEmpty();
        assertThat(storage.head("v/10/a").blockOptional(SOON)).isPresent();
        assertThat(storage.head("w/y").blockOptional(SOON)).isPresent();
    }

    @Test
    void listsByPrefix() throws IOException {
        ObjectStorage storage = storage();
        for (String key : new String[] {"l/1/a", "l/1/b/c", "l/10/a"}) {
            storage.put(key, file(key)).block(SOON);
        }
        assertThat(storage.list("l/1/")
                        .map(ObjectStorage.StoredObject::key)
                        .collectList()
                        .block(SOON))
                .containsExactlyInAnyOrder("l/1/a", "l/1/b/c");
        assertThat(storage.list("l/1").collectList().block(SOON))
                .containsExactlyInAnyOrder(
                        new ObjectStorage.StoredObject("l/1/a", 5),
                        new ObjectStorage.StoredObject("l/1/b/c", 7),
                        new ObjectStorage.StoredObject("l/10/a", 6));
        assertThat(storage.list("none/").collectList().block(SOON)).isEmpty();
    }

    /** Larger than a part, than a buffer, and than what a reader asks for at a time. */
    @Test
    void largeObjectsStream() throws IOException {
        ObjectStorage storage = storage();
        byte[] bytes = new byte[17 * 1024 * 1024 + 3];
        new Random(7).nextBytes(bytes);
        Path source = Files.write(Files.createTempFile(folder, "large", ""), bytes);
        storage.put("large", source).block(SOON);
        assertThat(storage.head("large").block(SOON)).isEqualTo(new ObjectStorage.StoredObject("large", bytes.length));
        Path fetched = folder.resolve("fetched-large");
        storage.fetch("large", fetched).block(SOON);
        assertThat(Files.mismatch(source, fetched)).isEqualTo(-1);
        Path read = folder.resolve("read-large");
        DataBufferUtils.write(storage.get("large", 0, null), read).block(SOON);
        assertThat(Files.mismatch(source, read)).isEqualTo(-1);
        DataBuffer middle =
                DataBufferUtils.join(storage.get("large", 9_000_000, 100L)).block(SOON);
        byte[] some = new byte[100];
        Objects.requireNonNull(middle).read(some);
        DataBufferUtils.release(middle);
        assertThat(some).isEqualTo(Arrays.copyOfRange(bytes, 9_000_000, 9_000_100));
    }

    /** However little fits into the time of each call. */
    @Test
    void whatTakesLongIsStoredInSlices() throws IOException {
        ObjectStorage storage = storage();
        byte[] bytes = new byte[23 * 1024 * 1024];
        new Random(8).nextBytes(bytes);
        Path source = Files.write(Files.createTempFile(folder, "sliced", ""), bytes);
        int calls = 0;
        while (!Boolean.TRUE.equals(
                storage.put("sliced/x", source, Duration.ZERO).block(SOON))) {
            assertThat(storage.head("sliced/x").blockOptional(SOON)).isEmpty();
            assertThat(++calls).isLessThan(10);
        }
        Path read = folder.resolve("read-sliced");
        DataBufferUtils.write(storage.get("sliced/x", 0, null), read).block(SOON);
        assertThat(Files.mismatch(source, read)).isEqualTo(-1);
        storage.put("sliced/small", file("small"), Duration.ofMinutes(1)).block(SOON);
        assertThat(read(storage, "sliced/small", 0, null)).isEqualTo("small");
        storage.sweep(Instant.now().plusSeconds(60), key -> true).block(SOON);
        assertThat(storage.head("sliced/x").blockOptional(SOON)).isPresent();
    }

    @Test
    void whatIsMissingIsSaid() throws IOException {
        ObjectStorage storage = storage();
        storage.put("file", file("x")).block(SOON);
        assertThat(storage.head("none/such").blockOptional(SOON)).isEmpty();
        assertThat(storage.head("file/below").blockOptional(SOON)).isEmpty();
        StepVerifier.create(storage.get("none", 0, null))
                .expectError(ObjectMissingException.class)
                .verify(SOON);
        StepVerifier.create(storage.fetch("none", folder.resolve("t")))
                .expectError(ObjectMissingException.class)
                .verify(SOON);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.", ".drafts/x", "a\\b", "a b", "a\0b", "ä"})
    void keysThatCouldLeaveTheFolderAreRefused(String key) {
        StepVerifier.create(storage().head(key))
                .expectError(IllegalArgumentException.class)
                .verify(SOON);
        StepVerifier.create(storage().get(key, 0, null))
                .expectError(IllegalArgumentException.class)
                .verify(SOON);
        StepVerifier.create(storage().deleteAll(key + "/"))
                .expectError(IllegalArgumentException.class)
                .verify(SOON);
    }

    private Path file(String content) throws IOException {
        return Files.writeString(Files.createTempFile(folder, "source", ""), content);
    }

    private static String read(ObjectStorage storage, String key, long from, @Nullable Long length) {
        DataBuffer all = DataBufferUtils.join(storage.get(key, from, length)).block(SOON);
        if (all == null) {
            return "";
        }
        String text = all.toString(StandardCharsets.UTF_8);
        DataBufferUtils.release(all);
        return text;
    }
}
