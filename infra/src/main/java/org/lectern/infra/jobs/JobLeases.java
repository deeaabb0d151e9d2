package org.lectern.infra.jobs;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import java.time.Clock;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.batching.SmartBatcher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.CannotCreateTransactionException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * The right to run jobs: taken, renewed, and given up together with the result. Whoever holds a lease's token is the only
 * one who can write the job's end.
 *
 * <p>Beginnings, and ends that change nothing but the job, are written many at a time, all of them in one transaction: while
 * one batch of a shard commits, the next one gathers ({@link SmartBatcher}). An end with an effect of its own is a transaction of its own, so that one
 * job's effect neither delays nor undoes another's.
 *
 * <p>Blocking, for the workers' virtual threads; bounded in time, fails with what the driver says. Thread-safe.
 */
final class JobLeases {

    private static final Logger log = LoggerFactory.getLogger(JobLeases.class);

    /** For how long a batch may be under way: a server that was cut off without a word must not hold up those after it. */
    static final Duration LIMIT = Duration.ofSeconds(15);

    /** Under load a batch waits for company for as long as the one before it took, up to this. */
    static final Duration LONGEST_REST = Duration.ofMillis(10);

    private static final Duration BEAT_LIMIT = Duration.ofSeconds(5);
    private static final int BEATS_IN_LEASE = 3;
    private static final Duration EFFECT_LIMIT = Duration.ofSeconds(60);
    private static final int QUEUE_LIMIT = 10_000;
    private static final int BATCH_LIMIT = 128;
    private static final int ALONE_AT_ONCE = 64;
    private static final String STATEMENT_CANCELLED = "57014";

    /**
     * Need not be on disk when it is committed, if nothing else is in the transaction: after a crash of the database the
     * job is as if it had not begun, its holder finds its lease gone, and it is sent again.
     */
    private static final String TAKE = """
            update job j set state = 'running', attempt = j.attempt + 1, lease_token = t.token, lease_until = :until,
                             started_at = :now, percent = 0, stage = null, speed = null, seconds_left = null
            from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[]) as t (c, i, token)
            where j.context_id = t.c and j.id = t.i
              and j.state in ('published', 'waiting') and (j.state = 'published' or j.run_at <= :now)
              and j.logical_shard = any(array(select logical_shard from owned_shard))
              and (not :lazy or (select set_config('synchronous_commit', 'off', true)) is not null)
            returning lease_token,\s""" + JobRows.COLUMNS;

    private static final String BEAT = """
            update job j set lease_until = :until, percent = r.percent, stage = r.stage, speed = r.speed,
                             seconds_left = r.seconds_left
            from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[], :percents::int[], :stages::text[],
                        :speeds::real[], :lefts::int[])
                as r (context_id, id, token, percent, stage, speed, seconds_left)
            where j.context_id = r.context_id and j.id = r.id and j.lease_token = r.token and j.state = 'running'
              and j.logical_shard in (select logical_shard from owned_shard)
            returning j.id, j.cancel_requested
            """;

    /** An attempt that reached its effect leaves no trace in the history: the row itself tells of it. */
    private static final String END = """
            update job j set
                state = e.next, lease_token = null, lease_until = null,
                run_at = case when e.next = 'waiting' then :now + e.delay * interval '1 millisecond' else j.run_at end,
                attempt = j.attempt - e.unburned, cause = coalesce(e.why, j.cause),
                percent = case when e.next = 'done' then 100 else 0 end, seconds_left = null,
                finished_at = case when e.next = 'waiting' then null else :now end,
                history = case when e.next = 'done' then j.history
                    when e.outcome = 'unknown_kind' and j.history -> -1 ->> 'outcome' = 'unknown_kind'
                        then jsonb_set(
                            jsonb_set(j.history, '{-1,ended_at}', to_jsonb(:now::timestamptz)),
                            '{-1,times}', to_jsonb(coalesce((j.history -> -1 -> 'times')::int, 1) + 1))
                    else jsonb_path_query_array(j.history, '$[last - 18 to last]') || jsonb_build_object(
                        'attempt', j.attempt, 'started_at', j.started_at, 'ended_at', :now::timestamptz,
                        'outcome', e.outcome, 'cause', e.why) end
            from unnest(:contexts::uuid[], :ids::uuid[], :tokens::uuid[], :nexts::text[], :delays::bigint[],
                        :unburned::int[], :whys::text[], :outcomes::text[], :lapsed::bool[])
                as e (c, i, token, next, delay, unburned, why, outcome, lapsed)
            where j.context_id = e.c and j.id = e.i and j.lease_token = e.token and j.state = 'running'
              and (not e.lapsed or j.lease_until < :now)
              and j.logical_shard in (select logical_shard from owned_shard)
            returning\s""";

