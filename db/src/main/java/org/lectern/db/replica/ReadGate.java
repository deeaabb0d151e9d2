package org.lectern.db.replica;

import org.lectern.db.pool.HostPort;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Mono;

/**
 * Decides, beside a read and on the server that answers it, whether its rows may be given out. It is asked when the read
 * begins and runs at the same time; no row passes before it has completed. Its failure is the read's.
 */
@FunctionalInterface
public interface ReadGate {

    /** Every row passes. */
    ReadGate OPEN = (server, side, sql) -> Mono.empty();

    /**
     * Completes when rows of this server may pass.
     *
     * @param server that answers the read
     * @param side what that server is
     * @param sql statements on that server
     */
    Mono<Void> passes(HostPort server, Side side, DatabaseClient sql);

    /** What the server that answers a read is. */
    enum Side {
        PRIMARY,
        REPLICA
    }

    /** The replica has not replayed as far as this read needs, though it is healthy: the primary is asked instead. */
    final class BehindException extends RuntimeException {

        private static final long serialVersionUID = 1L;

        /** Without a stack: it never leaves the data plane. */
        public BehindException() {
            super("the replica does not know yet", null, false, false);
        }
    }
}
