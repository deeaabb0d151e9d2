package org.lectern.chat.log;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.ErrorCode;

/** What became of an entry that was to be written. */
public sealed interface Written {

    /**
     * It is committed.
     *
     * @param seq its number
     * @param before whether it was there already: the same id with the same content
     */
    record Committed(long seq, boolean before) implements Written {}

    /** The id was used before with other content; nothing was written. */
    record Conflicting() implements Written {}

    /**
     * The rules of the room forbid it now; nothing was written.
     *
     * @param code why
     * @param retryAfter when it may succeed, where that is known
     */
    record Refused(ErrorCode code, @Nullable Duration retryAfter) implements Written {
        /** Refused, and time changes nothing. */
        public Refused(ErrorCode code) {
            this(code, null);
        }
    }
}