    private final Shards shards;
    /** The gauge of what waits to be written with others. */
    static final String WAITING = "lectern.jobs.commits.waiting";

    private final JobShards each;
    private final JobRows rows;
    private final Clock clock;
    private final Duration lease;
    private final Duration beatLimit;
    private final JobOwners owners;
    private final Map<PhysicalShardId, SmartBatcher<Step, Optional<Leased>>> steps = new ConcurrentHashMap<>();

    /**
     * Looks after leases.
     *
     * @param lease for how long a job is owned without a sign of life
     */
    JobLeases(
            Shards shards,
            JobShards each,
            JsonMapper json,
            Clock clock,
            Duration lease,
            JobOwners owners,
            MeterRegistry meters) {
        this.shards = shards;
        this.each = each;
        this.rows = new JobRows(json);
        this.clock = clock;
        this.lease = lease;
        // A shard that does not answer must not keep the next beat from the others until their leases are over.
        Duration part = lease.dividedBy(BEATS_IN_LEASE);
        this.beatLimit = part.compareTo(BEAT_LIMIT) < 0 ? part : BEAT_LIMIT;
        this.owners = owners;
        Gauge.builder(WAITING, steps, JobLeases::waiting).tag("for", "lease").register(meters);
    }

    /** How many wait for a commit, over all shards. */
    static double waiting(Map<PhysicalShardId, ? extends SmartBatcher<?, ?>> batchers) {
        return batchers.values().stream().mapToInt(SmartBatcher::waiting).sum();
    }

    /** A job and the token under which this node runs it. */
    record Leased(Job job, UUID token) {}

    /** How a running job fares. */
    record Pulse(
            Leased leased,
            JobRun.Progress progress,
            @Nullable Duration left) {}

    /** Whether the owner of a job that ends without its effect is told in the same transaction. */
    enum Tell {
        OWNER,
        NOBODY
    }

    /** Who ends an attempt. */
    enum By {
        /** The node that runs it. */
        HOLDER,
        /** Another node, which may do so only while the lease is over: its holder may have renewed it since the look. */
        REAPER
    }

    /** What is written with others; answered by the lease that was taken or given up, if it was. */
    private sealed interface Step {}

    /**
     * A beginning.
     *
     * @param outcome what its commit came to, also when nobody waits for it any more; never complete when it was left out
     */
    private record Want(JobTicket ticket, UUID token, CompletableFuture<Optional<Leased>> outcome) implements Step {}

    /** How an attempt ended without its effect, as its history says. */
    private enum Outcome {
        DONE,
        FAILED,
        LOST,
        HANDED_BACK,
        UNKNOWN_KIND,
        CANCELLED;

        private String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** An end that was written: two of one attempt (its node stops while it returns) differ in the outcome. */
    private record Ended(UUID token, String outcome) {}

    private record End(
            Leased leased,
            JobState next,
            Duration delay,
            boolean burned,
            @Nullable String why,
            Outcome outcome,
            By by) implements Step {
        private End {
            if (!JobState.RUNNING.mayBecome(next)) {
                throw new IllegalArgumentException("A running job does not become " + next);
            }
        }

        private Ended asWritten() {
            return new Ended(leased.token(), outcome.key());
        }
    }

    /**
     * Begins an attempt, or is empty when the job is not to be run now (done, cancelled, run by another). What is given up
     * does not begin: it is left out of the next batch, or handed back when the one that is under way takes it after all.
     */
    Optional<Leased> take(JobTicket ticket, UUID token) {
        Want want = new Want(ticket, token, new CompletableFuture<>());
        CompletableFuture<Optional<Leased>> result = written(ticket.context(), want);
        try {
            return wait(result, LIMIT);
        } catch (RuntimeException problem) {
            if (result.isCancelled()) {
                var unused = want.outcome().thenAccept(late -> late.ifPresent(this::returnUnwanted));
            }
            throw problem;
        }
    }

    private void returnUnwanted(Leased leased) {
        UUID id = leased.job().id();
        var unused = Thread.ofVirtual().name("job-unwanted-" + id).start(() -> {
            try {
                handBack(leased);
            } catch (RuntimeException problem) {
                log.warn("Job {}, begun when nobody waited for it any more, is not handed back", id, problem);
            }
        });
    }

