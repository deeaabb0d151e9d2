package org.lectern.infra.jobs;

import java.util.UUID;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

/**
 * Tells watchers on this node which job has just changed here, so that they need not wait for their next look at the row.
 * May drop hints when there are too many; thread-safe.
 */
final class JobChanges {

    private final Sinks.Many<UUID> changed = Sinks.many().multicast().directBestEffort();

    /** The job's row has changed. */
    void changed(UUID id) {
        // Another thread emits at the same moment: this hint is lost, the next look at the row finds the change.
        changed.tryEmitNext(id);
    }

    /** A signal for each change of the job seen here. */
    Flux<Long> of(UUID id) {
        return changed.asFlux().filter(id::equals).map(hint -> 0L);
    }
}
