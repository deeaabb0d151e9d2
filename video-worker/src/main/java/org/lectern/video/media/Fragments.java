package org.lectern.video.media;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Moves fMP4 segments in time (ISO 14496-12): a range of a video is encoded as if it began at zero, and played where it belongs.
 * Pure.
 */
final class Fragments {

    private static final int HEADER_BYTES = 8;

    private Fragments() {}

    /** The ticks per second of the only track, as the initialisation file says. */
    static long timescale(byte[] init) {
        ByteBuffer media = find(ByteBuffer.wrap(init), "moov", "trak", "mdia", "mdhd");
        if (media == null) {
            throw new IllegalArgumentException("no media header in the initialisation file");
        }
        return Integer.toUnsignedLong(media.getInt(media.position() + (media.get(media.position()) == 1 ? 20 : 12)));
    }

    /**
     * Moves a segment.
     *
     * @param segment changed in place
     * @param ticks how much later it is played
     */
    static void shift(byte[] segment, long ticks) {
        ByteBuffer file = ByteBuffer.wrap(segment);
        boolean moved = false;
        while (file.remaining() >= HEADER_BYTES) {
            ByteBuffer box = next(file);
            switch (type(box)) {
                case "moof" -> {
                    ByteBuffer time = find(content(box), "traf", "tfdt");
                    if (time != null) {
                        add(time, 4, ticks);
                        moved = true;
                    }
                }
                // The reference and the ticks per second come before the time.
                case "sidx" -> add(content(box), 12, ticks);
                default -> {
                    // Nothing that knows a time.
                }
            }
        }
        if (!moved) {
            throw new IllegalArgumentException("no fragment in the segment");
        }
    }

    /** Version 1 has 64 bits, version 0 has 32. */
    private static void add(ByteBuffer box, int offset, long ticks) {
        int at = box.position() + offset;
        if (box.get(box.position()) == 1) {
            box.putLong(at, box.getLong(at) + ticks);
        } else {
            box.putInt(at, Math.toIntExact(box.getInt(at) + ticks));
        }
    }

    private static @Nullable ByteBuffer find(ByteBuffer boxes, String... path) {
        ByteBuffer within = boxes;
        for (String name : path) {
            ByteBuffer found = null;
            while (found == null && within.remaining() >= HEADER_BYTES) {
                ByteBuffer box = next(within);
                if (type(box).equals(name)) {
                    found = content(box);
                }
            }
            if (found == null) {
                return null;
            }
            within = found;
        }
        return within;
    }

    private static ByteBuffer next(ByteBuffer boxes) {
        int size = boxes.getInt(boxes.position());
        if (size < HEADER_BYTES || size > boxes.remaining()) {
            throw new IllegalArgumentException("a box of " + size + " bytes where " + boxes.remaining() + " are left");
        }
        ByteBuffer box = boxes.slice(boxes.position(), size);
        boxes.position(boxes.position() + size);
        return box;
    }

    private static String type(ByteBuffer box) {
        byte[] name = new byte[4];
        box.get(4, name);
        return new String(name, StandardCharsets.ISO_8859_1);
    }

    private static ByteBuffer content(ByteBuffer box) {
        return box.slice(HEADER_BYTES, box.limit() - HEADER_BYTES);
    }
}
