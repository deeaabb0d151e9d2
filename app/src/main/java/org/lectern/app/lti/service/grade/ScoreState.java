package org.lectern.app.lti.service.grade;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Whether the platform has a score. */
enum ScoreState {
    /** A job will send it. */
    QUEUED,
    /** The platform took it. */
    SENT,
    /** The platform has a newer one already. */
    SUPERSEDED,
    /** The platform refused it, or every attempt failed. */
    REFUSED;

    /** The name in the database and on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    static ScoreState of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
