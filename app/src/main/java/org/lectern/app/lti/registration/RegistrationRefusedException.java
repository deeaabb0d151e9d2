package org.lectern.app.lti.registration;

import java.io.Serial;

/** A platform cannot be registered as it asked for. The message is for the administrator who tries. */
final class RegistrationRefusedException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    RegistrationRefusedException(String reason) {
        super(reason, null, false, false);
    }
}
