package org.lectern.app.lti.service.grade;

import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * What of a course can have a column in the gradebook: a video ({@code video:ID}), or taking part in the chat
 * ({@code participation}). Its text is AGS' {@code resourceId}.
 *
 * @param key the text
 */
record GradedResource(String key) {

    static final GradedResource PARTICIPATION = new GradedResource("participation");

    private static final Pattern VIDEO = Pattern.compile("video:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    static GradedResource video(UUID id) {
        return new GradedResource("video:" + id);
    }

    /** Reads a text; empty when it names nothing that can be graded. */
    static Optional<GradedResource> of(String text) {
        return text.equals(PARTICIPATION.key()) || VIDEO.matcher(text).matches()
                ? Optional.of(new GradedResource(text))
                : Optional.empty();
    }
}
