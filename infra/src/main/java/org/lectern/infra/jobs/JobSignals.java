package org.lectern.infra.jobs;

import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.SignalSource;
import reactor.core.publisher.Flux;

/**
 * How many jobs wait, for the control plane: per type as the backlog, per lane as the queue depth. Counted in the job
 * table, where they wait; the broker's queues hold only the small part that is handed over already.
 */
final class JobSignals implements SignalSource {

    private final JobStore store;
    private final Clock clock;

    JobSignals(JobStore store, Clock clock) {
        this.store = store;
        this.clock = clock;
    }

    @Override
    public Flux<Signal> measure() {
        return store.backlog().collectList().flatMapIterable(this::signals);
    }

    private List<Signal> signals(List<JobStore.Backlog> backlogs) {
        Instant now = clock.instant();
        Map<JobType, Long> types = new EnumMap<>(JobType.class);
        Map<Lane, Long> lanes = new EnumMap<>(Lane.class);
        for (JobStore.Backlog backlog : backlogs) {
            types.merge(backlog.type(), backlog.depth(), Long::sum);
            lanes.merge(backlog.lane(), backlog.depth(), Long::sum);
        }
        List<Signal> signals = new ArrayList<>();
        for (JobType type : JobType.values()) {
            signals.add(new Signal(Signal.Kind.BACKLOG, type.key(), types.getOrDefault(type, 0L), now));
        }
        for (Lane lane : Lane.values()) {
            signals.add(new Signal(Signal.Kind.QUEUE_DEPTH, lane.key(), lanes.getOrDefault(lane, 0L), now));
        }
        return signals;
    }
}
