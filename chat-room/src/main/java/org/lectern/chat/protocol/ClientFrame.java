package org.lectern.chat.protocol;

/** What a client may send. */
public sealed interface ClientFrame {

    /**
     * Does something that becomes an entry of the room: the frames {@code send}, {@code edit}, {@code delete},
     * {@code react}, {@code pin} and {@code moderate}. The same id again is answered by the same sequence number; with
     * other content by an error.
     *
     * @param id the client's own id of it: 1 to 64 visible ASCII characters, unique for this person and room
     * @param deed what
     */
    record Act(String id, Deed deed) implements ClientFrame {}

    /** The person is writing; repeated every few seconds while they do. */
    record Typing() implements ClientFrame {}

    /**
     * The person has seen everything up to a sequence number.
     *
     * @param seq the last number seen
     */
    record Read(long seq) implements ClientFrame {}
}
