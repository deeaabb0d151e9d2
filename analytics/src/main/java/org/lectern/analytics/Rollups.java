package org.lectern.analytics;

import java.time.Clock;
import java.time.OffsetDateTime;
import java.util.UUID;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Counts waiting batches of activity into the rollup tables.
 *
 * <p>Each event is counted once, whatever happens: the statement that counts a batch also deletes it from
 * {@code activity_pending}, in the transaction that marks the job done. A job that is run again finds nothing to count;
 * one that is killed before its commit has counted nothing. A batch is a row that appears when its transaction commits,
 * so a transaction that commits late is counted late, and never skipped, as it would be by a position in ids or times.
 *
 * <p>Rollups of one context go one after another: the row of {@code rollup_state} is locked first, so that the counting
 * statement, which begins after it, sees what the rollup before it committed. Only then may a person who is already in an
 * hour be told from a new one.
 */
@Component
@ConditionalOnRole(NodeRole.ANALYTICS)
final class Rollups {

    private static final String LOCK = """
            insert into rollup_state (context_id, logical_shard, requested_at) values (:context, :logicalShard, :now)
            on conflict (context_id) do update set logical_shard = excluded.logical_shard
            """;

    private static final String COUNT = """
            with waiting as (
                select batch_id, sum(events) over (order by batch_id) - events as before
                from activity_pending where context_id = :context order by batch_id limit 5000),
            taken as (
                delete from activity_pending p using waiting w
                where p.context_id = :context and p.batch_id = w.batch_id and w.before < :events
                returning p.batch_id),
            event as (
                select a.user_id, a.verb, date_trunc('hour', a.at, 'UTC') as hour, date_trunc('day', a.at, 'UTC') as day,
                       %s as seconds
                from activity a where a.context_id = :context and a.batch_id in (select batch_id from taken)),
            verbs as (
                insert into rollup_verb_hour as r (context_id, hour, verb, logical_shard, events, seconds)
                select :context, hour, verb, :logicalShard, count(*), sum(seconds)
                from event group by hour, verb order by hour, verb
                on conflict (context_id, hour, verb)
                do update set events = r.events + excluded.events, seconds = r.seconds + excluded.seconds),
            people as (
                insert into rollup_people_hour as r (context_id, hour, logical_shard, people)
                select :context, hour, :logicalShard, count(distinct user_id) from event e
                where not exists (
                    select 1 from rollup_person_hour p
                    where p.context_id = :context and p.hour = e.hour and p.user_id = e.user_id)
                group by hour order by hour
                on conflict (context_id, hour) do update set people = r.people + excluded.people),
            people_of_day as (
                insert into rollup_people_day as r (context_id, day, logical_shard, people)
                select :context, day, :logicalShard, count(distinct user_id) from event e
                where not exists (
                    select 1 from rollup_person_day p
                    where p.context_id = :context and p.day = e.day and p.user_id = e.user_id)
                group by day order by day
                on conflict (context_id, day) do update set people = r.people + excluded.people),
            person_hours as (
                insert into rollup_person_hour as r
                    (context_id, hour, user_id, logical_shard, events, chat_messages, video_views, watch_seconds)
                select :context, hour, user_id, :logicalShard, count(*), count(*) filter (where verb = 'chatted'),
                       count(*) filter (where verb = 'played'), sum(seconds)
                from event group by hour, user_id order by hour, user_id
                on conflict (context_id, hour, user_id)
                do update set events = r.events + excluded.events,
                    chat_messages = r.chat_messages + excluded.chat_messages,
                    video_views = r.video_views + excluded.video_views,
                    watch_seconds = r.watch_seconds + excluded.watch_seconds),
            person_days as (
                insert into rollup_person_day as r
                    (context_id, day, user_id, logical_shard, events, chat_messages, video_views, watch_seconds)
                select :context, day, user_id, :logicalShard, count(*), count(*) filter (where verb = 'chatted'),
                       count(*) filter (where verb = 'played'), sum(seconds)
                from event group by day, user_id order by day, user_id
                on conflict (context_id, day, user_id)
                do update set events = r.events + excluded.events,
                    chat_messages = r.chat_messages + excluded.chat_messages,
                    video_views = r.video_views + excluded.video_views,
                    watch_seconds = r.watch_seconds + excluded.watch_seconds)
            select count(*) as counted from event
            """.formatted(WatchedSeconds.SQL);

    /** What was recorded before the oldest batch that still waits is counted; without one, all that is committed. */
    private static final String FINISH = """
            update rollup_state set
                job_id = case when job_id = :job then null else job_id end,
                rolled_up_to = coalesce(
                    (select min(recorded_at) from activity_pending where context_id = :context), :now)
            where context_id = :context
            """;

    private static final String GIVE_UP = """
            update rollup_state set job_id = null where context_id = :context and job_id = :job
            """;

    private final Clock clock;
    private final AnalyticsSettings settings;

    Rollups(Clock clock, AnalyticsSettings settings) {
        this.clock = clock;
        this.settings = settings;
    }

    /**
     * Counts the oldest batches of the transaction's context, about {@code lectern.analytics.rollup-events} of events;
     * what is left waits for the next job.
     *
     * @param job the job this is done for, which is then no longer on its way
     * @return how many events were counted
     */
    Mono<Long> count(ShardTransaction transaction, UUID job) {
        return transaction
                .sql()
                .sql(LOCK)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("now", OffsetDateTime.now(clock))
                .fetch()
                .rowsUpdated()
                .then(transaction
                        .sql()
                        .sql(COUNT)
                        .bind("context", transaction.context().value())
                        .bind("logicalShard", (short) transaction.logicalShard())
                        .bind("events", settings.rollupEvents())
                        .mapValue(Long.class)
                        .one())
                .flatMap(counted -> transaction
                        .sql()
                        .sql(FINISH)
                        .bind("context", transaction.context().value())
                        .bind("job", job)
                        .bind("now", OffsetDateTime.now(clock))
                        .fetch()
                        .rowsUpdated()
                        .thenReturn(counted));
    }

    /** Lets the context have another job; what it should have counted still waits. */
    Mono<Void> giveUp(ShardTransaction transaction, UUID job) {
        return transaction
                .sql()
                .sql(GIVE_UP)
                .bind("context", transaction.context().value())
                .bind("job", job)
                .then();
    }
}