    private CompletableFuture<Optional<Leased>> written(ContextId course, Step step) {
        return steps.computeIfAbsent(
                        shards.physicalShardOf(course),
                        at -> new SmartBatcher<>(
                                QUEUE_LIMIT,
                                BATCH_LIMIT,
                                all -> writeAll(at, all),
                                JobLeases::isolatable,
                                LONGEST_REST,
                                End.class::isInstance))
                .submit(step);
    }

    /** Ends first: whoever asks for a job that is handed back at the same moment gets it. */
    private CompletableFuture<List<Optional<Leased>>> writeAll(PhysicalShardId shard, List<Step> all) {
        List<End> ends = only(End.class, all);
        List<Want> wants = only(Want.class, all);
        return present(shards.writeOn(
                        shard,
                        sql -> endAll(sql, ends)
                                .flatMap(ended ->
                                        takeAll(sql, wants, ends.isEmpty()).map(taken -> answers(all, ended, taken))))
                .timeout(LIMIT)
                .doOnNext(answers -> tell(all, answers)));
    }

    private static void tell(List<Step> all, List<Optional<Leased>> answers) {
        for (int i = 0; i < all.size(); i++) {
            if (all.get(i) instanceof Want want) {
                want.outcome().complete(answers.get(i));
            }
        }
    }

    private static <T extends Step> List<T> only(Class<T> kind, List<Step> all) {
        return all.stream().filter(kind::isInstance).map(kind::cast).toList();
    }

    private static List<Optional<Leased>> answers(List<Step> all, Set<Ended> ended, Map<UUID, Leased> taken) {
        return all.stream()
                .map(step -> switch (step) {
                    case Want want -> Optional.ofNullable(taken.get(want.token()));
                    case End end -> Optional.of(end.leased()).filter(leased -> ended.contains(end.asWritten()));
                })
                .toList();
    }

    /** Takes leases, each by its token. */
    private Mono<Map<UUID, Leased>> takeAll(DatabaseClient sql, List<Want> wants, boolean alone) {
        if (wants.isEmpty()) {
            return Mono.just(Map.of());
        }
        return sql.sql(TAKE)
                .bind("contexts", array(wants, want -> want.ticket().contextId()))
                .bind("ids", array(wants, want -> want.ticket().id()))
                .bind("tokens", array(wants, Want::token))
                .bind("now", now())
                .bind("until", now().plus(lease))
                .bind("lazy", alone)
                .map(row -> new Leased(rows.job(row), JobRows.get(row, "lease_token", UUID.class)))
                .all()
                .collectMap(Leased::token);
    }

    /** Ends attempts; answers those that were running. */
    private Mono<Set<Ended>> endAll(DatabaseClient sql, List<End> ends) {
        if (ends.isEmpty()) {
            return Mono.just(Set.of());
        }
        return update(sql, "e.token, e.outcome", ends)
                .map(row -> new Ended(JobRows.get(row, "token", UUID.class), JobRows.get(row, "outcome", String.class)))
                .all()
                .collect(Collectors.toSet());
    }

    /**
     * What a beat has found out.
     *
     * @param held the jobs that this node still runs, and whether each is asked to end
     * @param unknown the jobs whose shard did not answer: their leases may last or not
     */
    record Beat(Map<UUID, Boolean> held, Set<UUID> unknown) {}

    private record ShardBeat(PhysicalShardId shard, Map<UUID, Boolean> held) {}

    /** Renews leases and writes progress, on all shards side by side. */
    Beat beat(Collection<Pulse> pulses) {
        Map<PhysicalShardId, List<Pulse>> parts = new HashMap<>();
        pulses.forEach(pulse -> parts.computeIfAbsent(
                        shards.physicalShardOf(pulse.leased().job().context()), shard -> new ArrayList<>())
                .add(pulse));
        List<ShardBeat> answers = wait(
                present(each.each(
                                parts.keySet(),
                                beatLimit,
                                shard -> beat(shard, parts.getOrDefault(shard, List.of()))
                                        .map(held -> new ShardBeat(shard, held)))
                        .collectList()),
                LIMIT);
        Map<UUID, Boolean> held = new HashMap<>();
        for (ShardBeat answer : answers) {
            held.putAll(answer.held());
            parts.remove(answer.shard());
        }
        return new Beat(
                held,
                parts.values().stream()
                        .flatMap(List::stream)
                        .map(pulse -> pulse.leased().job().id())
                        .collect(Collectors.toSet()));
    }

    private Mono<Map<UUID, Boolean>> beat(PhysicalShardId shard, List<Pulse> pulses) {
        return shards.writeOn(shard, sql -> beat(sql, pulses));
    }

