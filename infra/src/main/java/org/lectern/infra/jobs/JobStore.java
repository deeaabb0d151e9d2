package org.lectern.infra.jobs;

import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobLeases.Leased;
import org.lectern.infra.jobs.order.PublishOrder;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the relay does to the job table: which jobs could go out, which are on their way, which were lost. Blocking, for
 * virtual threads; each call is one statement or one transaction on each shard, all shards side by side and bounded in
 * time. A shard that does not answer is left out ({@link JobShards}): what it holds waits, what the others hold does not.
 * Thread-safe.
 */
final class JobStore {

    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Duration SHARD_LIMIT = Duration.ofSeconds(10);

    /** Courses whose first jobs are looked at in one turn; the next turn goes on after the last of them. */
    static final int COURSES = 64;

    /** However little room there is, a turn looks at this many of them. */
    private static final int LEAST_COURSES = 8;

    private static final UUID NO_COURSE = new UUID(0, 0);

    /** A course that moves, or has moved, lies on two shards for a while: only where it is owned do its rows count. */
    private static final String OWNED = " and logical_shard in (select logical_shard from owned_shard)";

    private static final String LANES = """
            select l.lane, coalesce(w.waiting, false) as waiting,
                   count(p.id) as published, coalesce(min(p.urgency), 0) as least
            from unnest(:lanes::text[]) as l (lane)
            left join lateral (select true as waiting from job
                where state = 'waiting' and lane = l.lane and run_at <= :now and type = any(:types)
                    and logical_shard = any(array(select logical_shard from owned_shard))
                limit 1) w on true
            left join job p on p.state = 'published' and p.lane = l.lane and p.publisher = :node
                and p.logical_shard in (select logical_shard from owned_shard)
            group by l.lane, w.waiting
            """;

    /**
     * The best by score, the oldest of the overdue, and the best of each of the next courses: together they hold what the
     * order may want, however many jobs one course has. The courses are found by jumping along the index; of one that has
     * moved away no job is looked at. The row without a job
     * names the last of them when there may be more: those that only have jobs for later count too, or a search that
     * begins with many of them would never get past.
     */
    private static final String CANDIDATES = """
            with recursive courses (context_id, logical_shard, n) as (
                (select context_id, logical_shard, 1 from job
                 where state = 'waiting' and lane = :lane and context_id > :after
                 order by context_id limit 1)
                union all
                select next.context_id, next.logical_shard, c.n + 1
                from courses c cross join lateral (
                    select context_id, logical_shard from job
                    where state = 'waiting' and lane = :lane and context_id > c.context_id
                    order by context_id limit 1) next
                where c.n < :courses),
            best as (select context_id, id, type, score, run_at from job
                where state = 'waiting' and lane = :lane and run_at <= :now and type = any(:types)
                    and logical_shard = any(array(select logical_shard from owned_shard))
                order by score desc, run_at, id limit :limit),
            oldest as (select context_id, id, type, score, run_at from job
                where state = 'waiting' and lane = :lane and run_at < :overdue and type = any(:types)
                    and logical_shard = any(array(select logical_shard from owned_shard))
                order by run_at limit :limit),
            heads as (select j.* from courses c cross join lateral (
                select context_id, id, type, score, run_at from job
                where state = 'waiting' and lane = :lane and context_id = c.context_id and run_at <= :now
                    and type = any(:types)
                order by score desc, run_at, id limit 3) j
                where c.logical_shard = any(array(select logical_shard from owned_shard)))
            select context_id, id, type, score, run_at from best
            union select * from oldest
            union select * from heads
            union all select context_id, null, null, null, null from courses
                where n = :courses
            """;

    /**
     * By key: the state is bound, so that no plan made while little waits goes by the indexes of all that waits. It need not
     * be on disk when it is committed: if a crash of the database undoes it, the job waits again, and its message begins it.
     */
    private static final String CLAIM = """
            update job j set state = 'published', publisher = :node, published_at = :now, urgency = c.urgency
            from unnest(:contexts::uuid[], :ids::uuid[], :urgencies::int[]) as c (context_id, id, urgency)
            where j.context_id = c.context_id and j.id = c.id and j.state = :waiting
              and j.logical_shard in (select logical_shard from owned_shard)
              and (select set_config('synchronous_commit', 'off', true)) is not null
            returning j.id
            """;

