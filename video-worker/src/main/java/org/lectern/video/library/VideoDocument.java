package org.lectern.video.library;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.video.media.Rendition;

/**
 * A video as clients see it; every field is always there.
 *
 * @param id its id
 * @param title for people
 * @param state where it stands
 * @param percent of the upload while uploading, then of the work; 100 once ready
 * @param stage what is being done, in a word
 * @param duration seconds, once probed
 * @param sizeBytes of the source
 * @param playlistUrl where a player begins, signed and expiring; once ready
 * @param posterUrl a picture
 * @param thumbnailsUrl WebVTT with the places of the thumbnails
 * @param renditions what can be played, the largest first
 * @param captions the languages it has captions in; they are in the playlist, too
 * @param chapters where its parts begin, in order
 * @param regions where it can be played from nearby: the home region at once, others when their copy is whole
 * @param error why it was rejected or failed
 * @param position where this person stopped watching, in seconds
 * @param createdAt when the upload began
 */
@JsonInclude(JsonInclude.Include.ALWAYS)
record VideoDocument(
        UUID id,
        String title,
        VideoState state,
        int percent,
        @Nullable String stage,
        @Nullable Double duration,
        long sizeBytes,
        @Nullable String playlistUrl,
        @Nullable String posterUrl,
        @Nullable String thumbnailsUrl,
        List<Rendition> renditions,
        List<CaptionLink> captions,
        List<Chapter> chapters,
        List<RegionCopy> regions,
        Video.@Nullable Fault error,
        double position,
        Instant createdAt) {

    VideoDocument {
        renditions = List.copyOf(renditions);
        captions = List.copyOf(captions);
        chapters = List.copyOf(chapters);
        regions = List.copyOf(regions);
    }

    /** The same with what only the page of one video shows. */
    VideoDocument with(List<CaptionLink> links, List<RegionCopy> copies, String base) {
        return new VideoDocument(
                id,
                title,
                state,
                percent,
                stage,
                duration,
                sizeBytes,
                based(base, playlistUrl),
                based(base, posterUrl),
                based(base, thumbnailsUrl),
                renditions,
                links.stream()
                        .map(link -> new CaptionLink(link.language(), link.label(), based(base, link.url())))
                        .toList(),
                chapters,
                copies,
                error,
                position,
                createdAt);
    }

    private static @Nullable String based(String base, @Nullable String path) {
        return path == null ? null : base + path;
    }

    /**
     * A region and whether the video is there.
     *
     * @param region its name
     * @param state {@code available}, or {@code pending} while it is copied
     */
    record RegionCopy(String region, String state) {}

    /**
     * Captions of a video.
     *
     * @param language BCP 47 tag
     * @param label what people call the language
     * @param url of the WebVTT file; null until the video is ready
     */
    record CaptionLink(
            String language, String label, @Nullable String url) {}
}
