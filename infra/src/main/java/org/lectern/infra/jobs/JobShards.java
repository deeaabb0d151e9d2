package org.lectern.infra.jobs;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardStatus;
import org.lectern.db.shard.Shards;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Does the same on many shards side by side. A shard that fails or is late is left out of the answer, so that it holds up
 * its own jobs and no others; when each shard last failed is remembered, since whoever could not reach the database for
 * a while must not judge others by the signs of life it has not seen there. Non-blocking and thread-safe.
 */
final class JobShards {

    private static final Logger log = LoggerFactory.getLogger(JobShards.class);
    private static final int AT_ONCE = 32;

    private final Shards shards;
    private final Clock clock;
    private final Instant begun;
    private final Map<PhysicalShardId, Instant> failures = new ConcurrentHashMap<>();
    private final Set<PhysicalShardId> away = ConcurrentHashMap.newKeySet();

    JobShards(Shards shards, Clock clock) {
        this.shards = shards;
        this.clock = clock;
        this.begun = clock.instant();
    }

    /** All shards. */
    List<PhysicalShardId> all() {
        return shards.physicalShards();
    }

    /** The shards whose primary is not known to be down: asking the others would only take time. */
    List<PhysicalShardId> up() {
        List<PhysicalShardId> up = new ArrayList<>();
        for (ShardStatus status : shards.status()) {
            PhysicalShardId shard = new PhysicalShardId(status.shard());
            if (status.primaryUp()) {
                up.add(shard);
            } else {
                failed(shard, "its primary is down");
            }
        }
        return up;
    }

    /** Whether a shard has answered everything for this long. */
    boolean steady(PhysicalShardId shard, Duration time) {
        return !failures.getOrDefault(shard, begun).plus(time).isAfter(clock.instant());
    }

    /**
     * What shards answer, each shard's rows together; of a shard that fails there is nothing.
     *
     * @param limit for each shard
     */
    <T> Flux<T> each(
            Collection<PhysicalShardId> which, Duration limit, Function<PhysicalShardId, ? extends Publisher<T>> work) {
        return Flux.fromIterable(which)
                .flatMap(
                        shard -> Flux.defer(() -> work.apply(shard))
                                .collectList()
                                .timeout(limit)
                                .doOnNext(rows -> answered(shard))
                                .onErrorResume(failure -> {
                                    failed(shard, failure.toString());
                                    return Mono.empty();
                                }),
                        AT_ONCE)
                .flatMapIterable(rows -> rows);
    }

    private void answered(PhysicalShardId shard) {
        if (away.remove(shard)) {
            log.info("The jobs of {} go on", shard);
        }
    }

    private void failed(PhysicalShardId shard, String why) {
        failures.put(shard, clock.instant());
        if (away.add(shard)) {
            log.warn("The jobs of {} wait: {}", shard, why);
        }
    }
}
