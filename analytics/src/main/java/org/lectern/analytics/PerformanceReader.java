package org.lectern.analytics;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.analytics.Spans.Span;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.Shards;
import org.lectern.infra.latency.LogBuckets;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Reads a course's figures from a replica of its shard.
 *
 * <p>Whole hours and days come from the rollups, the ragged edges of the range from the events, so a range may begin and
 * end at any instant. Events that wait for their rollup are left out of the edges as well: all figures stand at the
 * watermark, which is read first, so that they contain at least what it promises.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
final class PerformanceReader {

    private static final String WATERMARK = """
            select coalesce(
                (select min(recorded_at) from activity_pending where context_id = :context),
                (select rolled_up_to from rollup_state where context_id = :context)) as watermark
            """;

    /** Counted events at the edges. */
    private static final String EDGES = """
            from activity a
            where a.context_id = :context
              and ((a.at >= :edge1From and a.at < :edge1To) or (a.at >= :edge2From and a.at < :edge2To))
              and not exists (
                select 1 from activity_pending p where p.context_id = :context and p.batch_id = a.batch_id)
            """;

    /** What each person did in the hours and edges around the whole days. */
    private static final String AROUND_DAYS = """
            select user_id, hour as at, events, chat_messages, video_views, watch_seconds from rollup_person_hour
            where context_id = :context
              and ((hour >= :hours1From and hour < :hours1To) or (hour >= :hours2From and hour < :hours2To))
            union all
            select a.user_id, a.at, 1, (a.verb = 'chatted')::int, (a.verb = 'played')::int, %s
            %s
            """.formatted(WatchedSeconds.SQL, EDGES);

    private static final String PERSONS = """
            with person as (
                select user_id, day as at, events, chat_messages, video_views, watch_seconds from rollup_person_day
                where context_id = :context and day >= :daysFrom and day < :daysTo
                union all
                %s)
            """.formatted(AROUND_DAYS);

    private static final String PEOPLE = PERSONS + """
            select count(*) as active, count(*) filter (where chat) as chat, count(*) filter (where video) as video
            from (select user_id, bool_or(chat_messages > 0) as chat,
                         bool_or(video_views > 0 or watch_seconds > 0) as video
                  from person group by user_id) p
            """;

    private static final String PEOPLE_BY_DAY = """
            select day as at, people::bigint as people from rollup_people_day
            where context_id = :context and day >= :daysFrom and day < :daysTo
            union all
            select date_trunc('day', at, 'UTC'), count(distinct user_id) from (%s) around group by 1
            """.formatted(AROUND_DAYS);

    private static final String PEOPLE_BY_HOUR = """
            select hour as at, people::bigint as people from rollup_people_hour
            where context_id = :context and hour >= :wholeFrom and hour < :wholeTo
            union all
            select date_trunc('hour', a.at, 'UTC'), count(distinct a.user_id)
            %s
            group by 1
            """.formatted(EDGES);

    private static final String OWN = PERSONS + """
            select coalesce(sum(events), 0)::bigint as events, coalesce(sum(chat_messages), 0)::bigint as chat,
                   coalesce(sum(video_views), 0)::bigint as video, coalesce(sum(watch_seconds), 0) as seconds
            from person where user_id = :user
            """;

    private static final String VERBS = """
            with counted as (
                select hour as at, verb, events, seconds from rollup_verb_hour
                where context_id = :context and hour >= :wholeFrom and hour < :wholeTo
                union all
                select a.at, a.verb, 1, %s
                %s)
            select date_trunc(:bucket, at, 'UTC') as at, verb, sum(events)::bigint as events, sum(seconds) as seconds
            from counted group by 1, 2
            """.formatted(WatchedSeconds.SQL, EDGES);

    private static final String RESPONSES = """
            select bucket, sum(responses)::bigint as responses from response_hour
            where context_id = :context and hour >= :responsesFrom and hour < :responsesTo
            group by bucket
            """;

    private final Shards shards;
    private final AnalyticsSettings settings;

