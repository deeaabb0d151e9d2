package org.lectern.infra.activity;

import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One thing that one person did in one context.
 *
 * @param id the event's id (UUIDv7); recording it twice counts once
 * @param userId who
 * @param verb what
 * @param object on what: a message's, video's or page's id, where there is one
 * @param at when
 * @param measures numbers that belong to it, such as {@code from} and {@code to} in seconds of a video
 */
public record Activity(
        UUID id, UUID userId, Verb verb, @Nullable String object, Instant at, Map<String, Double> measures) {

    /** Copies the measures. */
    public Activity {
        measures = Map.copyOf(measures);
    }

    /** What a person can do, as far as Lectern itself sees it; outside verbs come by xAPI. */
    public enum Verb {
        /** Opened Lectern from the LMS. */
        LAUNCHED,
        /** Wrote a chat message. */
        CHATTED,
        /** Began to watch a video. */
        PLAYED,
        /** Watched a stretch of a video: measures {@code from} and {@code to} in seconds. */
        WATCHED,
        /** Uploaded a video. */
        UPLOADED;

        /** The name in the database and in JSON: lower case. */
        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
