package org.lectern.infra.batching;

import java.io.Serial;

/** The bounded queue of a batcher is full; nothing was written, and the same item may be tried later. */
public final class QueueFullException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** Names the limit. */
    public QueueFullException(int queueLimit) {
        super("more than " + queueLimit + " items wait", null, false, false);
    }
}
