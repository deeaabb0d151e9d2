package org.lectern.chat.log;

/**
 * How far a room's sequence is.
 *
 * @param epoch incarnation of the sequence
 * @param seq the last number given; 0 when there is none yet
 */
public record RoomHead(long epoch, long seq) {}
