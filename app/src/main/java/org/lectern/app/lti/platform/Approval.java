package org.lectern.app.lti.platform;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Whether an operator agreed to a registration. */
public enum Approval {
    /** The platform asked for it itself; nobody has looked yet. */
    PENDING,
    /** It may launch. */
    APPROVED,
    /** An operator refused it. */
    DENIED;

    /** The name in the database and on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Reads the name in the database. */
    static Approval of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT));
    }
}