    private static final String HAND_BACK_PUBLISHED = """
            update job j set state = 'waiting'
            from unnest(:contexts::uuid[], :ids::uuid[]) as c (context_id, id)
            where j.context_id = c.context_id and j.id = c.id and j.state = 'published'
              and j.logical_shard in (select logical_shard from owned_shard)
            """;

    private static final String SESSION_LOST =
            "update job set state = 'waiting' where state = 'published' and publisher = :node" + OWNED;

    private static final String RESEND = """
            update job set state = 'waiting'
            where state = 'published' and published_at < :before and type = any(:types)
            """ + OWNED;

    private static final String STILL_HELD = """
            update job set published_at = :now where state = 'published' and id = any(:ids)
                and (select set_config('synchronous_commit', 'off', true)) is not null
            """ + OWNED;

    private static final String EXPIRED = "select " + JobRows.COLUMNS + """
            , lease_token from job
            where state = 'running' and lease_until < :now and type = any(:types)
              and logical_shard in (select logical_shard from owned_shard)
            order by lease_until limit 100
            """;

    private static final String PURGE = """
            delete from job where ctid = any(array(
                select ctid from job where finished_at < :before and finished_at is not null and state <> 'dead'
                    and logical_shard in (select logical_shard from owned_shard)
                limit 1000))
            """;

    private static final String BACKLOG = """
            select w.type, l.lane, w.due, w.oldest
            from unnest(:lanes::text[]) as l (lane) cross join lateral (
                select type, count(*) filter (where run_at <= :now) as due, min(run_at) as oldest from job
                where state = 'waiting' and lane = l.lane
                    and logical_shard = any(array(select logical_shard from owned_shard))
                group by type) w
            union all
            select type, lane, count(*), min(run_at) from job
            where state = 'published' and logical_shard in (select logical_shard from owned_shard) group by type, lane
            """;

    private final Shards shards;
    private final JobShards each;
    private final JobRows rows;
    private final Clock clock;

    JobStore(Shards shards, JobShards each, JsonMapper json, Clock clock) {
        this.shards = shards;
        this.each = each;
        this.rows = new JobRows(json);
        this.clock = clock;
    }

    Clock clock() {
        return clock;
    }

    /**
     * A lane over all shards.
     *
     * @param waiting whether any job could start now
     * @param published how many this node has handed to the broker that nobody has started
     * @param leastUrgent the least urgency of those
     */
    record LaneView(boolean waiting, int published, int leastUrgent) {
        private LaneView plus(LaneView other) {
            int least = published == 0
                    ? other.leastUrgent
                    : other.published == 0 ? leastUrgent : Math.min(leastUrgent, other.leastUrgent);
            return new LaneView(waiting || other.waiting, published + other.published, least);
        }
    }

    /** A job that could be published, with its type. */
    record Found(JobType type, PublishOrder.Candidate candidate) {}

    /** What waits for a type's lane: how many, and since when the oldest. */
    record Backlog(JobType type, Lane lane, long depth, Instant oldest) {}

    Map<Lane, LaneView> lanes(Set<JobType> types, String node) {
        Map<Lane, LaneView> lanes = new EnumMap<>(Lane.class);
        everywhere(shard -> shards.readOn(
                        shard,
                        Freshness.PRIMARY,
                        sql -> sql.sql(LANES)
                                .bind("now", now())
                                .bind("types", keys(types))
                                .bind("node", node)
                                .bind("lanes", laneKeys())
                                .map(row -> Map.entry(
                                        Lane.valueOf(JobRows.name(row, "lane")),
                                        new LaneView(
                                                JobRows.get(row, "waiting", Boolean.class),
                                                JobRows.get(row, "published", Integer.class),
                                                JobRows.get(row, "least", Integer.class))))
                                .all()))
                .forEach(entry -> lanes.merge(entry.getKey(), entry.getValue(), LaneView::plus));
        return lanes;
    }

