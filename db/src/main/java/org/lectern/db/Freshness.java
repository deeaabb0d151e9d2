package org.lectern.db;

/** How fresh a read must be; it decides whether a replica may answer. */
public enum Freshness {
    /** Sees every commit that was acknowledged before the read began: the primary answers. */
    PRIMARY,
    /**
     * Sees at least what this session wrote: a replica that has replayed the session's last WAL position may answer.
     * The session's positions come from the Reactor context; where they are unknown, the primary answers.
     */
    SESSION,
    /** May be behind by up to the configured lag (1000 ms by default): any healthy replica may answer. */
    LAGGING
}
