package org.lectern.app.lti.platform;

import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/** Who changed what about platforms and the tool's keys: written in the transaction of the change itself. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class Audit {

    private final Directory directory;
    private final IdGenerator ids;
    private final Clock clock;

    Audit(Directory directory, IdGenerator ids, Clock clock) {
        this.directory = directory;
        this.ids = ids;
        this.clock = clock;
    }

    /**
     * Notes a change.
     *
     * @param sql the change's own transaction
     * @param actor who did it
     * @param action what was done, such as {@code paused}
     * @param registration whose registration, or null where it is none's
     * @param detail what else there is to say; never a secret
     */
    public Mono<Long> note(
            DatabaseClient sql, Operator actor, String action, @Nullable UUID registration, String detail) {
        var statement = sql.sql("""
                        insert into lti_audit (id, at, actor, action, registration_id, detail)
                        values (:id, :at, :actor, :action, :registration, :detail)""")
                .bind("id", ids.generateId())
                .bind("at", clock.instant())
                .bind("actor", actor.name())
                .bind("action", action)
                .bind("detail", detail);
        return (registration == null
                        ? statement.bindNull("registration", UUID.class)
                        : statement.bind("registration", registration))
                .fetch()
                .rowsUpdated();
    }

    /** Entries, newest first. */
    Mono<List<Entry>> list(@Nullable UUID registration, @Nullable UUID before, int limit) {
        return directory
                .read(Freshness.PRIMARY, sql -> {
                    var statement = sql.sql(
                                    "select id, at, actor, action, registration_id, detail from lti_audit where true"
                                            + (registration == null ? "" : " and registration_id = :registration")
                                            + (before == null ? "" : " and id < :before")
                                            + " order by id desc limit :limit")
                            .bind("limit", limit);
                    statement = registration == null ? statement : statement.bind("registration", registration);
                    statement = before == null ? statement : statement.bind("before", before);
                    return statement
                            .map(row -> new Entry(
                                    Objects.requireNonNull(row.get("id", UUID.class)),
                                    Objects.requireNonNull(row.get("at", Instant.class)),
                                    Objects.requireNonNull(row.get("actor", String.class)),
                                    Objects.requireNonNull(row.get("action", String.class)),
                                    row.get("registration_id", UUID.class),
                                    Objects.requireNonNull(row.get("detail", String.class))))
                            .all();
                })
                .collectList();
    }

    /**
     * A change.
     *
     * @param id rises with time
     * @param at when
     * @param actor who: {@code user:} and an id, {@code token:} and a subject, {@code platform:} and an issuer, or
     *     {@code configuration}
     * @param action what was done
     * @param registrationId whose registration, where it is one's
     * @param detail what else there is to say
     */
    record Entry(
            UUID id,
            Instant at,
            String actor,
            String action,
            @Nullable UUID registrationId,
            String detail) {}
}
