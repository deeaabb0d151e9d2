package org.lectern.video.library;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.video.media.Rendition;

/**
 * A video as its row says.
 *
 * @param context its course
 * @param id its id, and its upload's
 * @param uploaderId who uploads it
 * @param title for people
 * @param filename as it was called where it came from
 * @param state where it stands
 * @param byInstructor whether an instructor uploads it, which counts for its priority
 * @param live whether it comes from a live session, which counts for its priority
 * @param sizeBytes of the whole source
 * @param receivedBytes of the source, as last written down; the upload's file may be ahead
 * @param uploadMetadata the client's metadata as it came
 * @param uploadConcat the client's {@code Upload-Concat} as it came: {@code partial} for a part of an upload, which is no video;
 *     {@code final;...} for one that was put together from parts; null for all others
 * @param uploadExpires when an unfinished upload is removed
 * @param durationMillis once probed
 * @param jobId the job that works on it, or did last
 * @param content the content that its source is, once it goes to the storage; others may share it ({@link Contents})
 * @param output the folder of what was made, once ready
 * @param renditions what can be played, the largest first
 * @param poster whether there is a picture
 * @param chapters where its parts begin, in order
 * @param error why it was rejected or failed
 * @param createdAt when the upload began
 */
public record Video(
        ContextId context,
        UUID id,
        UUID uploaderId,
        String title,
        String filename,
        VideoState state,
        boolean byInstructor,
        boolean live,
        long sizeBytes,
        long receivedBytes,
        String uploadMetadata,
        @Nullable String uploadConcat,
        Instant uploadExpires,
        @Nullable Long durationMillis,
        @Nullable UUID jobId,
        @Nullable UUID content,
        @Nullable UUID output,
        List<Rendition> renditions,
        boolean poster,
        List<Chapter> chapters,
        @Nullable Fault error,
        Instant createdAt) {

    /** {@code Upload-Concat} of a part. */
    public static final String PART = "partial";

    /** Copies the lists. */
    public Video {
        renditions = List.copyOf(renditions);
        chapters = List.copyOf(chapters);
    }

    /** Whether this is no video but a part of an upload, which waits to be put together with others. */
    public boolean part() {
        return PART.equals(uploadConcat);
    }

    /**
     * Why a video cannot be played.
     *
     * @param code stable
     * @param detail for people
     */
    public record Fault(String code, String detail) {}
}
