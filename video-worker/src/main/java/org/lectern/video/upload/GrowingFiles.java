package org.lectern.video.upload;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoFiles;
import org.lectern.video.upload.TusRequest.Checksum;
import org.springframework.stereotype.Component;

/**
 * The files of uploads. Their length is the upload's offset.
 *
 * <p>A lock of the operating system keeps writers of other processes out, and ends with the process that holds it. Such a lock
 * belongs to the process and the file, not to the channel: closing <em>any</em> channel of the file drops it. So this process has
 * one channel for each file at a time, and whoever asks for the length of a file that is being written asks that one. All methods
 * block.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
final class GrowingFiles {

    private static final int STRIPES = 64;
    private static final int LOOKS = 20;

    private final Map<Path, GrowingFile> open = new ConcurrentHashMap<>();

    /** Opening and closing of one file exclude each other. */
    private final List<ReentrantLock> stripes =
            IntStream.range(0, STRIPES).mapToObj(unused -> new ReentrantLock()).toList();

    GrowingFiles(MeterRegistry meters) {
        Gauge.builder("lectern.video.upload.open", open, Map::size)
                .description("Requests that add to an upload just now")
                .register(meters);
    }

    /** Makes the empty file of a new upload. */
    void create(Path file) throws IOException {
        Files.createDirectories(parent(file));
        Files.createFile(file);
    }

    /** How many bytes have arrived and count, durably; throws {@link NoSuchFileException}. */
    long length(Path file) throws IOException {
        ReentrantLock stripe = stripe(file);
        stripe.lock();
        try {
            GrowingFile growing = open.get(file);
            if (growing != null) {
                try {
                    return growing.verified();
                } catch (ClosedChannelException unused) {
                    // An interrupt has closed it; its request ends just now, and its lock is gone already.
                }
            }
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                return settledLength(() -> marked(file), () -> {
                    long size = channel.size();
                    channel.force(true);
                    return size;
                });
            }
        } finally {
            stripe.unlock();
        }
    }

    /** Something of a file as it is now. */
    @FunctionalInterface
    interface Reading {
        long now() throws IOException;
    }

    /**
     * How many bytes count of a file to which another process may be adding. That one marks before it writes what does not
     * count yet, and takes such bytes away before the mark: a mark and a length belong together when both were the same
     * before and after.
     */
    static long settledLength(Reading mark, Reading size) throws IOException {
        long least = Long.MAX_VALUE;
        for (int look = 0; look < LOOKS; look++) {
            long marked = mark.now();
            long length = size.now();
            if (mark.now() == marked && size.now() == length) {
                return Math.min(marked, length);
            }
            least = Math.min(least, Math.min(marked, length));
        }
        // It never stands still: the client hears of less than there is rather than of more.
        return least;
    }

    /**
     * Opens a file to add to it.
     *
     * @param offset where the client believes the end is
     * @param limit the length that the upload will have
     * @param checksum what the bytes of this request must have, or null
     * @throws ProblemException when another request adds to it just now, or the end is elsewhere
     */
    GrowingFile open(Path file, long offset, long limit, @Nullable Checksum checksum) throws IOException {
        ReentrantLock stripe = stripe(file);
        stripe.lock();
        try {
            if (open.containsKey(file)) {
                throw locked();
            }
            FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
            boolean opened = false;
            try {
                lock(channel);
                long marked = marked(file);
                if (marked < channel.size()) {
                    // Somebody died over bytes whose checksum nobody has seen.
                    channel.truncate(marked);
                    channel.force(true);
                }
                removeMark(VideoFiles.mark(file));
                long length = channel.size();
                if (length != offset) {
                    throw new ProblemException(
                            ProblemType.CONFLICT, "The upload is at " + length + " bytes, not at " + offset);
                }
                if (checksum != null) {
                    writeMark(file, offset);
                }
                GrowingFile growing = new GrowingFile(
                        channel, VideoFiles.mark(file), offset, limit, checksum, () -> close(file, channel));
                open.put(file, growing);
                opened = true;
                return growing;
            } finally {
                if (!opened) {
                    channel.close();
                }
            }
        } finally {
            stripe.unlock();
        }
    }

    private void close(Path file, FileChannel channel) throws IOException {
        ReentrantLock stripe = stripe(file);
        stripe.lock();
        try {
            if (channel.isOpen()) {
                channel.close();
            }
            open.remove(file);
        } finally {
            stripe.unlock();
        }
    }

    private static void lock(FileChannel channel) throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException unused) {
            lock = null;
        }
        if (lock == null) {
            throw locked();
        }
    }

    private static ProblemException locked() {
        return new ProblemException(ProblemType.LOCKED, "Another request adds to this upload just now");
    }

    /** Where bytes begin that do not count yet; beyond every file where there are none. */
    private static long marked(Path file) throws IOException {
        try {
            return Long.parseLong(Files.readString(VideoFiles.mark(file)));
        } catch (NoSuchFileException unused) {
            return Long.MAX_VALUE;
        }
    }

    private static void writeMark(Path file, long offset) throws IOException {
        Path draft = VideoFiles.mark(file).resolveSibling(file.getFileName() + ".draft");
        Files.writeString(
                draft,
                Long.toString(offset),
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE,
                StandardOpenOption.SYNC);
        Files.move(draft, VideoFiles.mark(file), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        forceFolder(file);
    }

    /** The bytes count from now on, also after a loss of power. */
    static void removeMark(Path mark) throws IOException {
        if (Files.deleteIfExists(mark)) {
            forceFolder(mark);
        }
    }

    private static void forceFolder(Path file) throws IOException {
        try (FileChannel folder = FileChannel.open(parent(file), StandardOpenOption.READ)) {
            folder.force(true);
        }
    }

    /**
     * Puts whole files together, in order, into one that exists; a part's bytes are copied within the kernel where it can.
     *
     * @return the length of the whole, which is on the disk
     */
    long concatenate(Path whole, List<Path> parts) throws IOException {
        try (FileChannel target =
                FileChannel.open(whole, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            for (Path part : parts) {
                try (FileChannel source = FileChannel.open(part, StandardOpenOption.READ)) {
                    long size = source.size();
                    for (long done = 0; done < size; ) {
                        done += source.transferTo(done, size - done, target);
                    }
                }
            }
            target.force(true);
            return target.size();
        }
    }

    private ReentrantLock stripe(Path file) {
        return stripes.get(Math.floorMod(file.hashCode(), STRIPES));
    }

    private static Path parent(Path file) {
        return Objects.requireNonNull(file.getParent(), "uploads lie in a folder of their course");
    }
}