    PerformanceReader(Shards shards, AnalyticsSettings settings) {
        this.shards = shards;
        this.settings = settings;
    }

    /** The figures of a whole course over [from,to), which must not be empty. */
    Mono<Performance> course(ContextId context, Instant from, Instant to) {
        ChronoUnit bucket =
                Duration.between(from, to).compareTo(settings.hourlyRange()) <= 0 ? ChronoUnit.HOURS : ChronoUnit.DAYS;
        var range = new Range(context, Spans.of(from, to));
        return shards.read(
                        context,
                        Freshness.LAGGING,
                        sql -> watermark(sql, context)
                                .flatMap(watermark -> people(sql, range)
                                        .flatMap(people -> verbs(sql, range, bucket)
                                                .flatMap(verbs -> peopleBy(sql, range, bucket)
                                                        .flatMap(peopleBy -> responses(sql, context, from, to)
                                                                .map(responses -> assemble(
                                                                        context,
                                                                        from,
                                                                        to,
                                                                        bucket,
                                                                        watermark.orElse(null),
                                                                        people,
                                                                        verbs,
                                                                        peopleBy,
                                                                        responses)))))))
                .single();
    }

    /** One person's own figures over [from,to). */
    Mono<Performance.Own> own(ContextId context, UUID user, Instant from, Instant to) {
        var range = new Range(context, Spans.of(from, to));
        return shards.read(
                        context,
                        Freshness.LAGGING,
                        sql -> watermark(sql, context)
                                .flatMap(watermark -> range.bindPersons(sql.sql(OWN))
                                        .bind("user", user)
                                        .map(row -> new Performance.Own(
                                                context.toString(),
                                                from,
                                                to,
                                                watermark.orElse(null),
                                                number(row.get("events", Long.class)),
                                                number(row.get("chat", Long.class)),
                                                number(row.get("video", Long.class)),
                                                number(row.get("seconds", Double.class))))
                                        .one()))
                .single();
    }

    private record People(long active, long chat, long video) {}

    private record Counted(Instant at, String verb, long events, double seconds) {}

    private static Mono<Optional<Instant>> watermark(DatabaseClient sql, ContextId context) {
        return sql.sql(WATERMARK)
                .bind("context", context.value())
                .map(row -> Optional.ofNullable(row.get("watermark", Instant.class)))
                .one();
    }

    private static Mono<People> people(DatabaseClient sql, Range range) {
        return range.bindPersons(sql.sql(PEOPLE))
                .map(row -> new People(
                        number(row.get("active", Long.class)),
                        number(row.get("chat", Long.class)),
                        number(row.get("video", Long.class))))
                .one();
    }

