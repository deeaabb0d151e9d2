package org.lectern.db.embedded;

import org.jspecify.annotations.Nullable;

/** A private server could not be started. The message is one line; the remedy says what a person can do about it. */
public final class EmbeddedServiceException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String remedy;

    /** A failure that a person can mend. */
    public EmbeddedServiceException(String message, String remedy) {
        this(message, remedy, null);
    }

    /** A failure that a person can mend, with what caused it. */
    public EmbeddedServiceException(String message, String remedy, @Nullable Throwable cause) {
        super(message, cause);
        this.remedy = remedy;
    }

    /** What to do: one or two sentences. */
    public String remedy() {
        return remedy;
    }
}
