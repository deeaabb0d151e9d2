package org.lectern.app.lti.service.person;

import java.time.Clock;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.lectern.app.lti.platform.Registration;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/** Ids of people: the platform's subject and Lectern's own, in the directory database. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class Subjects {

    private final Directory directory;
    private final IdGenerator ids;
    private final Clock clock;

    Subjects(Directory directory, IdGenerator ids, Clock clock) {
        this.directory = directory;
        this.ids = ids;
        this.clock = clock;
    }

    /** Lectern's ids of a platform's people; who is not known yet gets one. At most a few thousand at once. */
    public Mono<Map<String, UUID>> users(Registration registration, Collection<String> subjects) {
        List<String> ordered = List.copyOf(new TreeSet<>(subjects));
        if (ordered.isEmpty()) {
            return Mono.just(Map.of());
        }
        UUID[] fresh = Stream.generate(ids::generateId).limit(ordered.size()).toArray(UUID[]::new);
        return directory.write(sql -> sql.sql("""
                        insert into lti_person (issuer, subject, user_id, created_at)
                        select :issuer, subject, user_id, :now
                        from unnest(:subjects::text[], :fresh::uuid[]) as given (subject, user_id)
                        on conflict (issuer, subject) do nothing""")
                .bind("issuer", registration.issuer())
                .bind("subjects", ordered.toArray(String[]::new))
                .bind("fresh", fresh)
                .bind("now", clock.instant())
                .fetch()
                .rowsUpdated()
                .thenMany(sql.sql(
                                "select subject, user_id from lti_person where issuer = :issuer and subject = any(:subjects)")
                        .bind("issuer", registration.issuer())
                        .bind("subjects", ordered.toArray(String[]::new))
                        .map(row -> Map.entry(
                                Objects.requireNonNull(row.get("subject", String.class)),
                                Objects.requireNonNull(row.get("user_id", UUID.class))))
                        .all())
                .collectMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /** Lectern's id of a person, if the person is known. */
    public Mono<UUID> user(Registration registration, String subject) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select user_id from lti_person where issuer = :issuer and subject = :subject")
                                .bind("issuer", registration.issuer())
                                .bind("subject", subject)
                                .map(row -> Objects.requireNonNull(row.get("user_id", UUID.class)))
                                .one())
                .next();
    }

    /** The platform's ids of people; who came without one (anonymously) is not in it. */
    public Mono<Map<UUID, String>> subjects(Registration registration, Collection<UUID> users) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql(
                                        "select subject, user_id from lti_person where issuer = :issuer and user_id = any(:users)")
                                .bind("issuer", registration.issuer())
                                .bind("users", users.toArray(UUID[]::new))
                                .map(row -> Map.entry(
                                        Objects.requireNonNull(row.get("user_id", UUID.class)),
                                        Objects.requireNonNull(row.get("subject", String.class))))
                                .all())
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }
}
