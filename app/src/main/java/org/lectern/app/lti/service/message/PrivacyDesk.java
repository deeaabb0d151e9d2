package org.lectern.app.lti.service.message;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Audit;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * What people asked for their data, for the operators who see to it. Settling a request says what became of it, once, and
 * stands in the audit; the work itself is the operator's.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class PrivacyDesk {

    private static final String SELECT = """
            select q.id, r.name, r.issuer, q.about_subject, p.user_id, q.asked_by, q.kind, q.asked_at, q.settled_at,
                q.settled_by, q.outcome, q.note
            from lti_privacy_request q
            join lti_registration r on r.id = q.registration_id
            left join lti_person p on p.issuer = r.issuer and p.subject = q.about_subject
            """;

    private final Directory directory;
    private final Audit audit;
    private final Clock clock;

    PrivacyDesk(Directory directory, Audit audit, Clock clock) {
        this.directory = directory;
        this.audit = audit;
        this.clock = clock;
    }

    /**
     * Requests, newest first.
     *
     * @param waiting only those that nobody has settled
     * @param before only those older than this id
     */
    Mono<List<Request>> list(boolean waiting, @Nullable UUID before, int limit) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql(SELECT + "where q.id < :before" + (waiting ? " and q.settled_at is null" : "")
                                        + " order by q.id desc limit :limit")
                                .bind("before", before == null ? new UUID(-1, -1) : before)
                                .bind("limit", limit)
                                .map(PrivacyDesk::request)
                                .all())
                .collectList();
    }

    /**
     * Says what became of a request.
     *
     * @param outcome {@code done} or {@code refused}
     * @param note for other operators, or null
     * @return the request; errors with a not-found problem, or a conflict when it was settled before
     */
    Mono<Request> settle(UUID id, String outcome, @Nullable String note, Operator by) {
        return directory.write(sql -> bound(
                        sql.sql("""
                                update lti_privacy_request
                                set settled_at = :now, settled_by = :by, outcome = :outcome, note = :note
                                where id = :id and settled_at is null
                                returning registration_id, kind""")
                                .bind("id", id)
                                .bind("now", clock.instant())
                                .bind("by", by.name())
                                .bind("outcome", outcome),
                        note)
                .map(row -> new Settled(
                        Objects.requireNonNull(row.get("registration_id", UUID.class)),
                        Objects.requireNonNull(row.get("kind", String.class))))
                .one()
                .flatMap(settled ->
                        audit.note(sql, by, "privacy-" + outcome, settled.registration(), settled.kind() + " " + id))
                .flatMap(noted -> find(sql, id))
                .switchIfEmpty(find(sql, id)
                        .flatMap(there -> Mono.<Request>error(
                                new ProblemException(ProblemType.CONFLICT, "This request was settled already"))))
                .switchIfEmpty(
                        Mono.error(() -> new ProblemException(ProblemType.NOT_FOUND, "There is no such request"))));
    }

    private static Mono<Request> find(DatabaseClient sql, UUID id) {
        return Mono.defer(() -> sql.sql(SELECT + "where q.id = :id")
                .bind("id", id)
                .map(PrivacyDesk::request)
                .one());
    }

    private static GenericExecuteSpec bound(GenericExecuteSpec statement, @Nullable String note) {
        return note == null ? statement.bindNull("note", String.class) : statement.bind("note", note);
    }

    private static Request request(Readable row) {
        return new Request(
                Objects.requireNonNull(row.get("id", UUID.class)),
                Objects.requireNonNull(row.get("name", String.class)),
                Objects.requireNonNull(row.get("issuer", String.class)),
                Objects.requireNonNull(row.get("about_subject", String.class)),
                row.get("user_id", UUID.class),
                Objects.requireNonNull(row.get("asked_by", UUID.class)),
                Objects.requireNonNull(row.get("kind", String.class)),
                Objects.requireNonNull(row.get("asked_at", Instant.class)),
                row.get("settled_at", Instant.class),
                row.get("settled_by", String.class),
                row.get("outcome", String.class),
                row.get("note", String.class));
    }

    /** What a settled request was. */
    private record Settled(UUID registration, String kind) {}

    /**
     * A request about somebody's data.
     *
     * @param id ours
     * @param platform where the person comes from
     * @param issuer the platform's {@code iss}
     * @param subject the platform's id of the person
     * @param userId ours, where the person was ever here
     * @param askedBy our id of who asked
     * @param kind {@code export} or {@code erase}
     * @param askedAt when
     * @param settledAt when an operator saw to it; null while it waits
     * @param settledBy which operator
     * @param outcome {@code done} or {@code refused}
     * @param note what the operator noted
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record Request(
            UUID id,
            String platform,
            String issuer,
            String subject,
            @Nullable UUID userId,
            UUID askedBy,
            String kind,
            Instant askedAt,
            @Nullable Instant settledAt,
            @Nullable String settledBy,
            @Nullable String outcome,
            @Nullable String note) {}
}
