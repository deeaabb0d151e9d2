package org.lectern.analytics.capacity;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.scaling.SignalSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Runs on every node, whatever its roles, since only the node itself can tell how it fares. */
@Component
final class NodeSampler implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(NodeSampler.class);

    private final List<SignalSource> sources;
    private final SignalHistory history;
    private final CapacitySettings settings;
    private @Nullable Disposable sampling;

    NodeSampler(List<SignalSource> sources, SignalHistory history, CapacitySettings settings) {
        this.sources = sources.stream().filter(SignalSource::ofThisNode).toList();
        this.history = history;
        this.settings = settings;
    }

    Mono<Void> sample() {
        return SignalSampling.measure(sources, settings.sourceTimeout()).flatMap(history::append);
    }

    @Override
    public void start() {
        sampling = Flux.interval(settings.interval())
                .onBackpressureDrop()
                .concatMap(
                        tick -> sample().timeout(settings.interval()).onErrorResume(error -> {
                            log.warn("Signals of this node are not kept: {}", error.toString());
                            return Mono.empty();
                        }),
                        0)
                .subscribe();
    }

    @Override
    public void stop() {
        if (sampling != null) {
            sampling.dispose();
            sampling = null;
        }
    }

    @Override
    public boolean isRunning() {
        return sampling != null;
    }
}
