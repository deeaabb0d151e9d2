package org.lectern.chat.protocol;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What somebody does in a room so that everybody sees it: each becomes one entry of the room's sequence. The same for
 * sockets and HTTP; {@link FrameCodec} has checked every field against its limits.
 */
public sealed interface Deed {

    /**
     * What makes a resend the same: all of the content, in one text that does not depend on how it was written as JSON.
     */
    String content();

    /** The message that this is about, or null. */
    default @Nullable Long about() {
        return null;
    }

    /**
     * Says something.
     *
     * @param text 1 to 4000 characters (code points)
     * @param replyTo sequence number of the message that this answers; an answer to an answer belongs to the first
     *     message of the thread
     * @param links what is attached, at most {@link MessageRules#LINK_LIMIT}
     */
    record Say(String text, @Nullable Long replyTo, List<Link> links) implements Deed {
        /** Copies the links. */
        public Say {
            links = List.copyOf(links);
        }

        /** A text alone. */
        public Say(String text) {
            this(text, null, List.of());
        }

        @Override
        public String content() {
            return joined("say", text, replyTo, links);
        }

        @Override
        public @Nullable Long about() {
            return replyTo;
        }
    }

    /** Replaces the text of an own message. */
    record Edit(long target, String text) implements Deed {
        @Override
        public String content() {
            return joined("edit", target, text);
        }

        @Override
        public Long about() {
            return target;
        }
    }

    /**
     * Takes a message away: one's own, or anybody's for staff.
     *
     * @param reason for the audit log, where staff gave one
     */
    record Delete(long target, @Nullable String reason) implements Deed {
        @Override
        public String content() {
            return joined("delete", target);
        }

        @Override
        public Long about() {
            return target;
        }
    }

    /** Sets or clears a reaction. */
    record React(long target, String emoji, boolean on) implements Deed {
        @Override
        public String content() {
            return joined("react", target, emoji, on);
        }

        @Override
        public Long about() {
            return target;
        }
    }

    /** Puts a message up for everybody, or takes it down; for staff. */
    record Pin(long target, boolean on) implements Deed {
        @Override
        public String content() {
            return joined("pin", target, on);
        }

        @Override
        public Long about() {
            return target;
        }
    }

    /**
     * Changes what may be done in the room or by a person; for staff.
     *
     * @param action what
     * @param subject whom it concerns; needed for those actions that concern a person, null for the others
     * @param until when it ends by itself, for MUTE and BAN; null for until it is taken back
     * @param seconds the pause between two messages of one person, for SLOW
     * @param reason for the audit log
     */
    record Moderate(
            Action action,
            @Nullable UUID subject,
            @Nullable Instant until,
            @Nullable Integer seconds,
            @Nullable String reason)
            implements Deed {
        @Override
        public String content() {
            return joined("moderate", action, subject, until, seconds);
        }
    }

    /** What staff can do to a room or a person. */
    enum Action {
        /** The person may read but not write. */
        MUTE(true),
        /** Takes MUTE back. */
        UNMUTE(true),
        /** The person may not be here. */
        BAN(true),
        /** Takes BAN back. */
        UNBAN(true),
        /** Everybody but staff may write only now and then. */
        SLOW(false),
        /** Only staff may write. */
        ANNOUNCE(false),
        /** Takes SLOW and ANNOUNCE back. */
        OPEN(false);

        private final boolean personal;

        Action(boolean personal) {
            this.personal = personal;
        }

        /** Whether it concerns one person, not the room. */
        public boolean personal() {
            return personal;
        }

        /** The name on the wire. */
        public String wire() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static String joined(@Nullable Object... parts) {
        StringBuilder all = new StringBuilder();
        for (@Nullable Object part : parts) {
            all.append(part).append('\0');
        }
        return all.toString();
    }
}
