package org.lectern.analytics;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What happened in a course over [from,to).
 *
 * @param contextId the course
 * @param from the range's beginning
 * @param to the range's end, exclusive
 * @param bucket what one entry of the series covers: {@code hour} or {@code day} (UTC)
 * @param watermark what was recorded before this time is counted; null when nothing was ever counted
 * @param activePeople how many people did anything; null when too few to tell
 * @param suppressed whether {@code activePeople} is withheld because the group is too small
 * @param chatPeople how many of them wrote in the chat; null when too few to tell
 * @param videoPeople how many of them watched a video; null when too few to tell
 * @param launches how often Lectern was opened from the LMS
 * @param chatMessages messages written
 * @param videoViews how often somebody began to watch a video
 * @param watchSeconds seconds of video watched, all people together
 * @param uploads videos uploaded
 * @param responseMs how long this course's requests took, by the hours that the range touches
 * @param series the same by hour or day, oldest first, without gaps
 */
record Performance(
        String contextId,
        Instant from,
        Instant to,
        String bucket,
        @Nullable Instant watermark,
        @Nullable Long activePeople,
        boolean suppressed,
        @Nullable Long chatPeople,
        @Nullable Long videoPeople,
        long launches,
        long chatMessages,
        long videoViews,
        double watchSeconds,
        long uploads,
        ResponseMillis responseMs,
        List<Bucket> series) {

    /**
     * Times in milliseconds until the response began, within 5 %; null when nothing was measured.
     *
     * @param p50 half of the requests were answered within this time
     * @param p95 95 of 100 requests were answered within this time
     */
    record ResponseMillis(@Nullable Double p50, @Nullable Double p95) {}

    /**
     * One hour or day.
     *
     * @param at its beginning
     * @param activePeople people who did anything; null when too few to tell
     * @param suppressed whether {@code activePeople} is withheld
     * @param launches launches
     * @param chatMessages messages
     * @param videoViews views begun
     * @param watchSeconds seconds watched
     */
    record Bucket(
            Instant at,
            @Nullable Long activePeople,
            boolean suppressed,
            long launches,
            long chatMessages,
            long videoViews,
            double watchSeconds) {}

    /**
     * One person's own figures over [from,to).
     *
     * @param contextId the course
     * @param from the range's beginning
     * @param to the range's end, exclusive
     * @param watermark what was recorded before this time is counted; null when nothing was ever counted
     * @param events everything the person did
     * @param chatMessages messages written
     * @param videoViews how often the person began to watch a video
     * @param watchSeconds seconds of video watched
     */
    record Own(
            String contextId,
            Instant from,
            Instant to,
            @Nullable Instant watermark,
            long events,
            long chatMessages,
            long videoViews,
            double watchSeconds) {}
}
