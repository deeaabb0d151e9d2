package org.lectern.infra.cache;

import java.time.Duration;
import tools.jackson.core.type.TypeReference;

/**
 * Values of one sort. A value is called {@code name:key}; that is what invalidation patterns name.
 *
 * @param name lower-case letters, digits and hyphens; part of the wire format
 * @param version to be raised when the shape or the meaning of the values changes: nodes of different versions, as in a
 *     rolling upgrade, do not see each other's values, but hear each other's invalidations
 * @param kind how long values live
 * @param type what the values are; they travel as JSON
 * @param staleFor for how long after the end of its life in memory a value may still be answered at once while a new one
 *     is loaded behind; zero for never
 */
public record CacheFamily<T>(String name, int version, CacheKind kind, TypeReference<T> type, Duration staleFor) {

    /** Refuses names that would not be unambiguous in a pattern. */
    public CacheFamily {
        if (!name.matches("[a-z0-9-]+")) {
            throw new IllegalArgumentException("the name of a cache family is of a-z, 0-9 and -: " + name);
        }
    }

    /** A family in its first version whose values are never answered after their time. */
    public static <T> CacheFamily<T> of(String name, CacheKind kind, TypeReference<T> type) {
        return new CacheFamily<>(name, 1, kind, type, Duration.ZERO);
    }

    /** The same family, whose values may be answered for a while after their time. */
    public CacheFamily<T> staleFor(Duration time) {
        return new CacheFamily<>(name, version, kind, type, time);
    }

    String fullKey(String key) {
        return name + ":" + key;
    }
}
