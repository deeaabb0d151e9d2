package org.lectern.infra.jobs;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.telemetry.TraceCarrier;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Mono;
import reactor.util.context.ContextView;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes the rows of jobs that are asked for: inside the transaction of whoever asks, or, where there is nothing else to
 * commit, together with the others that are asked for at the same moment ({@link SmartBatcher}: the first goes at once,
 * and while its commit is under way the next ones gather). Non-blocking and thread-safe.
 */
final class JobIntake {

    private static final int PAYLOAD_LIMIT_CHARS = 64 * 1024;
    private static final int QUEUE_LIMIT = 10_000;
    private static final int BATCH_LIMIT = 128;

    private static final String ONE = """
            insert into job (context_id, id, logical_shard, type, kind, lane, score, state, payload, traceparent,
                             created_at, run_at)
            values (:context, :id, :logicalShard, :type, :kind, :lane, :score, 'waiting', :payload::jsonb, :traceparent,
                    :now, :runAt)
            on conflict (context_id, id) do nothing
            """;

    private static final String MANY = """
            insert into job (context_id, id, logical_shard, type, kind, lane, score, state, payload, traceparent,
                             created_at, run_at)
            select r.context_id, r.id, r.logical_shard, r.type, r.kind, r.lane, r.score, 'waiting', r.payload::jsonb,
                   r.traceparent, :now, r.run_at
            from unnest(:contexts::uuid[], :ids::uuid[], :logicalShards::int[], :types::text[], :kinds::text[],
                        :lanes::text[], :scores::int[], :payloads::text[], :traceparents::text[], :runAts::timestamptz[])
                as r (context_id, id, logical_shard, type, kind, lane, score, payload, traceparent, run_at)
            where r.logical_shard in (select logical_shard from owned_shard)
            on conflict (context_id, id) do nothing
            returning context_id, id
            """;

    private final Shards shards;
    private final JsonMapper json;
    private final Clock clock;
    private final TraceCarrier traces;
    private final Map<PhysicalShardId, SmartBatcher<Wanted, Boolean>> alone = new ConcurrentHashMap<>();

    JobIntake(Shards shards, JsonMapper json, Clock clock, TraceCarrier traces, MeterRegistry meters) {
        this.shards = shards;
        this.json = json;
        this.clock = clock;
        this.traces = traces;
        Gauge.builder(JobLeases.WAITING, alone, JobLeases::waiting)
                .tag("for", "ask")
                .register(meters);
    }

    /** A request as its row will be. */
    private record Wanted(
            ContextId course,
            int logicalShard,
            JobRequest request,
            String payload,
            @Nullable String traceparent,
            OffsetDateTime runAt) {}

    /** What names a job. */
    private record Key(UUID course, UUID id) {}

    /** Writes a row inside a transaction; one with the same id is left as it is. */
    Mono<Void> write(ShardTransaction transaction, JobRequest request) {
        return Mono.deferContextual(context ->
                insert(transaction, wanted(context, transaction.context(), transaction.logicalShard(), request)));
    }

    /** Writes a row in a transaction that is shared with others of the same moment; complete after the commit. */
    Mono<Void> write(ContextId course, JobRequest request) {
        return Mono.deferContextual(context -> {
            Wanted wanted = wanted(context, course, shards.logicalShardOf(course), request);
            CompletableFuture<Boolean> written = alone.computeIfAbsent(
                            shards.physicalShardOf(course),
                            at -> new SmartBatcher<>(
                                    QUEUE_LIMIT,
                                    BATCH_LIMIT,
                                    all -> insert(at, all),
                                    JobLeases::isolatable,
                                    JobLeases.LONGEST_REST))
                    .submit(wanted);
            // Not written there: it exists, or the course has moved, which the way of its own finds out.
            return Mono.fromFuture(written, true).flatMap(yes -> yes ? Mono.empty() : insert(wanted));
        });
    }

    private Wanted wanted(ContextView context, ContextId course, int logicalShard, JobRequest request) {
        String payload = json.writeValueAsString(request.payload());
        if (payload.length() > PAYLOAD_LIMIT_CHARS) {
            throw new IllegalArgumentException("The payload of a " + request.kind() + " job has " + payload.length()
                    + " characters; at most " + PAYLOAD_LIMIT_CHARS + " are permitted");
        }
        OffsetDateTime runAt = request.runAt() == null
                ? OffsetDateTime.now(clock)
                : request.runAt().atOffset(ZoneOffset.UTC);
        return new Wanted(course, logicalShard, request, payload, traces.current(context), runAt);
    }

    private Mono<Void> insert(Wanted wanted) {
        return shards.write(
                        wanted.course(),
                        transaction -> insert(transaction, wanted).thenReturn(true))
                .then();
    }

    private Mono<Void> insert(ShardTransaction transaction, Wanted wanted) {
        JobRequest request = wanted.request();
        DatabaseClient.GenericExecuteSpec insert = transaction
                .sql()
                .sql(ONE)
                .bind("context", transaction.context().value())
                .bind("id", request.id())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("type", request.type().key())
                .bind("kind", request.kind())
                .bind("lane", request.lane().key())
                .bind("score", request.score())
                .bind("payload", wanted.payload())
                .bind("now", OffsetDateTime.now(clock))
                .bind("runAt", wanted.runAt());
        String traceparent = wanted.traceparent();
        insert = traceparent == null
                ? insert.bindNull("traceparent", String.class)
                : insert.bind("traceparent", traceparent);
        return insert.then();
    }

    private CompletableFuture<List<Boolean>> insert(PhysicalShardId shard, List<Wanted> all) {
        return JobLeases.present(shards.writeOn(
                        shard,
                        sql -> sql.sql(MANY)
                                .bind("now", OffsetDateTime.now(clock))
                                .bind("contexts", uuids(all, row -> row.course().value()))
                                .bind("ids", uuids(all, row -> row.request().id()))
                                .bind("logicalShards", integers(all, Wanted::logicalShard))
                                .bind(
                                        "types",
                                        texts(all, row -> row.request().type().key()))
                                .bind("kinds", texts(all, row -> row.request().kind()))
                                .bind(
                                        "lanes",
                                        texts(all, row -> row.request().lane().key()))
                                .bind(
                                        "scores",
                                        integers(all, row -> row.request().score()))
                                .bind("payloads", texts(all, Wanted::payload))
                                .bind("traceparents", texts(all, Wanted::traceparent))
                                .bind("runAts", all.stream().map(Wanted::runAt).toArray(OffsetDateTime[]::new))
                                .map(row -> new Key(
                                        JobRows.get(row, "context_id", UUID.class), JobRows.get(row, "id", UUID.class)))
                                .all()
                                .collect(Collectors.toSet()))
                .map((Set<Key> written) -> all.stream()
                        .map(row -> written.contains(
                                new Key(row.course().value(), row.request().id())))
                        .toList())
                .timeout(JobLeases.LIMIT));
    }

    private static UUID[] uuids(List<Wanted> rows, Function<Wanted, UUID> value) {
        return rows.stream().map(value).toArray(UUID[]::new);
    }

    private static Integer[] integers(List<Wanted> rows, Function<Wanted, Integer> value) {
        return rows.stream().map(value).toArray(Integer[]::new);
    }

    private static String[] texts(List<Wanted> rows, Function<Wanted, @Nullable String> value) {
        return rows.stream().map(value).toArray(String[]::new);
    }
}
