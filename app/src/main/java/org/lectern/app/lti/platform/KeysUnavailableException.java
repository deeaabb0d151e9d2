package org.lectern.app.lti.platform;

import java.io.Serial;

/** The keys of a platform cannot be had now. The message is for operators. */
public final class KeysUnavailableException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    KeysUnavailableException(String reason) {
        super("the platform's key address is of no use: " + reason);
    }

    KeysUnavailableException(String reason, Throwable cause) {
        super("the platform's key address is of no use: " + reason, cause);
    }
}
