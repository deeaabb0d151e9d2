package org.lectern.db.replica;

import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * Tells the data plane whose request this is, so that {@code Freshness.SESSION} sees what the session wrote. The edge
 * writes it once around each authenticated request: {@code chain.filter(exchange).contextWrite(SessionPositions.of(id))}.
 */
public final class SessionPositions {

    private static final Object KEY = SessionPositions.class;

    private SessionPositions() {}

    /** For {@code contextWrite}: everything upstream belongs to the session. */
    public static Function<Context, Context> of(UUID session) {
        return context -> context.put(KEY, session);
    }

    /** Whose request it is; empty when nobody said. */
    public static Optional<UUID> session(ContextView context) {
        return context.getOrEmpty(KEY);
    }
}