    /**
     * Renews each lease wherever its course is now: what {@link #beat(Collection)} does not find may have moved to another
     * shard a moment ago. Side by side, so that a course that is nowhere for a while costs the others one limit at most.
     */
    Beat beatEach(Collection<Pulse> pulses) {
        List<Beat> answers = wait(
                present(Flux.fromIterable(pulses)
                        .flatMap(this::beatAlone, ALONE_AT_ONCE)
                        .collectList()),
                LIMIT);
        Map<UUID, Boolean> held = new HashMap<>();
        Set<UUID> unknown = new HashSet<>();
        for (Beat answer : answers) {
            held.putAll(answer.held());
            unknown.addAll(answer.unknown());
        }
        return new Beat(held, unknown);
    }

    private Mono<Beat> beatAlone(Pulse pulse) {
        Job job = pulse.leased().job();
        return shards.write(job.context(), transaction -> beat(transaction.sql(), List.of(pulse)))
                .map(held -> new Beat(held, Set.of()))
                .timeout(beatLimit)
                .onErrorReturn(new Beat(Map.of(), Set.of(job.id())));
    }

    private Mono<Map<UUID, Boolean>> beat(DatabaseClient client, List<Pulse> pulses) {
        return client.sql(BEAT)
                .bind("until", now().plus(lease))
                .bind(
                        "contexts",
                        array(pulses, pulse -> pulse.leased().job().context().value()))
                .bind("ids", array(pulses, pulse -> pulse.leased().job().id()))
                .bind("tokens", array(pulses, pulse -> pulse.leased().token()))
                .bind("percents", integers(pulses, pulse -> pulse.progress().percent()))
                .bind("stages", texts(pulses, pulse -> pulse.progress().stage()))
                .bind("speeds", pulses.stream().map(JobLeases::speed).toArray(Float[]::new))
                .bind("lefts", pulses.stream().map(JobLeases::secondsLeft).toArray(Integer[]::new))
                .map(row -> Map.entry(
                        JobRows.get(row, "id", UUID.class), JobRows.get(row, "cancel_requested", Boolean.class)))
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private static @Nullable Float speed(Pulse pulse) {
        Double speed = pulse.progress().speed();
        return speed == null ? null : (Float) speed.floatValue();
    }

    private static @Nullable Integer secondsLeft(Pulse pulse) {
        Duration left = pulse.left();
        return left == null ? null : (Integer) (int) Math.min(Integer.MAX_VALUE, Math.max(0, left.toSeconds()));
    }

    /** Commits the effect and the end of the job together; false when the lease was lost, then there is no effect. */
    boolean done(Leased leased, JobHandler.Effect effect) {
        End end = new End(leased, JobState.DONE, Duration.ZERO, true, null, Outcome.DONE, By.HOLDER);
        return effect.equals(JobHandler.Effect.NONE) ? endWithMany(end) : endAlone(end, job -> effect);
    }

    /** The attempt failed and another one follows. */
    boolean again(Leased leased, Duration delay, String cause) {
        return endWithMany(new End(leased, JobState.WAITING, delay, true, cause, Outcome.FAILED, By.HOLDER));
    }

    /** The attempt gave no sign of life for the length of its lease, and another one follows. */
    boolean lost(Leased leased, Duration delay, String cause) {
        return endWithMany(new End(leased, JobState.WAITING, delay, true, cause, Outcome.LOST, By.REAPER));
    }

    /** The attempt is given back and does not count. */
    boolean handBack(Leased leased) {
        return endWithMany(
                new End(leased, JobState.WAITING, Duration.ZERO, false, null, Outcome.HANDED_BACK, By.HOLDER));
    }

    /** This node does not know what to do; the attempt does not count, and a later one may be another node's. */
    boolean unknown(Leased leased, Duration delay, String cause) {
        return endWithMany(new End(leased, JobState.WAITING, delay, false, cause, Outcome.UNKNOWN_KIND, By.HOLDER));
    }

    /** The job ends on request. */
    boolean cancelled(Leased leased, Tell tell, By by) {
        End end = new End(leased, JobState.CANCELLED, Duration.ZERO, true, null, Outcome.CANCELLED, by);
        return endAlone(end, job -> told(job, "cancelled", tell));
    }

    /** The job ends on the dead-letter list. */
    boolean dead(Leased leased, String cause, Tell tell, By by) {
        End end = new End(leased, JobState.DEAD, Duration.ZERO, true, cause, Outcome.FAILED, by);
        return endAlone(end, job -> told(job, cause, tell));
    }

    private JobHandler.Effect told(Job job, String cause, Tell tell) {
        return switch (tell) {
            case OWNER -> owners.ended(job, cause);
            case NOBODY -> JobHandler.Effect.NONE;
        };
    }

    private boolean endWithMany(End end) {
        CompletableFuture<Optional<Leased>> result = written(end.leased().job().context(), end);
        boolean ended = false;
        try {
            ended = wait(result, LIMIT).isPresent();
        } catch (RuntimeException problem) {
            boolean heldUp = result.isCancelled() || statementCancelled(problem);
            if (!heldUp || Thread.currentThread().isInterrupted()) {
                throw problem;
            }
            // The row of another job of its batch may be locked: that one is to wait alone.
        }
        // Not found there: the lease is lost, or the course has moved, which the way of its own finds out.
        return ended || endAlone(end, job -> JobHandler.Effect.NONE);
    }

    private boolean endAlone(End end, Function<Job, JobHandler.Effect> effect) {
        Mono<Boolean> ended = shards.write(
                end.leased().job().context(),
                transaction -> update(transaction.sql(), JobRows.COLUMNS, List.of(end))
                        .map(rows::job)
                        .one()
                        .flatMap(job -> applied(effect, job, transaction)));
        return Boolean.TRUE.equals(wait(present(ended.defaultIfEmpty(false)), EFFECT_LIMIT));
    }

    private static Mono<Boolean> applied(
            Function<Job, JobHandler.Effect> effect, Job job, ShardTransaction transaction) {
        return Mono.defer(() -> effect.apply(job).apply(transaction)).thenReturn(true);
    }

    private DatabaseClient.GenericExecuteSpec update(DatabaseClient sql, String returning, List<End> all) {
        return sql.sql(END + returning)
                .bind("now", now())
                .bind("contexts", array(all, end -> end.leased().job().context().value()))
                .bind("ids", array(all, end -> end.leased().job().id()))
                .bind("tokens", array(all, end -> end.leased().token()))
                .bind("nexts", texts(all, end -> end.next().key()))
                .bind("delays", all.stream().map(end -> end.delay().toMillis()).toArray(Long[]::new))
                .bind("unburned", integers(all, end -> end.burned() ? 0 : 1))
                .bind("whys", texts(all, End::why))
                .bind("lapsed", all.stream().map(end -> end.by() == By.REAPER).toArray(Boolean[]::new))
                .bind("outcomes", texts(all, end -> end.outcome().key()));
    }

    /**
     * Whether one item can be at fault: not when the database was not reached. A statement that PostgreSQL cancelled since
     * it took too long was rolled back, and may have waited for the lock of a single row.
     */
    static boolean isolatable(Throwable error) {
        return statementCancelled(error) || reached(error);
    }

    private static boolean statementCancelled(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof R2dbcException problem && STATEMENT_CANCELLED.equals(problem.getSqlState())) {
                return true;
            }
        }
        return false;
    }

