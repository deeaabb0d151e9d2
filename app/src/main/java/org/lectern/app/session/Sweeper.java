package org.lectern.app.session;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Removes everything that has expired, every minute; what cannot be removed now is removed with the next round. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Sweeper implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(Sweeper.class);
    private static final Duration EVERY = Duration.ofMinutes(1);

    private final List<Expiring> all;
    private volatile @Nullable Disposable running;

    Sweeper(List<Expiring> all) {
        this.all = List.copyOf(all);
    }

    @Override
    public void start() {
        running = Flux.interval(EVERY)
                .onBackpressureDrop()
                .concatMap(tick -> sweep())
                .subscribe();
    }

    /** One round. */
    Mono<Void> sweep() {
        return Flux.fromIterable(all)
                .concatMap(one -> one.removeExpired().onErrorResume(failure -> {
                    log.warn("expired {} could not be removed now: {}", one.expiring(), failure.toString());
                    return Mono.empty();
                }))
                .then();
    }

    @Override
    public void stop() {
        Disposable current = running;
        if (current != null) {
            current.dispose();
            running = null;
        }
    }

    @Override
    public boolean isRunning() {
        return running != null;
    }
}
