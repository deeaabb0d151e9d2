package org.lectern.db.replica;

import java.util.Optional;
import java.util.function.Function;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/** The region whose replicas a request prefers, where it is not the node's own. */
public final class PreferredRegion {

    private static final Object KEY = PreferredRegion.class;

    private PreferredRegion() {}

    /** For {@code contextWrite}: reads upstream prefer replicas of the region. */
    public static Function<Context, Context> of(String region) {
        return context -> context.put(KEY, region);
    }

    static Optional<String> in(ContextView context) {
        return context.getOrEmpty(KEY);
    }
}
