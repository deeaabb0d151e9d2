package org.lectern.app.lti.service.http;

import java.io.Serial;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A platform did not do what it was asked. The message is for operators: it names addresses' hosts and statuses, never
 * people or tokens.
 */
public final class PlatformFailureException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final Kind kind;
    private final int status;
    private final @Nullable Duration retryAfter;

    /** A failure without an answer of the platform behind it. */
    public PlatformFailureException(Kind kind, String detail) {
        this(kind, detail, 0, null);
    }

    /**
     * A failure by the platform's answer.
     *
     * @param status the status it answered, 0 for none
     * @param retryAfter when it may be asked again, where it said so
     */
    public PlatformFailureException(Kind kind, String detail, int status, @Nullable Duration retryAfter) {
        super(detail);
        this.kind = kind;
        this.status = status;
        this.retryAfter = retryAfter;
    }

    /** Whether asking again may help. */
    public Kind kind() {
        return kind;
    }

    /** The status of the platform's answer; 0 when there was none. */
    public int status() {
        return status;
    }

    /** When the platform may be asked again, where it said so. */
    public @Nullable Duration retryAfter() {
        return retryAfter;
    }

    /** What for operators. */
    public String detail() {
        String message = getMessage();
        return message == null ? kind.name() : message;
    }

    /** Whether asking again may help. */
    public enum Kind {
        /** Nothing came back, or not in time, or a 5xx or 429: later may help. */
        PASSING,
        /** The platform understood and refused. */
        REFUSED,
        /** What came back is of no use: no JSON, too large, a page that leads elsewhere. */
        UNUSABLE,
        /** The platform offers no such service here, or no address that may be called. */
        NOT_OFFERED
    }
}
