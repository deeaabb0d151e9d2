package org.lectern.app.lti.service.message;

import java.net.URI;
import java.time.Clock;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.launch.Claims;
import org.lectern.app.lti.launch.LaunchFacts;
import org.lectern.app.lti.launch.LaunchListener;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.lti.service.endpoint.Offer;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.SessionProperties;
import org.lectern.app.session.Sessions;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** What messages about a person said, in the directory database, for as long as their session lives. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class PersonMessages implements LaunchListener {

    private final Directory directory;
    private final Sessions sessions;
    private final SessionProperties properties;
    private final Clock clock;

    PersonMessages(Directory directory, Sessions sessions, SessionProperties properties, Clock clock) {
        this.directory = directory;
        this.sessions = sessions;
        this.properties = properties;
        this.clock = clock;
    }

    @Override
    public Mono<Void> launched(LaunchFacts facts) {
        return switch (facts.type()) {
            case RESOURCE_LINK, DEEP_LINKING -> Mono.empty();
            case SUBMISSION_REVIEW, DATA_PRIVACY, EULA -> keep(facts);
        };
    }

    /**
     * The message that a session was opened by.
     *
     * @param target which kind of message it has to be
     * @return errors with {@link ProblemType#NOT_FOUND} when it was opened by none of that kind
     */
    Mono<PersonMessage> of(LaunchSession session, LaunchTarget target) {
        return sessions.place(session)
                .filter(place -> place.target() == target && place.item() != null)
                .flatMap(place -> find(UUID.fromString(Objects.requireNonNull(place.item())), session.userId()))
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.NOT_FOUND,
                        "This session was not opened for that; begin again in the learning management system")));
    }

    private Mono<PersonMessage> find(UUID id, UUID user) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select m.about_subject, m.line_item, " + Registrations.COLUMNS + """

                                from lti_message m join lti_registration r on r.id = m.registration_id
                                where m.id = :id and m.user_id = :user and m.expires_at > :now""")
                                .bind("id", id)
                                .bind("user", user)
                                .bind("now", clock.instant())
                                .map(row -> {
                                    String lineItem = row.get("line_item", String.class);
                                    return new PersonMessage(
                                            Registrations.registration(row),
                                            row.get("about_subject", String.class),
                                            lineItem == null ? null : URI.create(lineItem));
                                })
                                .one())
                .next()
                .filter(message -> message.registration().open());
    }

    private Mono<Void> keep(LaunchFacts facts) {
        String lineItem = Offer.in(facts.claims()).stream()
                .filter(offer -> offer.kind() == ServiceKind.LINE_ITEM)
                .map(offer -> offer.url().toString())
                .findFirst()
                .orElse(null);
        return directory
                .write(sql -> {
                    var statement = sql.sql("""
                                    with old as (delete from lti_message where expires_at < :now)
                                    insert into lti_message (id, registration_id, context_id, user_id, about_subject,
                                        line_item, expires_at)
                                    values (:id, :registration, :context, :user, :subject, :item, :ends)""")
                            .bind("id", UUID.fromString(Objects.requireNonNull(facts.item())))
                            .bind("registration", facts.registration().id())
                            .bind("context", facts.context().value())
                            .bind("user", facts.userId())
                            .bind("now", clock.instant())
                            .bind("ends", clock.instant().plus(properties.lifetime()));
                    statement = bindNullable(statement, "subject", about(facts));
                    return bindNullable(statement, "item", lineItem).fetch().rowsUpdated();
                })
                .then();
    }

    /** Whom it is about: the person named, else the one who is here. Drafts name the id differently. */
    private static @Nullable String about(LaunchFacts facts) {
        Map<?, ?> user = Claims.object(facts.claims(), Claims.LTI + "for_user");
        if (user == null) {
            return facts.subject();
        }
        String id = Claims.text(user, "user_id");
        return id == null ? Claims.text(user, "id") : id;
    }

    private static GenericExecuteSpec bindNullable(GenericExecuteSpec statement, String name, @Nullable String value) {
        return value == null ? statement.bindNull(name, String.class) : statement.bind(name, value);
    }
}
