package org.lectern.video.media;

/**
 * A rendition that can be played.
 *
 * @param name such as {@code 720p}, or {@code audio}
 * @param width pixels across; 0 for the audio-only one
 * @param height pixels down; 0 for the audio-only one
 * @param bandwidth bits per second at its peak, sound included
 */
public record Rendition(String name, int width, int height, int bandwidth) {}
