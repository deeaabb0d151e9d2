package org.lectern.infra.scaling;

import java.time.Clock;
import java.time.Instant;
import org.lectern.db.replica.Servers;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;

/**
 * Mean time of what this node lately asked of each database server, waiting for a connection included; each node has its
 * own, and the subject is the server, which is what gets another replica.
 */
@Component
final class QuerySignals implements SignalSource {

    private final Servers servers;
    private final Clock clock;

    QuerySignals(Servers servers, Clock clock) {
        this.servers = servers;
        this.clock = clock;
    }

    @Override
    public boolean ofThisNode() {
        return true;
    }

    @Override
    public Flux<Signal> measure() {
        return Flux.defer(() -> {
            Instant now = clock.instant();
            return Flux.fromIterable(servers.meanQueryMillis().entrySet())
                    .map(server -> new Signal(Signal.Kind.QUERY_MILLIS, server.getKey(), server.getValue(), now));
        });
    }
}
