package org.lectern.chat.log;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A room as one person finds it.
 *
 * @param rules what staff set for everybody
 * @param head the last number
 * @param read up to where this person has read
 * @param unread how many messages of others came after it, counted up to 1000
 * @param mentions how many of those mention this person
 * @param pins how many messages are pinned
 * @param muted whether this person may read but not write
 * @param mutedUntil until when, where that is known
 */
public record RoomView(
        RoomRules rules,
        long head,
        long read,
        long unread,
        long mentions,
        long pins,
        boolean muted,
        @Nullable Instant mutedUntil) {}
