package org.lectern.video.library;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Where a video stands. {@link #mayBecome} is the one place that says which moves are legal. */
public enum VideoState {
    /** Its bytes are arriving. */
    UPLOADING,
    /** All bytes are there; it waits to be probed or transcoded. */
    QUEUED,
    /** It is being transcoded. */
    PROCESSING,
    /** It can be played. */
    READY,
    /** It is not a video that can be accepted; no retry helps. */
    REJECTED,
    /** Every attempt failed; an operator may try again. */
    FAILED;

    /** Whether a video may go from this state to the other. */
    public boolean mayBecome(VideoState next) {
        return switch (this) {
            case UPLOADING -> next == QUEUED;
            // The same again: the probe hands over to the transcoder.
            // Ready at once: it is the same as another one that is.
            case QUEUED -> next == QUEUED || next == PROCESSING || next == READY || next == REJECTED || next == FAILED;
            // The same again: a second attempt.
            case PROCESSING -> next == PROCESSING || next == READY || next == REJECTED || next == FAILED;
            // An operator replays the job.
            case FAILED -> next == QUEUED || next == PROCESSING || next == REJECTED;
            case READY, REJECTED -> false;
        };
    }

    /** Whether nothing more happens by itself. */
    public boolean settled() {
        return switch (this) {
            case UPLOADING, QUEUED, PROCESSING -> false;
            case READY, REJECTED, FAILED -> true;
        };
    }

    /** The states from which this one may be reached, as stored. */
    static String[] before(VideoState next) {
        return Arrays.stream(values())
                .filter(state -> state.mayBecome(next))
                .map(VideoState::key)
                .toArray(String[]::new);
    }

    /** The states of videos that everybody in the course sees, as stored. */
    static List<String> visible() {
        return List.of(QUEUED.key(), PROCESSING.key(), READY.key());
    }

    /** The name on the wire and in the row: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    static VideoState ofKey(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
