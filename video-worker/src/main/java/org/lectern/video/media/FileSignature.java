package org.lectern.video.media;

import java.nio.charset.StandardCharsets;
import java.util.Set;

/** What a file is by its first bytes, whatever its name says. Pure. */
public final class FileSignature {

    /** Bytes that are needed to tell. */
    public static final int LENGTH_BYTES = 12;

    /** The boxes that MP4 and QuickTime files begin with. */
    private static final Set<String> FIRST_BOXES = Set.of("ftyp", "moov", "mdat", "wide", "free", "skip", "pnot");

    private FileSignature() {}

    /** Whether a file begins like MP4, QuickTime or Matroska (and WebM); false for fewer than {@link #LENGTH_BYTES} bytes. */
    public static boolean ofVideo(byte[] head) {
        if (head.length < LENGTH_BYTES) {
            return false;
        }
        boolean matroska = head[0] == 0x1a && head[1] == 0x45 && (head[2] & 0xff) == 0xdf && (head[3] & 0xff) == 0xa3;
        return matroska || FIRST_BOXES.contains(new String(head, 4, 4, StandardCharsets.ISO_8859_1));
    }
}
