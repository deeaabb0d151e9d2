package org.lectern.chat.log;

/**
 * How a person comes into a room.
 *
 * @param read the last number this person has seen on any device; 0 for none
 * @param banned whether staff keeps them out
 */
public record Entrance(long read, boolean banned) {}
