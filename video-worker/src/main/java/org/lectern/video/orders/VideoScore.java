package org.lectern.video.orders;

import org.jspecify.annotations.Nullable;

/** The priority of a video's jobs (requirement J2). Pure. */
public final class VideoScore {

    private static final long SHORT_MILLIS = 300_000;
    private static final int SHORT = 10;
    private static final int INSTRUCTOR = 5;
    private static final int LIVE = 15;

    private VideoScore() {}

    /**
     * The score.
     *
     * @param durationMillis how long it plays; null while nobody knows
     * @param instructor whether an instructor uploaded it
     * @param live whether it comes from a live session
     */
    public static int of(@Nullable Long durationMillis, boolean instructor, boolean live) {
        int score = durationMillis != null && durationMillis < SHORT_MILLIS ? SHORT : 0;
        return score + (instructor ? INSTRUCTOR : 0) + (live ? LIVE : 0);
    }
}
