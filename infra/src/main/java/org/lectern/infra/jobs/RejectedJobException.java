package org.lectern.infra.jobs;

import java.io.Serial;

/** The job cannot succeed however often it is tried; the message is its cause on the dead-letter list. */
public final class RejectedJobException extends Exception {

    @Serial
    private static final long serialVersionUID = 1L;

    /** Rejects with the cause that operators see. */
    public RejectedJobException(String cause) {
        super(cause);
    }
}
