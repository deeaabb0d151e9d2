package org.lectern.chat.protocol;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the server sends. Those that are an {@link Entry} carry a number of the room's one gapless sequence and come in
 * its order; the others concern only this connection and are not repeated.
 */
public sealed interface ServerFrame {

    /** The value of the field {@code type}. */
    String type();

    /**
     * The first frame of every connection.
     *
     * @param epoch incarnation of the room's sequence; another one than the client knew means: forget and start anew
     * @param seq the room's head now; what was missed up to it follows when {@code since} was given
     * @param shard the shard of the room that this connection counts to
     * @param read the last number this person has seen on any device, for the unread line; 0 for none
     */
    record Welcome(long epoch, long seq, int shard, long read) implements ServerFrame {
        @Override
        public String type() {
            return "welcome";
        }
    }

    /**
     * A sent message is committed.
     *
     * @param id the client's own id
     * @param seq its place in the room
     */
    record Ack(String id, long seq) implements ServerFrame {
        @Override
        public String type() {
            return "ack";
        }
    }

    /**
     * A frame of the client had no effect.
     *
     * @param code why, stable
     * @param detail for people
     * @param id the client's id in the refused frame, where it had one
     * @param retryAfterMs when the same frame may succeed, in milliseconds from now, where that is known
     */
    record Refused(
            ErrorCode code,
            String detail,
            @Nullable String id,
            @Nullable Long retryAfterMs) implements ServerFrame {
        /** A refusal that does not say when to come again. */
        public Refused(ErrorCode code, String detail, @Nullable String id) {
            this(code, detail, id, null);
        }

        @Override
        public String type() {
            return "error";
        }
    }

    /**
     * Who is here and who is writing, at most once a second however many come and go.
     *
     * @param count people in the room, over all nodes
     * @param people some of them
     * @param typing those who are writing now
     */
    record Presence(int count, List<Person> people, List<Person> typing) implements ServerFrame {
        /** Copies the lists. */
        public Presence {
            people = List.copyOf(people);
            typing = List.copyOf(typing);
        }

        @Override
        public String type() {
            return "presence";
        }
    }

    /**
     * This node will go: connect elsewhere, with a new ticket.
     *
     * @param afterMs when, in milliseconds; spread over the clients so that they do not come all at once
     */
    record Reconnect(long afterMs) implements ServerFrame {
        @Override
        public String type() {
            return "reconnect";
        }
    }

    /** A frame of the room's sequence. */
    sealed interface Entry extends ServerFrame {

        /** The client's own id of what made the entry. */
        String id();

        /** Its place in the room: from 1, without gaps. */
        long seq();

        /** Whose doing it is. */
        Person user();

        /** When it was accepted. */
        Instant ts();
    }

    /**
     * Somebody said something. Who resumes gets it as it is now: with the text of its last edit, or none.
     *
     * @param text what; empty when it was deleted
     * @param replyTo the first message of the thread, where this is an answer
     * @param links what is attached
     * @param mentions members whose names stand behind an {@code @}
     * @param editedAt when it was edited last, where it was before this frame was made
     * @param deleted whether it was deleted before this frame was made
     */
    record Message(
            String id,
            long seq,
            Person user,
            String text,
            Instant ts,
            @Nullable Long replyTo,
            List<Link> links,
            List<UUID> mentions,
            @Nullable Instant editedAt,
            boolean deleted)
            implements Entry {
        /** Copies the lists. */
        public Message {
            links = List.copyOf(links);
            mentions = List.copyOf(mentions);
        }

        /** A text alone, just said. */
        public Message(String id, long seq, Person user, String text, Instant ts) {
            this(id, seq, user, text, ts, null, List.of(), List.of(), null, false);
        }

        @Override
        public String type() {
            return "message";
        }
    }

    /** The text of the message {@code target} was replaced; empty when that message was deleted later. */
    record Edited(String id, long seq, Person user, long target, String text, Instant ts) implements Entry {
        @Override
        public String type() {
            return "edit";
        }
    }

    /** The message {@code target} was taken away. */
    record Deleted(String id, long seq, Person user, long target, Instant ts) implements Entry {
        @Override
        public String type() {
            return "delete";
        }
    }

    /** A reaction to the message {@code target} was set or cleared. */
    record Reaction(String id, long seq, Person user, long target, String emoji, boolean on, Instant ts)
            implements Entry {
        @Override
        public String type() {
            return "reaction";
        }
    }

    /** The message {@code target} was put up for everybody, or taken down. */
    record Pinned(String id, long seq, Person user, long target, boolean on, Instant ts) implements Entry {
        @Override
        public String type() {
            return "pin";
        }
    }

    /**
     * Staff changed what may be done in the room or by a person. Reasons stay in the audit log.
     *
     * @param subject whom it concerns, for actions that concern a person
     * @param until when it ends by itself, where it does
     * @param seconds the pause of slow mode
     */
    record Moderation(
            String id,
            long seq,
            Person user,
            Deed.Action action,
            @Nullable UUID subject,
            @Nullable Instant until,
            @Nullable Integer seconds,
            Instant ts)
            implements Entry {
        @Override
        public String type() {
            return "moderation";
        }
    }
}
