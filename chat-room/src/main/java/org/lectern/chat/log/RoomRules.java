package org.lectern.chat.log;

import org.jspecify.annotations.Nullable;

/**
 * What staff set for a whole room.
 *
 * @param slowSeconds the pause between two messages of one person, or null
 * @param announce whether only staff may write
 */
public record RoomRules(@Nullable Integer slowSeconds, boolean announce) {

    /** Everybody may write at any time. */
    public static final RoomRules OPEN = new RoomRules(null, false);
}
