package org.lectern.video.upload;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.video.upload.TusRequest.Checksum;

/**
 * The file of an upload, open for one request that adds to it; made by {@link GrowingFiles}, which keeps every other writer out.
 *
 * <p>Writing and closing exclude each other, so that after closing nothing more is written. While a request with a checksum is
 * under way, a mark beside the file says where its bytes begin: they count only once the mark is gone, whatever dies before. All
 * methods block.
 */
final class GrowingFile {

    private final FileChannel channel;
    private final Path mark;
    private final long start;
    private final long limit;
    private final Closing closing;
    private final @Nullable Checksum checksum;
    private final @Nullable MessageDigest digest;
    private final ReentrantLock turn = new ReentrantLock();
    private long position;
    private volatile boolean finished;

    GrowingFile(FileChannel channel, Path mark, long start, long limit, @Nullable Checksum checksum, Closing closing) {
        this.channel = channel;
        this.mark = mark;
        this.start = start;
        this.position = start;
        this.limit = limit;
        this.checksum = checksum;
        this.closing = closing;
        this.digest = checksum == null ? null : digest(checksum.algorithm());
    }

    /** Ends the exclusion of other writers, and with it the channel. */
    @FunctionalInterface
    interface Closing {
        /** Called once. */
        void close() throws IOException;
    }

    /** Adds bytes; throws a {@link ProblemException} when they are more than the upload may have. */
    void write(ByteBuffer bytes) throws IOException {
        turn.lock();
        try {
            if (bytes.remaining() > limit - position) {
                throw new ProblemException(ProblemType.TOO_LARGE, "The upload has more bytes than its Upload-Length");
            }
            if (digest != null) {
                digest.update(bytes.duplicate());
            }
            while (bytes.hasRemaining()) {
                position += channel.write(bytes, position);
            }
        } finally {
            turn.unlock();
        }
    }

    /** How many bytes count, durably; throws {@link ClosedChannelException} when it was closed meanwhile. */
    long verified() throws IOException {
        if (digest != null && !finished) {
            return start;
        }
        channel.force(true);
        return channel.size();
    }

    /**
     * Ends a request whose body arrived whole: everything is on the disk afterwards.
     *
     * @return the new offset
     * @throws ProblemException when the checksum does not match; the bytes of this request are gone then
     */
    long finish() throws IOException {
        turn.lock();
        try {
            if (digest != null && checksum != null && !checksum.matches(digest.digest())) {
                throw new ProblemException(
                        ProblemType.CHECKSUM_MISMATCH, "The bytes do not have their checksum; send them again");
            }
            channel.force(true);
            if (digest != null) {
                GrowingFiles.removeMark(mark);
            }
            finished = true;
            return position;
        } finally {
            turn.unlock();
        }
    }

    /** Closes; what arrived of a broken request stays, unless it had to have a checksum. Harmless when called again. */
    long close() throws IOException {
        turn.lock();
        try {
            if (!finished && channel.isOpen()) {
                if (digest != null) {
                    channel.truncate(start);
                    position = start;
                }
                channel.force(true);
                if (digest != null) {
                    GrowingFiles.removeMark(mark);
                }
            }
            // A channel that an interrupt closed leaves its mark: the next writer takes the bytes away.
            return position;
        } catch (ClosedChannelException unused) {
            return position;
        } finally {
            closing.close();
            turn.unlock();
        }
    }

    private static MessageDigest digest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has " + algorithm, impossible);
        }
    }
}
