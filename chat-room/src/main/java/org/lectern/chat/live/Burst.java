package org.lectern.chat.live;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Frames that go out together: their bytes lie one after the other in one buffer outside the heap, which every connection
 * writes by reference. Used and released on one event loop.
 */
final class Burst {

    private final List<Frame> entries;
    private final List<Frame> passing;
    private @Nullable ByteBuf entryBytes;
    private @Nullable ByteBuf passingBytes;

    private Burst(List<Frame> entries, List<Frame> passing) {
        this.entries = entries;
        this.passing = passing;
    }

    /** So many frames, one at least. */
    static Burst of(List<Frame> frames) {
        List<Frame> entries = new ArrayList<>(frames.size());
        List<Frame> passing = new ArrayList<>();
        for (Frame frame : frames) {
            (frame.seq() == 0 ? passing : entries).add(frame);
        }
        return new Burst(entries, passing);
    }

    /** Entries of the room's sequence, each the successor of the one before. */
    List<Frame> entries() {
        return entries;
    }

    boolean hasPassing() {
        return !passing.isEmpty();
    }

    /** All entries, for one connection; it owns the reference. */
    ByteBuf entryBytes() {
        if (entryBytes == null) {
            entryBytes = joined(entries);
        }
        return shared(entryBytes);
    }

    /** Presence and the like, which may be left out; the connection owns the reference. */
    ByteBuf passingBytes() {
        if (passingBytes == null) {
            passingBytes = joined(passing);
        }
        return shared(passingBytes);
    }

    void release() {
        if (entryBytes != null) {
            entryBytes.release();
        }
        if (passingBytes != null) {
            passingBytes.release();
        }
    }

    /** A view for one connection. Made anew: for so short a life a recycled one, as Netty retains it, costs more. */
    private static ByteBuf shared(ByteBuf bytes) {
        return bytes.duplicate().retain();
    }

    /** The bytes of frames one after the other; the caller owns the reference. */
    static ByteBuf joined(List<Frame> frames) {
        int length = frames.stream().mapToInt(Frame::length).sum();
        ByteBuf bytes = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
        frames.forEach(frame -> frame.writeTo(bytes));
        return bytes;
    }
}
