package org.lectern.video.media;

import org.jspecify.annotations.Nullable;

/**
 * What transcoding needs to know of a source that was accepted.
 *
 * @param durationMillis how long it plays
 * @param width pixels across as it is shown: after rotation, with square pixels
 * @param height pixels down as it is shown
 * @param frameRate constant rate of the output: the source's, at most 30; 30 where the source's rate varies
 * @param videoStream index of the stream with the picture
 * @param audioStream index of the stream with the sound, or null where there is none
 */
public record SourceInfo(
        long durationMillis,
        int width,
        int height,
        Rational frameRate,
        int videoStream,
        @Nullable Integer audioStream) {}
