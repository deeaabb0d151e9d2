package org.lectern.video;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.regex.Pattern;
import org.lectern.db.ContextId;
import org.lectern.infra.storage.ObjectOwner;
import org.lectern.infra.storage.StorageFolder;
import org.springframework.stereotype.Component;
import org.springframework.util.FileSystemUtils;

/** Where everything of a video lies: its upload while it arrives, its objects in the storage, working folders. */
@Component
public final class VideoFiles implements ObjectOwner {

    private static final String UUID_TEXT = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    /** Of a source, or of a file that was made of it. */
    private static final Pattern KEY = Pattern.compile("video/%1$s/%1$s/(?:source|%1$s/.+)".formatted(UUID_TEXT));

    private static final Duration FORGOTTEN = Duration.ofHours(24);

    private final Path root;
    private final Clock clock;

    VideoFiles(VideoSettings settings, StorageFolder storage, Clock clock) {
        this.clock = clock;
        Path configured = settings.directory();
        this.root = configured == null
                ? storage.root()
                : configured.toAbsolutePath().normalize();
    }

    /** The shared folder itself. */
    public Path root() {
        return root;
    }

    /** The file that an upload grows in. */
    public Path upload(ContextId context, UUID video) {
        return root.resolve("uploads").resolve(context.toString()).resolve(video.toString());
    }

    /** Beside an upload: from where on its bytes do not count yet. */
    public static Path mark(Path upload) {
        return upload.resolveSibling(upload.getFileName() + ".unverified");
    }

    /** Removes the bytes of an upload that has not become an object; nothing there is no error. Blocks. */
    public void removeUpload(ContextId context, UUID video) throws IOException {
        Path file = upload(context, video);
        Files.deleteIfExists(file);
        Files.deleteIfExists(mark(file));
    }

    /**
     * Brings the whole file of an upload to a place where a program may read it; errors with {@link java.nio.file.NoSuchFileException}.
     * Blocks.
     */
    public void fetchUpload(ContextId context, UUID video, Path target) throws IOException {
        Path file = upload(context, video);
        try {
            Files.createLink(target, file);
        } catch (NoSuchFileException missing) {
            throw missing;
        } catch (FileSystemException | UnsupportedOperationException unused) {
            // A file system without links.
            Files.copy(file, target);
        }
    }

    /** Makes an empty working folder that only this user may enter. Blocks. */
    public Path newWorkFolder(UUID video) {
        try {
            Path parent = Files.createDirectories(root.resolve("work"));
            sweep(parent);
            return Files.createTempDirectory(
                    parent,
                    video + "-",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Removes what nodes left that were killed: no attempt at a job lasts so long. */
    private void sweep(Path parent) throws IOException {
        Instant old = clock.instant().minus(FORGOTTEN);
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent)) {
            for (Path folder : folders) {
                if (Files.getLastModifiedTime(folder).toInstant().isBefore(old)) {
                    FileSystemUtils.deleteRecursively(folder);
                }
            }
        } catch (NoSuchFileException unused) {
            // Another node sweeps, too.
        }
    }

    /**
     * Begins the key of every object of a content: its source and what was made of it. Removing what begins with it removes all bytes of
     * the videos that share it.
     */
    public static String prefix(ContextId context, UUID content) {
        return "video/" + context + "/" + content + "/";
    }

    @Override
    public boolean owns(String key) {
        return KEY.matcher(key).matches();
    }

    /** The key of the file as it was uploaded. */
    public static String source(ContextId context, UUID content) {
        return prefix(context, content) + "source";
    }

    /**
     * Begins the keys of what one run of the transcoder made. Each run has its own, so that what is once served under a
     * key never changes.
     */
    public static String output(ContextId context, UUID content, UUID output) {
        return prefix(context, content) + output + "/";
    }
}
