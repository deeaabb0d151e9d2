package org.lectern.infra.cache;

import java.time.Duration;
import java.util.Locale;

/**
 * How long a value stays true enough, and whether a CDN in front may keep it too (row K1). The times are defaults;
 * {@link CacheSettings#times()} changes them.
 */
public enum CacheKind {
    /** What hardly changes: 24 hours, also at the edge. */
    STATIC(Duration.ofHours(24), true),
    /** Answers of searches: 1 hour, also at the edge. */
    SEARCH(Duration.ofHours(1), true),
    /** Embeddings of texts: 7 days, also at the edge. */
    EMBEDDING(Duration.ofDays(7), true),
    /** What belongs to a person: 5 minutes, never at the edge. */
    USER(Duration.ofMinutes(5), false),
    /** What must be true now: never kept; concurrent loads of a key on a node still become one. */
    REAL_TIME(Duration.ZERO, false);

    private final Duration timeToLive;
    private final boolean edge;

    CacheKind(Duration timeToLive, boolean edge) {
        this.timeToLive = timeToLive;
        this.edge = edge;
    }

    /** For how long a value is kept where no setting says otherwise. */
    public Duration timeToLive() {
        return timeToLive;
    }

    /** Whether a cache outside of Lectern may keep it. */
    public boolean edge() {
        return edge;
    }

    /** How metrics, settings and the edge's tags call it. */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