    private static boolean reached(Throwable error) {
        return !(error instanceof TimeoutException
                || error instanceof R2dbcNonTransientResourceException
                || error instanceof R2dbcTransientResourceException
                || error instanceof DataAccessResourceFailureException
                || error instanceof CannotCreateTransactionException);
    }

    private static <T> UUID[] array(List<T> items, Function<T, UUID> value) {
        return items.stream().map(value).toArray(UUID[]::new);
    }

    private static <T> Integer[] integers(List<T> items, Function<T, Integer> value) {
        return items.stream().map(value).toArray(Integer[]::new);
    }

    private static <T> String[] texts(List<T> items, Function<T, @Nullable String> value) {
        return items.stream().map(value).toArray(String[]::new);
    }

    private OffsetDateTime now() {
        return OffsetDateTime.now(clock);
    }

    static <T> CompletableFuture<T> present(Mono<T> result) {
        return result.toFuture().thenApply(value -> Objects.requireNonNull(value));
    }

    /** Waits; what takes too long is given up, so that it is left out where it has not begun. */
    private static <T> T wait(CompletableFuture<T> result, Duration limit) {
        try {
            return Objects.requireNonNull(result.get(limit.toMillis(), TimeUnit.MILLISECONDS));
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof RuntimeException cause
                    ? cause
                    : new IllegalStateException(failed.getCause());
        } catch (TimeoutException late) {
            return unlessGivenUp(
                    result,
                    new IllegalStateException("the database did not answer within " + limit.toSeconds() + " s", late));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return unlessGivenUp(
                    result, new IllegalStateException("interrupted while a lease was written", interrupted));
        }
    }

    /** Gives a result up, unless it has come at this very moment. */
    private static <T> T unlessGivenUp(CompletableFuture<T> result, IllegalStateException problem) {
        if (result.cancel(false) || result.isCompletedExceptionally()) {
            throw problem;
        }
        return result.resultNow();
    }
}
