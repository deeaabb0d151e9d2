package org.lectern.infra.storage;

import java.time.Clock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Removes from all storages, every hour, what killed nodes left half stored; a region that does not answer is tried again then. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
final class StorageSweeper implements SmartLifecycle {

    private static final Logger LOG = LoggerFactory.getLogger(StorageSweeper.class);
    private static final Duration EVERY = Duration.ofHours(1);

    /** Longer than anything that is still being stored. */
    private static final Duration FORGOTTEN = Duration.ofHours(24);

    private final RegionalStorage storage;
    private final ObjectProvider<ObjectOwner> owners;
    private final Clock clock;
    private volatile @Nullable Disposable running;

    StorageSweeper(RegionalStorage storage, ObjectProvider<ObjectOwner> owners, Clock clock) {
        this.storage = storage;
        this.owners = owners;
        this.clock = clock;
    }

    @Override
    public void start() {
        running = Flux.interval(EVERY)
                .onBackpressureDrop()
                .concatMap(tick -> Mono.defer(this::sweep).onErrorResume(failure -> {
                    LOG.warn("What is half stored could not be looked for now", failure);
                    return Mono.empty();
                }))
                .subscribe();
    }

    /** One round. */
    Mono<Void> sweep() {
        return storage.all()
                .concatMap(region -> region.sweep(clock.instant().minus(FORGOTTEN), this::ours)
                        .onErrorResume(failure -> {
                            LOG.warn("What is half stored could not be removed now", failure);
                            return Mono.empty();
                        }))
                .then();
    }

    private boolean ours(String key) {
        return owners.stream().anyMatch(owner -> owner.owns(key));
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
