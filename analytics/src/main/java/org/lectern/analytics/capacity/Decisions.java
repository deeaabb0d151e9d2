package org.lectern.analytics.capacity;

import io.r2dbc.postgresql.codec.Json;
import io.r2dbc.spi.Readable;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.analytics.capacity.Decision.Evidence;
import org.lectern.analytics.capacity.Decision.State;
import org.lectern.analytics.capacity.Demand.Proposal;
import org.lectern.analytics.capacity.Rule.Priority;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.scaling.Actuator.Resource;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** Decisions with their reasons, in the directory database. */
@Component
final class Decisions {

    private static final String COLUMNS =
            "id, at, resource, subject, change, priority, state, mode, reason, evidence, lapsed_at";

    /** The one that stands, if any, and the last one, which may be the same. */
    private static final String RELEVANT = """
            select %1$s from decision where state = 'proposed'
            union
            select * from (
                select distinct on (resource, subject) %1$s from decision
                where at > :since order by resource, subject, at desc) last
            """.formatted(COLUMNS);

    private static final String ADD = """
            insert into decision (id, at, resource, subject, change, priority, state, mode, reason, evidence)
            values (:id, :at, :resource, :subject, :change, :priority, 'proposed', :mode, :reason, :evidence::jsonb)
            """;

    private static final String LAPSE = """
            update decision set state = 'lapsed', lapsed_at = :at where id = any (:ids) and state = 'proposed'
            """;

    private final Directory directory;
    private final IdGenerator ids;
    private final JsonMapper json;

    Decisions(Directory directory, IdGenerator ids, JsonMapper json) {
        this.directory = directory;
        this.ids = ids;
        this.json = json;
    }

    /** For each target its last decision since a time, and the one that stands. */
    Flux<Decision> relevant(DatabaseClient sql, Instant since) {
        return sql.sql(RELEVANT).bind("since", utc(since)).map(this::decision).all();
    }

    Mono<Void> write(DatabaseClient sql, Instant now, Demand.Outcome outcome) {
        Mono<Void> lapsed = outcome.lapsed().isEmpty()
                ? Mono.empty()
                : sql.sql(LAPSE)
                        .bind("at", utc(now))
                        .bind("ids", outcome.lapsed().toArray(UUID[]::new))
                        .then();
        return lapsed.thenMany(Flux.fromIterable(outcome.proposals()).concatMap(proposal -> add(sql, now, proposal)))
                .then();
    }

    private Mono<Void> add(DatabaseClient sql, Instant now, Proposal proposal) {
        return sql.sql(ADD)
                .bind("id", ids.generateId())
                .bind("at", utc(now))
                .bind("resource", proposal.target().resource().key())
                .bind("subject", proposal.target().subject())
                .bind("change", proposal.change())
                .bind("priority", proposal.priority().key())
                .bind("mode", Decision.DRY_RUN)
                .bind("reason", proposal.reason())
                .bind("evidence", json.writeValueAsString(proposal.evidence()))
                .then();
    }

    /** Decisions, newest first, older than one of them. */
    Flux<Decision> page(@Nullable UUID before, int limit) {
        return directory.read(Freshness.LAGGING, sql -> {
            DatabaseClient.GenericExecuteSpec query = sql.sql("select " + COLUMNS + " from decision"
                            + (before == null ? "" : " where id < :before")
                            + " order by id desc limit :limit")
                    .bind("limit", limit);
            return (before == null ? query : query.bind("before", before))
                    .map(this::decision)
                    .all();
        });
    }

    private Decision decision(Readable row) {
        return new Decision(
                Objects.requireNonNull(row.get("id", UUID.class)),
                Objects.requireNonNull(row.get("at", Instant.class)),
                Resource.valueOf(text(row, "resource")),
                Objects.requireNonNull(row.get("subject", String.class)),
                Objects.requireNonNull(row.get("change", Integer.class)),
                Priority.valueOf(text(row, "priority")),
                State.valueOf(text(row, "state")),
                Objects.requireNonNull(row.get("mode", String.class)),
                Objects.requireNonNull(row.get("reason", String.class)),
                json.readValue(
                        Objects.requireNonNull(row.get("evidence", Json.class)).asString(),
                        new TypeReference<List<Evidence>>() {}),
                row.get("lapsed_at", Instant.class));
    }

    private static String text(Readable row, String column) {
        return Objects.requireNonNull(row.get(column, String.class)).toUpperCase(Locale.ROOT);
    }

    private static OffsetDateTime utc(Instant time) {
        return time.atOffset(ZoneOffset.UTC);
    }
}
