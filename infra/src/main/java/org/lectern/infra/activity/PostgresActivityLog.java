package org.lectern.infra.activity;

import java.time.Clock;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.shard.ShardTransaction;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes activity to the shard of its context, and marks what was new as a batch that waits for its rollup.
 *
 * <p>Both happen in one statement of the caller's transaction. Events are written in the order of their ids, so that
 * two transactions that bring the same events wait for each other and never deadlock.
 */
@Component
final class PostgresActivityLog implements ActivityLog {

    private static final String RECORD = """
            with added as (
                insert into activity (context_id, id, logical_shard, batch_id, user_id, verb, object, at, measures)
                select :context, e.id, :logicalShard, :batch, e.user_id, e.verb, e.object, e.at, e.measures::jsonb
                from unnest(:ids::uuid[], :users::uuid[], :verbs::text[], :objects::text[], :times::timestamptz[],
                            :measures::text[]) as e (id, user_id, verb, object, at, measures)
                on conflict (context_id, id) do nothing
                returning 1)
            insert into activity_pending (context_id, batch_id, logical_shard, events, recorded_at)
            select :context, :batch, :logicalShard, count(*), :now from added having count(*) > 0
            """;

    private final IdGenerator ids;
    private final Clock clock;
    private final JsonMapper json;
    private final ObjectProvider<ActivityListener> listeners;

    PostgresActivityLog(IdGenerator ids, Clock clock, JsonMapper json, ObjectProvider<ActivityListener> listeners) {
        this.ids = ids;
        this.clock = clock;
        this.json = json;
        this.listeners = listeners;
    }

    @Override
    public Mono<Void> record(ShardTransaction transaction, Collection<Activity> activities) {
        if (activities.isEmpty()) {
            return Mono.empty();
        }
        List<Activity> events =
                activities.stream().sorted(Comparator.comparing(Activity::id)).toList();
        return transaction
                .sql()
                .sql(RECORD)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("batch", ids.generateId())
                .bind("now", OffsetDateTime.now(clock))
                .bind("ids", events.stream().map(Activity::id).toArray(UUID[]::new))
                .bind("users", events.stream().map(Activity::userId).toArray(UUID[]::new))
                .bind("verbs", events.stream().map(event -> event.verb().key()).toArray(String[]::new))
                .bind("objects", events.stream().map(Activity::object).toArray(String[]::new))
                .bind(
                        "times",
                        events.stream()
                                .map(event -> event.at().atOffset(ZoneOffset.UTC))
                                .toArray(OffsetDateTime[]::new))
                .bind("measures", events.stream().map(this::measures).toArray(String[]::new))
                .then()
                .then(Flux.fromStream(listeners::orderedStream)
                        .concatMap(listener -> listener.recorded(transaction, events))
                        .then());
    }

    private @Nullable String measures(Activity event) {
        return event.measures().isEmpty() ? null : json.writeValueAsString(event.measures());
    }
}
