package org.lectern.analytics;

import java.time.Clock;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * Asks for a rollup job for every context that has waiting activity and no rollup on its way.
 *
 * <p>The context's row in {@code rollup_state} names the job on its way and is taken in the transaction that submits
 * the job, so any number of nodes may do this at once: one of them wins a context. The job's effect clears the row; when
 * a job is lost to an operator's cancel, the row becomes free after {@code lectern.analytics.rollup-patience}.
 */
@Component
@ConditionalOnRole(NodeRole.ANALYTICS)
final class RollupScheduler implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(RollupScheduler.class);

    private static final int CONTEXTS_AT_ONCE = 200;
    private static final int SUBMITS_AT_ONCE = 4;
    private static final Duration SWEEP_TIME = Duration.ofSeconds(20);

    private static final String DUE = """
            select distinct p.context_id from activity_pending p
            left join rollup_state s on s.context_id = p.context_id
            where (s.job_id is null or s.requested_at < :stale)
              and p.logical_shard in (select logical_shard from owned_shard)
            limit :limit
            """;

    private static final String TAKE = """
            insert into rollup_state as s (context_id, logical_shard, job_id, requested_at)
            values (:context, :logicalShard, :job, :now)
            on conflict (context_id) do update set job_id = excluded.job_id, requested_at = excluded.requested_at
            where s.job_id is null or s.requested_at < :stale
            """;

    private final Shards shards;
    private final Jobs jobs;
    private final IdGenerator ids;
    private final Clock clock;
    private final AnalyticsSettings settings;
    private @Nullable Disposable sweeping;

    RollupScheduler(Shards shards, Jobs jobs, IdGenerator ids, Clock clock, AnalyticsSettings settings) {
        this.shards = shards;
        this.jobs = jobs;
        this.ids = ids;
        this.clock = clock;
        this.settings = settings;
    }

    /** Looks once at every shard; a shard that cannot be reached is left for the next time. */
    Mono<Long> sweep() {
        return Flux.fromIterable(shards.physicalShards())
                .flatMap(shard -> sweep(shard).onErrorResume(error -> {
                    log.warn("Rollups of {} not asked for, will try again: {}", shard, error.toString());
                    return Mono.just(0L);
                }))
                .reduce(0L, Long::sum);
    }

    private Mono<Long> sweep(PhysicalShardId shard) {
        OffsetDateTime stale = OffsetDateTime.now(clock).minus(settings.rollupPatience());
        return shards.readOn(
                        shard,
                        Freshness.PRIMARY,
                        sql -> sql.sql(DUE)
                                .bind("stale", stale)
                                .bind("limit", CONTEXTS_AT_ONCE)
                                .mapValue(UUID.class)
                                .all())
                .map(ContextId::new)
                // A logical shard that has moved away may leave rows behind; they belong to its new place.
                .filter(context -> shards.physicalShardOf(context).equals(shard))
                .flatMap(context -> shards.write(context, transaction -> request(transaction, stale)), SUBMITS_AT_ONCE)
                .reduce(0L, Long::sum);
    }

    private Mono<Long> request(ShardTransaction transaction, OffsetDateTime stale) {
        UUID job = ids.generateId();
        return transaction
                .sql()
                .sql(TAKE)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("job", job)
                .bind("now", OffsetDateTime.now(clock))
                .bind("stale", stale)
                .fetch()
                .rowsUpdated()
                .flatMap(taken -> taken == 0
                        ? Mono.just(0L)
                        : jobs.submit(
                                        transaction,
                                        new JobRequest(
                                                job,
                                                JobType.ANALYTICS,
                                                RollupHandler.KIND,
                                                Lane.STANDARD,
                                                0,
                                                JsonNodeFactory.instance.objectNode(),
                                                null))
                                .thenReturn(1L));
    }

    @Override
    public void start() {
        sweeping = Flux.interval(settings.rollupInterval())
                .onBackpressureDrop()
                .concatMap(
                        tick -> sweep().timeout(SWEEP_TIME).onErrorResume(error -> {
                            log.warn("Looking for new activity failed, will try again: {}", error.toString());
                            return Mono.empty();
                        }),
                        0)
                .subscribe();
    }

    @Override
    public void stop() {
        if (sweeping != null) {
            sweeping.dispose();
            sweeping = null;
        }
    }

    @Override
    public boolean isRunning() {
        return sweeping != null;
    }
}
