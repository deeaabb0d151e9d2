package org.lectern.chat.protocol;

import java.util.Locale;
import org.lectern.infra.problem.ProblemType;

/** Why a frame had no effect. Part of the protocol: never renamed. */
public enum ErrorCode {
    /** Not JSON, not a known type, or a field is missing or out of range. */
    MALFORMED(
            false, ProblemType.INVALID_REQUEST, "not JSON, an unknown type, or a field is missing or out of its range"),
    /** The text is empty or longer than 4000 characters. */
    BAD_TEXT(false, ProblemType.INVALID_REQUEST, "the text is empty or longer than 4000 characters"),
    /** The id was used before with another content. */
    CONFLICT(false, ProblemType.CONFLICT, "the id was used before with other content"),
    /** This person may not do that here. */
    FORBIDDEN(false, ProblemType.FORBIDDEN, "this person may not do that here"),
    /** The message that this is about is not there. */
    NOT_FOUND(false, ProblemType.NOT_FOUND, "there is no such message, or it was deleted"),
    /** The time in which a message may be edited is over. */
    TOO_LATE(false, ProblemType.FORBIDDEN, "the message can no longer be edited"),
    /** Staff muted this person. */
    MUTED(false, ProblemType.FORBIDDEN, "this person may read here, but not write"),
    /** Staff banned this person. */
    BANNED(false, ProblemType.FORBIDDEN, "this person was banned from the room"),
    /** Only staff may write now. */
    ANNOUNCE_ONLY(false, ProblemType.FORBIDDEN, "only staff may write here now"),
    /** A room or message holds no more of these. */
    LIMIT(false, ProblemType.CONFLICT, "a room holds 50 pins, a message 20 kinds of reactions"),
    /** The pause of slow mode is not over. */
    SLOW_MODE(true, ProblemType.RATE_LIMITED, "the room is in slow mode; retry_after_ms says when to send again"),
    /** Too many frames of this person or into this room. */
    RATE_LIMITED(true, ProblemType.RATE_LIMITED, "too many frames of this person or into this room"),
    /** The room's bounded queue is full. */
    TRY_LATER(true, ProblemType.TRY_LATER, "too much is waiting to be written"),
    /** The message could not be committed now; send it again with the same id. */
    UNAVAILABLE(true, ProblemType.UNAVAILABLE, "it could not be committed now");

    private final boolean mayRetry;
    private final ProblemType problem;
    private final String meaning;

    ErrorCode(boolean mayRetry, ProblemType problem, String meaning) {
        this.mayRetry = mayRetry;
        this.problem = problem;
        this.meaning = meaning;
    }

    /** The same over HTTP. */
    public ProblemType problem() {
        return problem;
    }

    /** The code on the wire, such as {@code rate_limited}. */
    public String wire() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether the same frame may succeed later. */
    public boolean mayRetry() {
        return mayRetry;
    }

    /** One line for the documentation. */
    public String meaning() {
        return meaning;
    }
}
