package org.lectern.app.session;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The page a launch leads to. */
public enum LaunchTarget {
    /** The course's chat room. */
    CHAT,
    /** The course's videos. */
    VIDEO,
    /** The course's analytics. */
    DASHBOARD,
    /** The operations page. */
    OPS,
    /** Where an instructor picks what to place in the course (LTI Deep Linking). */
    DEEP_LINK,
    /** What stands behind a grade (LTI Submission Review). */
    REVIEW,
    /** What is kept about a person (LTI Data Privacy Launch). */
    PRIVACY,
    /** The terms of use (LTI EULA). */
    EULA;

    /** Whether a link of a course may lead there; the other pages belong to messages of their own. */
    public boolean linkable() {
        return switch (this) {
            case CHAT, VIDEO, DASHBOARD, OPS -> true;
            case DEEP_LINK, REVIEW, PRIVACY, EULA -> false;
        };
    }

    /**
     * The address of the page.
     *
     * @param item what it is about: a video's id; null for the page of all
     */
    public String path(@Nullable String item) {
        return switch (this) {
            case CHAT, DASHBOARD, OPS -> "/" + key();
            case VIDEO -> item == null ? "/video" : "/video/" + item;
            case DEEP_LINK -> "/lti/deep-link";
            case REVIEW -> "/lti/review";
            case PRIVACY -> "/lti/privacy";
            case EULA -> "/lti/eula";
        };
    }

    /** The name on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The target of a wire name, if there is such a one. */
    public static Optional<LaunchTarget> of(String key) {
        return Arrays.stream(values())
                .filter(target -> target.key().equals(key))
                .findFirst();
    }
}
