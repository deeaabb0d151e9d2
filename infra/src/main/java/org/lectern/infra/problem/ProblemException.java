package org.lectern.infra.problem;

import java.io.Serial;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Ends a request with a problem document. The detail goes to the client: it names no secret, no internal address and no
 * other person's data.
 */
public final class ProblemException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private final ProblemType type;
    private final String detail;
    private final @Nullable Duration retryAfter;

    /**
     * A problem with what this occurrence is about.
     *
     * @param type the kind of problem
     * @param detail what went wrong here and what to do, for the client's eyes
     */
    public ProblemException(ProblemType type, String detail) {
        this(type, detail, null);
    }

    /** A problem that may pass: the client is told when to come again. */
    public ProblemException(ProblemType type, String detail, @Nullable Duration retryAfter) {
        super(type + ": " + detail);
        this.type = type;
        this.detail = detail;
        this.retryAfter = retryAfter;
    }

    /** The kind of problem. */
    public ProblemType type() {
        return type;
    }

    /** What went wrong here, for the client's eyes. */
    public String detail() {
        return detail;
    }

    /** When the client may come again, where that is known; sent as {@code Retry-After}. */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }
}
