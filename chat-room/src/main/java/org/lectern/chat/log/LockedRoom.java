package org.lectern.chat.log;

/**
 * A room's row while its lock is held.
 *
 * @param head how far the sequence is
 * @param rules what staff set for everybody
 * @param guarded whether somebody may be muted or banned
 */
record LockedRoom(RoomHead head, RoomRules rules, boolean guarded) {}
