package org.lectern.infra.jobs;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.telemetry.TraceCarrier;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** Jobs as rows on the shard of their context. */
final class PostgresJobs implements Jobs {

    private static final int MAX_PAGE = 200;

    /** For how long the jobs of a shard are waited for; those of the others are shown without them. */
    private static final Duration LIST_DEADLINE = Duration.ofSeconds(5);

    /** As PostgreSQL orders them: by bytes. UUID's own order is signed. */
    private static final Comparator<Job> NEWEST_FIRST =
            Comparator.<Job, String>comparing(job -> job.id().toString()).reversed();

    /** A job's id may have been made this long before the job was asked for. */
    private static final Duration ID_AGE = Duration.ofDays(1);

    private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);
    private static final Duration LOOKS_AT_LEAST_APART = Duration.ofMillis(200);

    private static final String CANCEL = """
            update job set
                cancel_requested = true,
                state = case when state = 'running' then state else 'cancelled' end,
                finished_at = case when state = 'running' then finished_at else :now end
            where context_id = :context and id = :id and state = any(:from)
            """;

    private static final String REPLAY = """
            update job set state = 'waiting', attempt = 0, percent = 0, stage = null, run_at = :now, finished_at = null,
                           cancel_requested = false
            where context_id = :context and id = :id and state = 'dead' and state = any(:from)
            """;

    private static final String DISCARD = """
            update job set state = 'discarded', finished_at = :now
            where context_id = :context and id = :id and state = any(:from)
            """;

    private final Shards shards;
    private final ShardFanOut fanOut;
    private final JobRows rows;
    private final Clock clock;
    private final JobIntake intake;
    private final JobNudge nudge;
    private final JobChanges changes;
    private final JobOwners owners;

    PostgresJobs(
            Shards shards,
            JsonMapper json,
            Clock clock,
            TraceCarrier traces,
            JobNudge nudge,
            JobChanges changes,
            JobOwners owners,
            MeterRegistry meters) {
        this.shards = shards;
        this.fanOut = new ShardFanOut(shards);
        this.rows = new JobRows(json);
        this.clock = clock;
        this.intake = new JobIntake(shards, json, clock, traces, meters);
        this.nudge = nudge;
        this.changes = changes;
        this.owners = owners;
    }

    @Override
    public Mono<Void> submit(ShardTransaction transaction, JobRequest request) {
        return intake.write(transaction, request)
                .doOnSuccess(written -> transaction.afterCommit().accept(nudge::now));
    }

    @Override
    public Mono<Void> submit(ContextId context, JobRequest request) {
        return intake.write(context, request).doOnSuccess(written -> nudge.now());
    }

    @Override
    public Mono<Job> find(ContextId context, UUID id) {
        return shards.read(
                        context,
                        Freshness.PRIMARY,
                        sql -> sql.sql("select " + JobRows.COLUMNS
                                        + " from job where context_id = :context and id = :id")
                                .bind("context", context.value())
                                .bind("id", id)
                                .map(rows::job)
                                .one())
                .next();
    }

    @Override
    public Mono<Boolean> cancel(ContextId context, UUID id) {
        return change(
                context,
                id,
                CANCEL,
                JobState.CANCELLED,
                // One that runs is ended by its worker, which tells the owner then.
                job -> job.state() == JobState.CANCELLED
                        ? owners.ended(job, "cancelled before it began")
                        : JobHandler.Effect.NONE);
    }

    @Override
    public Mono<Boolean> replay(ContextId context, UUID id) {
        return change(context, id, REPLAY, JobState.WAITING, owners::replayed);
    }

    @Override
    public Mono<Boolean> discard(ContextId context, UUID id) {
        return change(context, id, DISCARD, JobState.DISCARDED, job -> JobHandler.Effect.NONE);
    }

    private Mono<Boolean> change(
            ContextId context, UUID id, String statement, JobState next, Function<Job, JobHandler.Effect> effect) {
        return shards.write(
                        context,
                        transaction -> transaction
                                .sql()
                                .sql(statement + " returning " + JobRows.COLUMNS)
                                .bind("context", context.value())
                                .bind("id", id)
                                .bind("now", OffsetDateTime.now(clock))
                                .bind("from", JobRows.before(next))
                                .map(rows::job)
                                .one()
                                .flatMap(job -> Mono.defer(
                                                () -> effect.apply(job).apply(transaction))
                                        .thenReturn(true))
                                .defaultIfEmpty(false))
                .doOnSuccess(changed -> changed(id));
    }

    private void changed(UUID id) {
        changes.changed(id);
        nudge.now();
    }

    @Override
    public Mono<ShardFanOut.Merged<Job>> list(Query query) {
        int limit = Math.clamp(query.limit(), 1, MAX_PAGE);
        ContextId course = query.course();
        if (course != null) {
            PhysicalShardId place = shards.physicalShardOf(course);
            return shards.readOn(place, Freshness.PRIMARY, sql -> page(place, sql, query, limit))
                    .collectList()
                    .map(jobs -> new ShardFanOut.Merged<>(jobs, Set.of()));
        }
        return fanOut.read(
                Freshness.PRIMARY, NEWEST_FIRST, limit, LIST_DEADLINE, (shard, sql) -> page(shard, sql, query, limit));
    }

    private Flux<Job> page(PhysicalShardId shard, DatabaseClient sql, Query query, int limit) {
        StringBuilder where = new StringBuilder("true");
        Map<String, Object> values = new HashMap<>();
        // Words of ours are written out, so that the partial indexes serve (dead jobs, jobs that wait).
        if (query.state() != null) {
            where.append(" and state = '").append(query.state().key()).append('\'');
        }
        if (query.type() != null) {
            where.append(" and type = '").append(query.type().key()).append('\'');
        }
        if (query.lane() != null) {
            where.append(" and lane = '").append(query.lane().key()).append('\'');
        }
        if (query.course() != null) {
            where.append(" and context_id = :course");
            values.put("course", query.course().value());
        }
        if (query.since() != null) {
            // Ids ascend with time (UUIDv7), which bounds the search; the row's own time decides.
            where.append(" and id >= :idSince and created_at >= :since");
            values.put("idSince", firstIdOf(query.since().minus(ID_AGE)));
            values.put("since", query.since().atOffset(ZoneOffset.UTC));
        }
        if (query.before() != null) {
            where.append(" and id < :before");
            values.put("before", query.before());
        }
        return sql.sql("select " + JobRows.COLUMNS + " from job where " + where + " order by id desc limit :limit")
                .bind("limit", limit)
                .bindValues(values)
                .map(rows::job)
                .all()
                // A course that has moved away may leave rows behind.
                .filter(job -> shards.physicalShardOf(job.context()).equals(shard));
    }

    /** The smallest UUIDv7 of a moment. */
    private static UUID firstIdOf(Instant time) {
        return new UUID(Math.max(0, time.toEpochMilli()) << 16 | 0x7000, Long.MIN_VALUE);
    }

    @Override
    public Flux<Job> watch(ContextId context, UUID id) {
        Flux<Long> looks = Flux.merge(
                Flux.interval(Duration.ZERO, LOOK_AGAIN).onBackpressureDrop(),
                changes.of(id).sample(LOOKS_AT_LEAST_APART));
        return looks.onBackpressureLatest()
                .concatMap(look -> find(context, id), 1)
                .distinctUntilChanged()
                .takeUntil(job -> isFinal(job.state()));
    }

    private static boolean isFinal(JobState state) {
        return switch (state) {
            case DONE, DEAD, CANCELLED, DISCARDED -> true;
            case WAITING, PUBLISHED, RUNNING -> false;
        };
    }
}