    /**
     * What could be published now in a lane.
     *
     * @param found each job once
     * @param last the course of each shard with which the next search begins; a shard whose courses have all been seen
     *     is left out
     */
    record Candidates(List<Found> found, Map<PhysicalShardId, UUID> last) {}

    private record Row(
            PhysicalShardId shard, UUID course, @Nullable Found found) {}

    /**
     * What could be published now in a lane.
     *
     * @param after look at the courses of a shard after this one; from the beginning where there is none
     * @param limit as many as can be published: that many by score, that many of the overdue, that many courses
     * @param overdue what is runnable since before this time is overdue
     */
    Candidates candidates(Lane lane, Set<JobType> types, Map<PhysicalShardId, UUID> after, int limit, Instant overdue) {
        List<Found> found = new ArrayList<>();
        Map<PhysicalShardId, UUID> last = new HashMap<>();
        for (Row row : everywhere(
                shard -> candidates(shard, lane, types, after.getOrDefault(shard, NO_COURSE), limit, overdue))) {
            Found one = row.found();
            if (one == null) {
                last.put(row.shard(), row.course());
            } else if (shards.physicalShardOf(new ContextId(row.course())).equals(row.shard())) {
                // A course that has moved away may leave rows behind; they belong to its new place.
                found.add(one);
            }
        }
        return new Candidates(found, last);
    }

    private Flux<Row> candidates(
            PhysicalShardId shard, Lane lane, Set<JobType> types, UUID after, int limit, Instant overdue) {
        return shards.readOn(
                shard,
                Freshness.PRIMARY,
                sql -> sql.sql(CANDIDATES)
                        .bind("lane", lane.key())
                        .bind("types", keys(types))
                        .bind("after", after)
                        .bind("courses", Math.clamp(limit, LEAST_COURSES, COURSES))
                        .bind("overdue", overdue.atOffset(ZoneOffset.UTC))
                        .bind("limit", limit)
                        .bind("now", now())
                        .map(row -> new Row(shard, JobRows.get(row, "context_id", UUID.class), found(row)))
                        .all());
    }

    private static @Nullable Found found(Readable row) {
        UUID id = row.get("id", UUID.class);
        return id == null
                ? null
                : new Found(
                        JobType.valueOf(JobRows.name(row, "type")),
                        new PublishOrder.Candidate(
                                id,
                                JobRows.get(row, "context_id", UUID.class),
                                JobRows.get(row, "score", Integer.class),
                                JobRows.get(row, "run_at", OffsetDateTime.class).toInstant()));
    }

    /** Marks jobs published; answers those that were still waiting. */
    Set<UUID> claim(Collection<JobTicket> tickets, String node) {
        return Set.copyOf(onEach(
                tickets,
                (sql, here) -> sql.sql(CLAIM)
                        .bind("waiting", "waiting")
                        .bind("node", node)
                        .bind("now", now())
                        .bind(
                                "contexts",
                                here.stream().map(JobTicket::contextId).toArray(UUID[]::new))
                        .bind("ids", here.stream().map(JobTicket::id).toArray(UUID[]::new))
                        .bind("urgencies", here.stream().map(JobTicket::urgency).toArray(Integer[]::new))
                        .map(row -> JobRows.get(row, "id", UUID.class))
                        .all()));
    }

    /** Puts published jobs back; those that have begun since stay as they are. */
    void handBackPublished(Collection<JobTicket> tickets) {
        onEach(
                tickets,
                (sql, here) -> sql.sql(HAND_BACK_PUBLISHED)
                        .bind(
                                "contexts",
                                here.stream().map(JobTicket::contextId).toArray(UUID[]::new))
                        .bind("ids", here.stream().map(JobTicket::id).toArray(UUID[]::new))
                        .fetch()
                        .rowsUpdated()
                        .flux());
    }

    /** Puts back all that this node published: the broker may have lost it. */
    long sessionLost(String node) {
        return sum(shard -> shards.writeOn(
                shard, sql -> sql.sql(SESSION_LOST).bind("node", node).fetch().rowsUpdated()));
    }

    /** Puts back what was published before the given time and never began. */
    long resend(Set<JobType> types, Instant before) {
        return sum(shard -> shards.writeOn(
                shard,
                sql -> sql.sql(RESEND)
                        .bind("before", before.atOffset(ZoneOffset.UTC))
                        .bind("types", keys(types))
                        .fetch()
                        .rowsUpdated()));
    }

