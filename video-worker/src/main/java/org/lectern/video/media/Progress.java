package org.lectern.video.media;

import java.util.function.IntConsumer;
import java.util.function.Predicate;

/**
 * Reads the lines that {@code ffmpeg -progress} writes. The count of encoded frames tells how far it is: the time that
 * FFmpeg reports is that of its slowest output, which for a sheet of thumbnails is nothing until the very end.
 */
final class Progress implements Predicate<String> {

    private final long expectedFrames;
    private final IntConsumer percent;
    private long frames;

    /**
     * Follows a run.
     *
     * @param expectedFrames frames of the whole output
     * @param percent gets 0 to 100 whenever it rises
     */
    Progress(long expectedFrames, IntConsumer percent) {
        this.expectedFrames = Math.max(1, expectedFrames);
        this.percent = percent;
    }

    @Override
    public boolean test(String line) {
        if (!line.startsWith("frame=")) {
            // Nothing but the sound's end is left once all frames are there.
            return frames >= expectedFrames && line.startsWith("progress=");
        }
        long now = number(line);
        if (now <= frames) {
            return false;
        }
        frames = now;
        percent.accept((int) Math.min(100, now * 100 / expectedFrames));
        return true;
    }

    /** The number after the equals sign; 0 where there is none. */
    static long number(String line) {
        try {
            return Math.max(
                    0, Long.parseLong(line.substring(line.indexOf('=') + 1).strip()));
        } catch (NumberFormatException unused) {
            return 0;
        }
    }
}
