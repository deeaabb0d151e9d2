package org.lectern.db.replica;

import java.util.UUID;
import reactor.core.publisher.Mono;

/**
 * What each session has written so far, as WAL positions; shared by all nodes that serve the session.
 *
 * <p>May forget at any time: what is unknown is read from the primary. May never go back: {@link #advance} merges by
 * maximum, in whatever order the calls arrive. Non-blocking and thread-safe.
 */
public interface PositionStore {

    /** The furthest known position of a session in the log (server, timeline); empty when unknown. */
    Mono<Long> find(UUID session, String server, long timeline);

    /** Notes that the session has seen or written the position; completes when every node can find it. */
    Mono<Void> advance(UUID session, WalPosition position);
}
