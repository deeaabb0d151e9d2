package org.lectern.app.session;

import reactor.core.publisher.Mono;

/** Rows with an end of their own. Whether one still counts is asked when it is used and never depends on the sweeper. */
public interface Expiring {

    /** What people call these rows, for the log. */
    String expiring();

    /** Removes what expired before now; answers how many rows went. Safe on several nodes at once. */
    Mono<Long> removeExpired();
}
