package org.lectern.infra.scaling;

import java.time.Clock;
import java.time.Instant;
import org.lectern.db.replica.ReplicaStatus;
import org.lectern.db.replica.Servers;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;

/** How far replicas are behind; one that does not answer has no lag to tell. */
@Component
final class ReplicaSignals implements SignalSource {

    private final Servers servers;
    private final Clock clock;

    ReplicaSignals(Servers servers, Clock clock) {
        this.servers = servers;
        this.clock = clock;
    }

    @Override
    public Flux<Signal> measure() {
        return Flux.defer(() -> {
            Instant now = clock.instant();
            return Flux.fromIterable(servers.replicas())
                    .filter(ReplicaStatus::up)
                    .map(replica -> new Signal(
                            Signal.Kind.REPLICA_LAG_MILLIS,
                            replica.server() + "/" + replica.address(),
                            replica.lagMillis(),
                            now));
        });
    }
}
