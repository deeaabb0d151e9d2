package org.lectern.app.lti.launch;

import java.io.Serial;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;

/** A login or launch that broke a rule. The detail is for operators: it names claims, never people. */
final class LaunchRejectedException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final LaunchRule rule;
    private final transient @Nullable Registration registration;
    private final @Nullable String again;

    LaunchRejectedException(LaunchRule rule, String detail, @Nullable Registration registration) {
        this(rule, detail, registration, null);
    }

    /**
     * A rejection that the user may overcome alone.
     *
     * @param again the address that begins the login again, in a window of its own
     */
    LaunchRejectedException(
            LaunchRule rule, String detail, @Nullable Registration registration, @Nullable String again) {
        super(detail, null, false, false);
        this.rule = rule;
        this.registration = registration;
        this.again = again;
    }

    /** The address that begins the login again in a window of its own, where that may help. */
    @Nullable
    String again() {
        return again;
    }

    LaunchRule rule() {
        return rule;
    }

    String detail() {
        String message = getMessage();
        return message == null ? "" : message;
    }

    @Nullable
    Registration registration() {
        return registration;
    }
}
