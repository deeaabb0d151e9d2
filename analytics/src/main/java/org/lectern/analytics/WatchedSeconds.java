package org.lectern.analytics;

/** The one definition of how long a watch event lasted, shared by rollups and by reads of single events. */
final class WatchedSeconds {

    /**
     * SQL over {@code activity a}: seconds of a watched stretch, 0 for anything else; a stretch that ends before it
     * begins counts 0, one longer than a day counts a day.
     */
    static final String SQL = """
            case when a.verb = 'watched' then least(86400.0, greatest(0.0, coalesce(
                (a.measures ->> 'to')::double precision - (a.measures ->> 'from')::double precision, 0.0)))
            else 0.0 end""";

    private WatchedSeconds() {}
}
