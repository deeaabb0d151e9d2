package org.lectern.chat.protocol;

/**
 * Why a socket was closed: the one table of codes (docs/chat-protocol.md repeats it, held by a test). Whether a client
 * may come back by itself is data, so that clients need no list of their own.
 */
public enum CloseCode {
    /** Nothing is wrong. */
    NORMAL(1000, true, "closed on purpose"),
    /** The frame was larger than the limit. */
    FRAME_TOO_LARGE(1009, true, "a frame was larger than 64 KiB"),
    /** The room could not be read; nothing is wrong with the client. */
    UNAVAILABLE(1013, true, "the room cannot be read now"),
    /** Nothing was heard from the client, not even a pong. */
    IDLE(4000, true, "nothing was heard of the client for 75 seconds"),
    /** The session behind the ticket has ended: launch again. */
    SESSION_EXPIRED(4001, false, "the session has ended; open the course again"),
    /** The person was banned from the room. */
    BANNED(4003, false, "the person was banned from the room"),
    /** The client does not read as fast as the room speaks; it resumes by its last sequence number. */
    TOO_SLOW(4008, true, "the client reads too slowly; it resumes by its last number"),
    /** The node is told to stop. */
    DRAINING(4009, true, "the node stops; another one takes over"),
    /** The room's sequence began anew. */
    RESTARTED(4010, true, "the room's sequence must be read anew"),
    /** The client sent far more than the limits permit. */
    RATE(4029, true, "far more frames than permitted");

    private final int code;
    private final boolean mayReconnect;
    private final String meaning;

    CloseCode(int code, boolean mayReconnect, String meaning) {
        this.code = code;
        this.mayReconnect = mayReconnect;
        this.meaning = meaning;
    }

    /** The status code of the close frame (RFC 6455, section 7.4). */
    public int code() {
        return code;
    }

    /** Whether a client may connect again by itself, with back-off and a new ticket. */
    public boolean mayReconnect() {
        return mayReconnect;
    }

    /** One line for the documentation. */
    public String meaning() {
        return meaning;
    }
}
