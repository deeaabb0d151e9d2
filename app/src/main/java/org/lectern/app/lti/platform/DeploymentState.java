package org.lectern.app.lti.platform;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Whether a deployment may launch. */
public enum DeploymentState {
    /** It may. */
    ACTIVE,
    /** It was seen and waits for an administrator. */
    PENDING,
    /** An administrator refused it. */
    BLOCKED;

    /** The name in the database and on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Reads the name in the database. */
    public static DeploymentState of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
