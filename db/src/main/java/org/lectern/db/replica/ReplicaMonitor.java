package org.lectern.db.replica;

import java.util.concurrent.atomic.AtomicReference;
import org.lectern.db.pool.HostPort;
import org.lectern.db.settings.DatabaseSettings;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * What is known of one replica. Written by its probe and by reads that failed on it; read on every routed read without
 * a lock. Thread-safe.
 */
final class ReplicaMonitor {

    private final String server;
    private final DatabaseSettings.Replica replica;
    private final HostPort address;
    private final AtomicReference<State> state = new AtomicReference<>(State.unknown());

    ReplicaMonitor(String server, DatabaseSettings.Replica replica) {
        this.server = server;
        this.replica = replica;
        this.address = HostPort.parse(replica.address());
    }

    String server() {
        return server;
    }

    HostPort address() {
        return address;
    }

    String region() {
        return replica.region();
    }

    int weight() {
        return replica.weight();
    }

    State state() {
        return state.get();
    }

    /** Notes a measurement. */
    void measured(long timeline, long replayed, long lagNanos, long lagBytes, long nanos) {
        state.updateAndGet(before -> new State(
                true, timeline, replayed, lagNanos, lagBytes, nanos, before.up() ? before.down() : Sinks.empty()));
    }

    /** Takes it out until a probe succeeds, and frees the reads that wait for its first row. */
    void failed() {
        State before = state.getAndUpdate(State::asDown);
        if (before.up()) {
            before.down().tryEmitEmpty();
        }
    }

    /** Completes when the replica is found to be down. */
    Mono<Void> whenDown() {
        return state.get().down().asMono();
    }

    /**
     * Whether it may answer a read that accepts data as old as the bound.
     *
     * @param maxLagNanos the bound
     * @param nanos now
     */
    boolean eligible(long maxLagNanos, long nanos) {
        State now = state.get();
        return now.up() && now.lagNanos() + (nanos - now.measuredNanos()) <= maxLagNanos;
    }

    /**
     * @param up whether the last probe succeeded and no read has failed since
     * @param timeline the timeline that it follows
     * @param replayed bytes of the log that it has replayed
     * @param lagNanos for how long it has lacked something, when it was measured
     * @param lagBytes how much it lacked
     * @param measuredNanos when
     * @param down completed when this state ends in failure
     */
    record State(
            boolean up,
            long timeline,
            long replayed,
            long lagNanos,
            long lagBytes,
            long measuredNanos,
            Sinks.Empty<Void> down) {

        static State unknown() {
            Sinks.Empty<Void> down = Sinks.empty();
            down.tryEmitEmpty();
            return new State(false, -1, 0, 0, 0, 0, down);
        }

        State asDown() {
            return new State(false, timeline, replayed, lagNanos, lagBytes, measuredNanos, down);
        }
    }
}
