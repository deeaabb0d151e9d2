package org.lectern.video.media;

import java.util.List;

/**
 * What one worker made of a video that several work on.
 *
 * @param tracks renditions and sound, in the order of the ladder
 * @param bytes of all its files
 */
public record Part(List<Track> tracks, long bytes) {

    /** Copies the list. */
    public Part {
        tracks = List.copyOf(tracks);
    }

    /**
     * Segments of one rendition, or of the sound.
     *
     * @param folder such as {@code v0} or {@code audio}
     * @param codec as RFC 6381 names it; empty for the sound
     * @param segments in order
     */
    public record Track(String folder, String codec, List<Segment> segments) {
        /** Copies the list. */
        public Track {
            segments = List.copyOf(segments);
        }
    }

    /**
     * A segment.
     *
     * @param file in its track's folder
     * @param seconds how long it plays
     * @param bytes its size
     */
    public record Segment(String file, double seconds, long bytes) {}
}