    /** Says that these published jobs are not lost: they wait on this node. */
    void stillHeld(Collection<JobTicket> tickets) {
        onEach(
                tickets,
                (sql, here) -> sql.sql(STILL_HELD)
                        .bind("now", now())
                        .bind("ids", here.stream().map(JobTicket::id).toArray(UUID[]::new))
                        .fetch()
                        .rowsUpdated()
                        .flux());
    }

    /**
     * Running jobs whose worker has given no sign of life for the length of its lease. Of a shard that has not answered
     * for that long there is none: after an outage the workers come first, to renew what they could not.
     */
    List<Leased> expired(Set<JobType> types, Duration lease) {
        return everywhere(shard -> shards.readOn(
                        shard,
                        Freshness.PRIMARY,
                        sql -> sql.sql(EXPIRED)
                                .bind("now", now())
                                .bind("types", keys(types))
                                .map(row -> new Leased(rows.job(row), JobRows.get(row, "lease_token", UUID.class)))
                                .all())
                .filter(lost -> each.steady(shard, lease)));
    }

    /** Removes some of what was finished before the given time. */
    long purge(Instant before) {
        return sum(shard -> shards.writeOn(
                shard,
                sql -> sql.sql(PURGE)
                        .bind("before", before.atOffset(ZoneOffset.UTC))
                        .fetch()
                        .rowsUpdated()));
    }

    /** What waits, over all shards; reactive, since signals are measured on request paths. */
    Flux<Backlog> backlog() {
        return each.each(
                each.all(),
                SHARD_LIMIT,
                shard -> shards.readOn(
                        shard,
                        Freshness.LAGGING,
                        sql -> sql.sql(BACKLOG)
                                .bind("now", now())
                                .bind("lanes", laneKeys())
                                .map(row -> new Backlog(
                                        JobType.valueOf(JobRows.name(row, "type")),
                                        Lane.valueOf(JobRows.name(row, "lane")),
                                        JobRows.get(row, "due", Long.class),
                                        JobRows.get(row, "oldest", OffsetDateTime.class)
                                                .toInstant()))
                                .all()));
    }

    /** The same, waited for. */
    List<Backlog> backlogNow() {
        return wait(backlog().collectList());
    }

    /** Writes about tickets, one transaction on each of their shards, side by side. */
    private <T> List<T> onEach(
            Collection<JobTicket> tickets, BiFunction<DatabaseClient, List<JobTicket>, Flux<T>> work) {
        Map<PhysicalShardId, List<JobTicket>> parts = new HashMap<>();
        // In the order of the ids, so that two nodes that want the same rows wait for each other and do not deadlock.
        tickets.stream()
                .sorted(Comparator.comparing(JobTicket::id))
                .forEach(ticket -> parts.computeIfAbsent(
                                shards.physicalShardOf(ticket.context()), shard -> new ArrayList<>())
                        .add(ticket));
        return wait(each.each(
                        parts.keySet(),
                        SHARD_LIMIT,
                        shard -> shards.writeOn(
                                        shard,
                                        sql -> work.apply(sql, parts.getOrDefault(shard, List.of()))
                                                .collectList())
                                .flatMapIterable(results -> results))
                .collectList());
    }

    private <T> List<T> everywhere(Function<PhysicalShardId, Flux<T>> work) {
        return wait(each.each(each.up(), SHARD_LIMIT, work).collectList());
    }

    private long sum(Function<PhysicalShardId, Mono<Long>> work) {
        return wait(each.each(each.up(), SHARD_LIMIT, work).reduce(0L, Long::sum));
    }

    private static <T> T wait(Mono<T> result) {
        return result.blockOptional(LIMIT).orElseThrow();
    }

    private OffsetDateTime now() {
        return OffsetDateTime.now(clock);
    }

    private static String[] keys(Set<JobType> types) {
        return types.stream().map(JobType::key).toArray(String[]::new);
    }

    private static String[] laneKeys() {
        return Arrays.stream(Lane.values()).map(Lane::key).toArray(String[]::new);
    }
}
