package org.lectern.chat.protocol;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A client's frame that cannot be taken; the connection stays. */
public final class MalformedFrameException extends Exception {

    @Serial
    private static final long serialVersionUID = 1L;

    private final ErrorCode code;
    private final @Nullable String id;

    MalformedFrameException(ErrorCode code, String detail, @Nullable String id) {
        super(detail, null, false, false);
        this.code = code;
        this.id = id;
    }

    /** What to answer. */
    public ServerFrame.Refused answer() {
        return new ServerFrame.Refused(code, String.valueOf(getMessage()), id);
    }
}
