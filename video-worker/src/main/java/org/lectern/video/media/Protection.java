package org.lectern.video.media;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/**
 * Finds out whether an MP4 file says that its tracks are encrypted: FFmpeg reads the header of such a file as if it were
 * plain, and only its decoder fails.
 */
final class Protection {

    private static final int HEADER_BYTES = 16;
    private static final int LARGEST_INDEX_BYTES = 32 * 1024 * 1024;
    private static final int MOST_BOXES = 10_000;

    private Protection() {}

    /** Looks for the scheme of common encryption in the file's index; false for whatever is not MP4. Blocks. */
    static boolean isEncrypted(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long position = 0;
            long size = channel.size();
            for (int boxes = 0; boxes < MOST_BOXES && position + 8 <= size; boxes++) {
                byte[] header = read(channel, position, HEADER_BYTES);
                if (header.length < 8) {
                    return false;
                }
                long length = Integer.toUnsignedLong(ByteBuffer.wrap(header).getInt());
                String type = new String(header, 4, 4, StandardCharsets.ISO_8859_1);
                if (length == 1 && header.length >= 16) {
                    length = ByteBuffer.wrap(header).getLong(8);
                } else if (length == 0) {
                    length = size - position;
                }
                if (length < 8) {
                    return false;
                }
                if (type.equals("moov")) {
                    return namesScheme(read(channel, position, (int) Math.min(length, LARGEST_INDEX_BYTES)));
                }
                position = length > size - position ? size : position + length;
            }
            return false;
        }
    }

    private static boolean namesScheme(byte[] index) {
        return contains(index, "encv")
                || (contains(index, "sinf") && contains(index, "schm"))
                || (contains(index, "senc") && contains(index, "tenc"));
    }

    private static boolean contains(byte[] bytes, String name) {
        byte[] wanted = name.getBytes(StandardCharsets.ISO_8859_1);
        for (int start = 0; start + wanted.length <= bytes.length; start++) {
            if (Arrays.equals(bytes, start, start + wanted.length, wanted, 0, wanted.length)) {
                return true;
            }
        }
        return false;
    }

    private static byte[] read(FileChannel channel, long position, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining()) {
            int count = channel.read(buffer, position + buffer.position());
            if (count < 0) {
                break;
            }
        }
        byte[] bytes = new byte[buffer.flip().remaining()];
        buffer.get(bytes);
        return bytes;
    }
}
