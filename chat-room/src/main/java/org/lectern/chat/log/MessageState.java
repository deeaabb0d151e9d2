package org.lectern.chat.log;

import java.util.List;
import org.lectern.chat.protocol.ServerFrame;

/**
 * A message as it is now, for one reader.
 *
 * @param message what was said, with its last text
 * @param reactions by emoji, those that were there first first
 * @param replies how many answers its thread has
 * @param pinned whether it is put up for everybody
 * @param asOf the room's head when it was read: what entries up to it did is contained, what later ones do is not
 */
public record MessageState(
        ServerFrame.Message message, List<Reactions> reactions, int replies, boolean pinned, long asOf) {

    /** Copies the reactions. */
    public MessageState {
        reactions = List.copyOf(reactions);
    }

    /**
     * One emoji's reactions.
     *
     * @param emoji which
     * @param count of how many people
     * @param mine whether the reader is one of them
     */
    public record Reactions(String emoji, int count, boolean mine) {}
}
