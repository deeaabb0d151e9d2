package org.lectern.analytics.capacity;

import java.time.Duration;
import java.util.List;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.SignalSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Asks sources for their values: each for a bounded time and number, each failing alone. */
final class SignalSampling {

    private static final Logger log = LoggerFactory.getLogger(SignalSampling.class);

    private static final int MOST_PER_SOURCE = 1000;

    private SignalSampling() {}

    static Mono<List<Signal>> measure(List<SignalSource> sources, Duration timeout) {
        return Flux.fromIterable(sources)
                .flatMap(source -> Flux.defer(source::measure)
                        .take(MOST_PER_SOURCE)
                        .take(timeout)
                        .filter(signal -> Double.isFinite(signal.value()))
                        .onErrorResume(error -> {
                            log.warn(
                                    "{} cannot be measured now: {}",
                                    source.getClass().getSimpleName(),
                                    error.toString());
                            return Flux.empty();
                        }))
                .collectList();
    }
}
