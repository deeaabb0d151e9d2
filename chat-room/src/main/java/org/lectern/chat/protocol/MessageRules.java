package org.lectern.chat.protocol;

import java.util.regex.Pattern;

/** What a message must be, the same for sockets and HTTP. */
public final class MessageRules {

    /** The most characters (code points) of a text. */
    public static final int TEXT_LIMIT = 4000;

    /** The most characters of a client's id. */
    public static final int ID_LIMIT = 64;

    /** The most links attached to a message. */
    public static final int LINK_LIMIT = 5;

    /** The most characters of a reason for the audit log. */
    public static final int REASON_LIMIT = 500;

    /** The most people that one message mentions; names beyond them stay text. */
    public static final int MENTION_LIMIT = 20;

    /** The longest pause that slow mode can ask for, in seconds. */
    public static final int SLOW_LIMIT_SECONDS = 3600;

    private static final int EMOJI_LIMIT = 32;
    private static final int KEYCAP = 0x20E3;
    private static final Pattern ONE_CHARACTER = Pattern.compile("\\X");

    private MessageRules() {}

    /** Whether a client's id is 1 to 64 visible ASCII characters. */
    public static boolean validId(String id) {
        return !id.isEmpty() && id.length() <= ID_LIMIT && id.chars().allMatch(c -> c > ' ' && c <= '~');
    }

    /**
     * Whether a text says something, is not too long, and is text: no NUL (PostgreSQL cannot hold it) and no half of a
     * surrogate pair.
     */
    public static boolean validText(String text) {
        if (text.isBlank() || text.length() > TEXT_LIMIT * 2 || text.codePointCount(0, text.length()) > TEXT_LIMIT) {
            return false;
        }
        return text.codePoints()
                .noneMatch(c -> c == 0 || (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE));
    }

    /**
     * Whether a text is one emoji as people see it, whatever it is made of: joined ones, skin tones, flags and keycaps
     * count as one.
     */
    public static boolean validEmoji(String text) {
        if (text.length() > EMOJI_LIMIT || !ONE_CHARACTER.matcher(text).matches()) {
            return false;
        }
        return text.codePoints()
                .anyMatch(c -> Character.isEmojiPresentation(c) || Character.isExtendedPictographic(c) || c == KEYCAP);
    }
}
