package org.lectern.analytics.capacity;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.Signal.Kind;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The signals of the last weeks, in the directory database. */
@Component
final class SignalHistory {

    private static final int PRUNED_AT_ONCE = 5000;

    private static final Map<String, Kind> KINDS =
            Stream.of(Kind.values()).collect(Collectors.toUnmodifiableMap(Kind::key, Function.identity()));

    private static final String APPEND = """
            insert into signal (kind, subject, at, value)
            select s.kind, s.subject, s.at, s.value
            from unnest(:kinds::text[], :subjects::text[], :times::timestamptz[], :values::double precision[])
                as s (kind, subject, at, value)
            on conflict do nothing
            """;

    private static final String DOWNSAMPLED = """
            select kind, subject, date_bin(make_interval(secs => :step), at, timestamptz 'epoch') as bin,
                   avg(value) as mean, max(value) as most
            from signal
            where at >= :since and (:kind = '' or kind = :kind)
            group by kind, subject, bin order by kind, subject, bin
            """;

    private static final String PRUNE = """
            delete from signal where ctid = any (array(
                select ctid from signal where at < :before order by at limit :limit))
            """;

    private final Directory directory;

    SignalHistory(Directory directory) {
        this.directory = directory;
    }

    /** The kind with this name in JSON, or null. */
    static @Nullable Kind kind(String key) {
        return KINDS.get(key.toLowerCase(Locale.ROOT));
    }

    Mono<Void> append(Collection<Signal> signals) {
        if (signals.isEmpty()) {
            return Mono.empty();
        }
        return directory
                .write(sql -> sql.sql(APPEND)
                        .bind(
                                "kinds",
                                signals.stream()
                                        .map(signal -> signal.kind().key())
                                        .toArray(String[]::new))
                        .bind("subjects", signals.stream().map(Signal::subject).toArray(String[]::new))
                        .bind(
                                "times",
                                signals.stream().map(signal -> utc(signal.at())).toArray(OffsetDateTime[]::new))
                        .bind("values", signals.stream().map(Signal::value).toArray(Double[]::new))
                        .fetch()
                        .rowsUpdated())
                .then();
    }

    /** All signals since a time, as they were measured. */
    static Flux<Signal> since(DatabaseClient sql, Instant since) {
        return sql.sql("select kind, subject, at, value from signal where at >= :since")
                .bind("since", utc(since))
                .map(row -> new Known(
                        KINDS.get(Objects.requireNonNull(row.get("kind", String.class))),
                        Objects.requireNonNull(row.get("subject", String.class)),
                        Objects.requireNonNull(row.get("value", Double.class)),
                        Objects.requireNonNull(row.get("at", Instant.class))))
                .all()
                // A newer version of Lectern may have written kinds that this one does not know.
                .<Signal>handle((known, sink) -> {
                    if (known.kind() != null) {
                        sink.next(new Signal(known.kind(), known.subject(), known.value(), known.at()));
                    }
                });
    }

    private record Known(@Nullable Kind kind, String subject, double value, Instant at) {}

    /**
     * A point of a downsampled series.
     *
     * @param at beginning of the step
     * @param mean mean over the step
     * @param max largest value in the step
     */
    record Point(Instant at, double mean, double max) {}

    /**
     * One signal of one subject over time.
     *
     * @param kind what was measured
     * @param subject of what
     * @param points oldest first
     */
    record Series(String kind, String subject, List<Point> points) {}

    /** Series since a time, each step told by one point; steps without a measurement are left out. */
    Mono<List<Series>> series(@Nullable Kind kind, Instant since, Duration step) {
        record Row(String kind, String subject, Point point) {}
        return directory
                .read(
                        Freshness.LAGGING,
                        sql -> sql.sql(DOWNSAMPLED)
                                .bind("step", (double) step.toSeconds())
                                .bind("since", utc(since))
                                .bind("kind", kind == null ? "" : kind.key())
                                .map(row -> new Row(
                                        Objects.requireNonNull(row.get("kind", String.class)),
                                        Objects.requireNonNull(row.get("subject", String.class)),
                                        new Point(
                                                Objects.requireNonNull(row.get("bin", Instant.class)),
                                                Objects.requireNonNull(row.get("mean", Double.class)),
                                                Objects.requireNonNull(row.get("most", Double.class)))))
                                .all())
                .bufferUntilChanged(row -> row.kind() + '\n' + row.subject())
                .map(rows -> new Series(
                        rows.getFirst().kind(),
                        rows.getFirst().subject(),
                        rows.stream().map(Row::point).toList()))
                .collectList();
    }

    /** Deletes a few thousand of the signals from before a time; called often enough, all of them. */
    Mono<Long> prune(Instant before) {
        return directory.write(sql -> sql.sql(PRUNE)
                .bind("before", utc(before))
                .bind("limit", PRUNED_AT_ONCE)
                .fetch()
                .rowsUpdated());
    }

    private static OffsetDateTime utc(Instant time) {
        return time.atOffset(ZoneOffset.UTC);
    }
}
