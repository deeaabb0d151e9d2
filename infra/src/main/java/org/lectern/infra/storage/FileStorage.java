package org.lectern.infra.storage;

import java.io.IOException;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.core.io.buffer.DefaultDataBufferFactory;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Objects as files in a folder that all nodes share; a key is a path below it.
 *
 * <p>An object is written (or linked, where the file lies on the same disk) beside its place, forced to the disk and
 * renamed, so that a reader sees all of it or nothing, also after a crash. File operations block and run on the bounded
 * elastic scheduler; reading is asynchronous, with as many bytes in memory as the reader asked for.
 */
final class FileStorage implements ObjectStorage {

    private static final int BUFFER_BYTES = 64 * 1024;

    /** Begins with a point, which no part of a key does. */
    private static final Pattern DRAFT = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private static final String DRAFTS = ".drafts";

    private final Path root;
    private final IdGenerator ids;

    /**
     * Keeps objects below a folder.
     *
     * @param root made when it is first needed
     */
    FileStorage(Path root, IdGenerator ids) {
        this.root = root;
        this.ids = ids;
    }

    @Override
    public Mono<Void> put(String key, Path file) {
        return blocking(() -> {
            Path target = path(key);
            Path drafts = Files.createDirectories(root.resolve(DRAFTS));
            Path draft = drafts.resolve(ids.generateId().toString());
            try {
                linkOrCopy(file, draft);
                force(draft);
                Path folder = parent(target);
                Files.createDirectories(folder);
                Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                force(folder);
            } finally {
                // Still there after a failure, and when both names were the same file already.
                Files.deleteIfExists(draft);
            }
            return null;
        });
    }

    /** A link takes no time; a copy to another disk takes what it takes. */
    @Override
    public Mono<Boolean> put(String key, Path file, Duration within) {
        return put(key, file).thenReturn(true);
    }

    /** Whose a draft was to become does not matter: the folder of drafts is Lectern's own. */
    @Override
    public Mono<Void> sweep(Instant begunBefore, Predicate<String> ours) {
        return blocking(() -> {
            try (DirectoryStream<Path> drafts = Files.newDirectoryStream(root.resolve(DRAFTS))) {
                for (Path draft : drafts) {
                    // A link has the times of its file; its own name begins with the time it was made.
                    // What has another name is not ours: some file systems keep files of their own.
                    if (DRAFT.matcher(draft.getFileName().toString()).matches()
                            && begun(draft).isBefore(begunBefore)) {
                        Files.deleteIfExists(draft);
                    }
                }
            } catch (NoSuchFileException unused) {
                // Nothing was ever stored.
            }
            return null;
        });
    }

    /** Names of drafts are UUIDs of version 7. */
    private static Instant begun(Path draft) {
        UUID id = UUID.fromString(draft.getFileName().toString());
        return Instant.ofEpochMilli(id.getMostSignificantBits() >>> 16);
    }

    @Override
    public Mono<StoredObject> head(String key) {
        return blocking(() -> {
            try {
                BasicFileAttributes attributes = Files.readAttributes(path(key), BasicFileAttributes.class);
                return attributes.isRegularFile() ? new StoredObject(key, attributes.size()) : null;
            } catch (NoSuchFileException unused) {
                return null;
            } catch (FileSystemException failed) {
                // A part of the key is a file.
                if (failed.getReason() != null && failed.getReason().contains("Not a directory")) {
                    return null;
                }
                throw failed;
            }
        });
    }

    @Override
    public Flux<DataBuffer> get(String key, long from, @Nullable Long length) {
        if (from < 0 || (length != null && length < 0)) {
            return Flux.error(new IllegalArgumentException("bytes from " + from + ", length " + length));
        }
        Flux<DataBuffer> bytes = DataBufferUtils.readAsynchronousFileChannel(
                () -> {
                    try {
                        return AsynchronousFileChannel.open(path(key), StandardOpenOption.READ);
                    } catch (NoSuchFileException unused) {
                        throw new ObjectMissingException(key);
                    }
                },
                from,
                DefaultDataBufferFactory.sharedInstance,
                BUFFER_BYTES);
        // Opening blocks; what follows is asynchronous.
        Flux<DataBuffer> opened = bytes.subscribeOn(Schedulers.boundedElastic());
        return length == null ? opened : DataBufferUtils.takeUntilByteCount(opened, length);
    }

    @Override
    public Mono<Void> fetch(String key, Path target) {
        return blocking(() -> {
            try {
                linkOrCopy(path(key), target);
            } catch (NoSuchFileException unused) {
                throw new ObjectMissingException(key);
            }
            return null;
        });
    }

    @Override
    public Flux<StoredObject> list(String prefix) {
        return Mono.fromCallable(() -> found(ObjectKeys.prefix(prefix)))
                .subscribeOn(Schedulers.boundedElastic())
                .flatMapIterable(objects -> objects);
    }

    private List<StoredObject> found(String prefix) throws IOException {
        int slash = prefix.lastIndexOf('/');
        Path start = slash < 0 ? root : root.resolve(prefix.substring(0, slash));
        if (!Files.isDirectory(start)) {
            return List.of();
        }
        List<StoredObject> objects = new ArrayList<>();
        Files.walkFileTree(start, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                return folder.startsWith(root.resolve(DRAFTS))
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                String key = root.relativize(file).toString();
                if (key.startsWith(prefix)) {
                    objects.add(new StoredObject(key, attributes.size()));
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) {
                // Deleted meanwhile.
                return FileVisitResult.CONTINUE;
            }
        });
        return objects;
    }

    @Override
    public Mono<Void> deleteAll(String prefix) {
        return blocking(() -> {
            boolean wholeFolder = prefix.endsWith("/");
            Path start = path(wholeFolder ? prefix.substring(0, prefix.length() - 1) : prefix);
            if (wholeFolder) {
                deleteTree(start);
                return null;
            }
            String name = Objects.requireNonNull(start.getFileName()).toString();
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(
                    parent(start),
                    entry -> Objects.requireNonNull(entry.getFileName())
                            .toString()
                            .startsWith(name))) {
                for (Path entry : entries) {
                    deleteTree(entry);
                }
            } catch (NoSuchFileException | NotDirectoryException unused) {
                // Nothing there.
            }
            return null;
        });
    }

    private Path path(String key) {
        return root.resolve(ObjectKeys.checked(key));
    }

    private static <T> Mono<T> blocking(Callable<@Nullable T> work) {
        return Mono.<T>fromCallable(work).subscribeOn(Schedulers.boundedElastic());
    }

    private static void linkOrCopy(Path source, Path target) throws IOException {
        try {
            Files.createLink(target, source);
        } catch (NoSuchFileException missing) {
            throw missing;
        } catch (FileSystemException | UnsupportedOperationException unused) {
            // Another disk, or one that has no links.
            Files.copy(source, target);
        }
    }

    private static void force(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static Path parent(Path path) {
        return Objects.requireNonNull(path.getParent(), "below the root of the storage");
    }

    private static void deleteTree(Path start) throws IOException {
        if (!Files.exists(start)) {
            return;
        }
        Files.walkFileTree(start, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw failure;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.deleteIfExists(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
