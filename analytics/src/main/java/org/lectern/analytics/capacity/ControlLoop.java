package org.lectern.analytics.capacity;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.db.directory.Directory;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.scaling.SignalSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Signal to history to decision, every few seconds, on one of the analytics nodes: the one that holds the lease measures
 * what looks the same from everywhere, decides, and clears what is too old. When it dies, another one goes on as soon as
 * the lease has ended, from the same history.
 */
@Component
@ConditionalOnRole(NodeRole.ANALYTICS)
final class ControlLoop implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(ControlLoop.class);

    private final Directory directory;
    private final List<SignalSource> sources;
    private final SignalHistory history;
    private final Decisions decisions;
    private final Demand demand;
    private final CapacitySettings settings;
    private final Membership membership;
    private final Clock clock;
    private @Nullable Disposable looping;

    ControlLoop(
            Directory directory,
            List<SignalSource> sources,
            SignalHistory history,
            Decisions decisions,
            CapacitySettings settings,
            Membership membership,
            Clock clock) {
        this.directory = directory;
        this.sources = sources.stream().filter(source -> !source.ofThisNode()).toList();
        this.history = history;
        this.decisions = decisions;
        this.demand = new Demand(settings);
        this.settings = settings;
        this.membership = membership;
        this.clock = clock;
    }

    /**
     * One turn.
     *
     * @return whether this node held the lease and decided
     */
    Mono<Boolean> turn() {
        return Mono.defer(() -> {
            String self = membership.self().id();
            return directory
                    .write(sql -> ControlLease.take(sql, self, settings.lease()))
                    .flatMap(ours -> ours
                            ? SignalSampling.measure(sources, settings.sourceTimeout())
                                    .flatMap(history::append)
                                    .then(decide(self))
                                    .flatMap(decided -> history.prune(
                                                    clock.instant().minus(settings.retention()))
                                            .thenReturn(decided))
                            : Mono.just(false));
        });
    }

    private Mono<Boolean> decide(String self) {
        return directory.write(sql -> ControlLease.held(sql, self).flatMap(held -> {
            if (!held) {
                return Mono.just(false);
            }
            Instant now = clock.instant();
            Duration pause = settings.coolDown().compareTo(settings.reverseCoolDown()) > 0
                    ? settings.coolDown()
                    : settings.reverseCoolDown();
            return SignalHistory.since(sql, now.minus(demand.memory()))
                    .collectList()
                    .flatMap(signals -> decisions
                            .relevant(sql, now.minus(pause))
                            .collectList()
                            .map(known -> demand.decide(now, signals, known)))
                    .flatMap(outcome -> decisions.write(sql, now, outcome).thenReturn(true));
        }));
    }

    @Override
    public void start() {
        looping = Flux.interval(settings.interval())
                .onBackpressureDrop()
                .concatMap(
                        tick -> turn().timeout(settings.lease()).onErrorResume(error -> {
                            log.warn("No decisions now: {}", error.toString());
                            return Mono.empty();
                        }),
                        0)
                .subscribe();
    }

    @Override
    public void stop() {
        if (looping != null) {
            looping.dispose();
            looping = null;
        }
    }

    @Override
    public boolean isRunning() {
        return looping != null;
    }
}
