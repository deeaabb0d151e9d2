package org.lectern.video.media;

/**
 * One rendition of the ladder.
 *
 * @param width even
 * @param height even
 * @param maxBitrate bits per second that the encoder stays under, over two seconds
 */
public record Rung(int width, int height, int maxBitrate) {

    /** What people call it: {@code 720p} is the shorter side. */
    public String name() {
        return Math.min(width, height) + "p";
    }
}
