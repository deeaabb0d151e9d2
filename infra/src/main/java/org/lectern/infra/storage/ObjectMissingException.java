package org.lectern.infra.storage;

import java.io.Serial;

/** There is no object under the key. */
public final class ObjectMissingException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    /** Names the key. */
    public ObjectMissingException(String key) {
        super("no object " + key);
    }
}