    private static Mono<Map<Instant, Long>> peopleBy(DatabaseClient sql, Range range, ChronoUnit bucket) {
        GenericExecuteSpec query = bucket == ChronoUnit.HOURS
                ? range.bindWhole(sql.sql(PEOPLE_BY_HOUR))
                : range.bindPersons(sql.sql(PEOPLE_BY_DAY));
        return query.map(row -> Map.entry(
                        Objects.requireNonNull(row.get("at", Instant.class)), number(row.get("people", Long.class))))
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private static Mono<List<Counted>> verbs(DatabaseClient sql, Range range, ChronoUnit bucket) {
        return range.bindWhole(sql.sql(VERBS))
                .bind("bucket", bucket == ChronoUnit.HOURS ? "hour" : "day")
                .map(row -> new Counted(
                        Objects.requireNonNull(row.get("at", Instant.class)),
                        Objects.requireNonNull(row.get("verb", String.class)),
                        number(row.get("events", Long.class)),
                        number(row.get("seconds", Double.class))))
                .all()
                .collectList();
    }

    private static Mono<long[]> responses(DatabaseClient sql, ContextId context, Instant from, Instant to) {
        return sql.sql(RESPONSES)
                .bind("context", context.value())
                .bind("responsesFrom", utc(from.truncatedTo(ChronoUnit.HOURS)))
                .bind("responsesTo", utc(to))
                .map(row -> Map.entry(
                        Objects.requireNonNull(row.get("bucket", Short.class)),
                        number(row.get("responses", Long.class))))
                .all()
                .collect(
                        () -> new long[LogBuckets.COUNT], (counts, entry) -> counts[entry.getKey()] = entry.getValue());
    }

    private Performance assemble(
            ContextId context,
            Instant from,
            Instant to,
            ChronoUnit bucket,
            @Nullable Instant watermark,
            People people,
            List<Counted> verbs,
            Map<Instant, Long> peopleBy,
            long[] responses) {
        var groups = new SmallGroups(settings.smallestGroup());
        var total = new Tally();
        Map<Instant, Tally> byBucket = new HashMap<>();
        for (Counted counted : verbs) {
            total.add(counted);
            byBucket.computeIfAbsent(counted.at(), unseen -> new Tally()).add(counted);
        }
        List<Performance.Bucket> series = new ArrayList<>();
        for (Instant at = from.truncatedTo(bucket); at.isBefore(to); at = at.plus(1, bucket)) {
            Tally tally = byBucket.getOrDefault(at, new Tally());
            long active = peopleBy.getOrDefault(at, 0L);
            series.add(new Performance.Bucket(
                    at,
                    groups.tell(active),
                    groups.tooSmall(active),
                    tally.launches,
                    tally.chatMessages,
                    tally.videoViews,
                    tally.watchSeconds));
        }
        return new Performance(
                context.toString(),
                from,
                to,
                bucket == ChronoUnit.HOURS ? "hour" : "day",
                watermark,
                groups.tell(people.active()),
                groups.tooSmall(people.active()),
                groups.tellPart(people.chat(), people.active()),
                groups.tellPart(people.video(), people.active()),
                total.launches,
                total.chatMessages,
                total.videoViews,
                total.watchSeconds,
                total.uploads,
                new Performance.ResponseMillis(quantile(responses, 0.5), quantile(responses, 0.95)),
                series);
    }

    private static @Nullable Double quantile(long[] responses, double share) {
        OptionalDouble millis = LogBuckets.quantileMillis(responses, share);
        return millis.isPresent() ? Math.round(millis.getAsDouble() * 10) / 10.0 : null;
    }

    private static long number(@Nullable Long value) {
        return value == null ? 0 : value;
    }

    private static double number(@Nullable Double value) {
        return value == null ? 0 : value;
    }

    private static OffsetDateTime utc(Instant time) {
        return time.atOffset(ZoneOffset.UTC);
    }

    private static final class Tally {
        private long launches;
        private long chatMessages;
        private long videoViews;
        private double watchSeconds;
        private long uploads;

        void add(Counted counted) {
            watchSeconds += counted.seconds();
            switch (counted.verb()) {
                case "launched" -> launches += counted.events();
                case "chatted" -> chatMessages += counted.events();
                case "played" -> videoViews += counted.events();
                case "uploaded" -> uploads += counted.events();
                default -> {
                    // A verb from outside: part of the activity, without a figure of its own.
                }
            }
        }
    }

    /** A course and the spans of a range, as parameters of the queries above. */
    private record Range(ContextId context, Spans spans) {

        GenericExecuteSpec bindPersons(GenericExecuteSpec query) {
            GenericExecuteSpec bound = bindEdges(query);
            bound = bind(bound, "days", spans.days());
            bound = bind(bound, "hours1", spans.hoursBefore());
            return bind(bound, "hours2", spans.hoursAfter());
        }

        GenericExecuteSpec bindWhole(GenericExecuteSpec query) {
            return bind(bindEdges(query), "whole", spans.wholeHours());
        }

        private GenericExecuteSpec bindEdges(GenericExecuteSpec query) {
            GenericExecuteSpec bound = query.bind("context", context.value());
            bound = bind(bound, "edge1", spans.edgeBefore());
            return bind(bound, "edge2", spans.edgeAfter());
        }

        private static GenericExecuteSpec bind(GenericExecuteSpec query, String name, Span span) {
            return query.bind(name + "From", utc(span.from())).bind(name + "To", utc(span.to()));
        }
    }
}
