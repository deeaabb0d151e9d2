package org.lectern.db.replica;

/**
 * A place in the write-ahead log of one server. Positions compare only within a timeline: a failover begins a new one.
 *
 * @param server the server's name in the settings
 * @param timeline PostgreSQL's timeline id
 * @param lsn bytes from the beginning of the log
 */
public record WalPosition(String server, long timeline, long lsn) {}
