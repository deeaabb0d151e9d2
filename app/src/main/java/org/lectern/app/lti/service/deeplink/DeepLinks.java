package org.lectern.app.lti.service.deeplink;

import io.r2dbc.spi.Readable;
import java.net.URI;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.lectern.app.lti.launch.LaunchFacts;
import org.lectern.app.lti.launch.LaunchListener;
import org.lectern.app.lti.launch.MessageType;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.SessionProperties;
import org.lectern.app.session.Sessions;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Deep linking requests that wait for an answer, in the directory database: the session names its request, and only that
 * session's person can answer it, as long as the session lives.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class DeepLinks implements LaunchListener {

    private final Directory directory;
    private final Sessions sessions;
    private final SessionProperties properties;
    private final Clock clock;

    DeepLinks(Directory directory, Sessions sessions, SessionProperties properties, Clock clock) {
        this.directory = directory;
        this.sessions = sessions;
        this.properties = properties;
        this.clock = clock;
    }

    @Override
    public Mono<Void> launched(LaunchFacts facts) {
        if (facts.type() != MessageType.DEEP_LINKING) {
            return Mono.empty();
        }
        return Mono.justOrEmpty(DeepLinkRequest.of(
                        UUID.fromString(Objects.requireNonNull(facts.item())),
                        facts.registration(),
                        facts.deploymentId(),
                        facts.origin(),
                        facts.claims()))
                .flatMap(request -> keep(facts, request));
    }

    /** The request that a session is to answer; empty when its launch was none, or one that cannot be answered. */
    Mono<DeepLinkRequest> of(LaunchSession session) {
        return sessions.place(session)
                .filter(place -> place.target() == LaunchTarget.DEEP_LINK && place.item() != null)
                .map(place -> UUID.fromString(Objects.requireNonNull(place.item())))
                .flatMap(id -> directory
                        .read(
                                Freshness.PRIMARY,
                                sql -> sql.sql("""
                                        select d.deployment_id, d.return_url, d.data, d.types, d.targets, d.multiple,
                                            d.line_items, d.origin,\s""" + Registrations.COLUMNS + """

                                        from lti_deep_link d join lti_registration r on r.id = d.registration_id
                                        where d.id = :id and d.user_id = :user and d.expires_at > :now""")
                                        .bind("id", id)
                                        .bind("user", session.userId())
                                        .bind("now", clock.instant())
                                        .map(row -> request(row, id))
                                        .one())
                        .next())
                .filter(request -> request.registration().open());
    }

    private Mono<Void> keep(LaunchFacts facts, DeepLinkRequest request) {
        return directory
                .write(sql -> {
                    var statement = sql.sql("""
                                    with old as (delete from lti_deep_link where expires_at < :now)
                                    insert into lti_deep_link (id, registration_id, deployment_id, context_id, user_id,
                                        return_url, data, types, targets, multiple, line_items, origin, expires_at)
                                    values (:id, :registration, :deployment, :context, :user, :url, :data, :types,
                                        :targets, :multiple, :lineItems, :origin, :ends)""")
                            .bind("id", request.id())
                            .bind("registration", facts.registration().id())
                            .bind("deployment", facts.deploymentId())
                            .bind("context", facts.context().value())
                            .bind("user", facts.userId())
                            .bind("url", request.returnUrl().toString())
                            .bind("types", request.types().toArray(String[]::new))
                            .bind("targets", request.targets().toArray(String[]::new))
                            .bind("multiple", request.multiple())
                            .bind("lineItems", request.lineItems())
                            .bind("origin", request.origin().toString())
                            .bind("now", clock.instant())
                            .bind("ends", clock.instant().plus(properties.lifetime()));
                    String data = request.data();
                    return (data == null ? statement.bindNull("data", String.class) : statement.bind("data", data))
                            .fetch()
                            .rowsUpdated();
                })
                .then();
    }

    private static DeepLinkRequest request(Readable row, UUID id) {
        return new DeepLinkRequest(
                id,
                Registrations.registration(row),
                required(row, "deployment_id", String.class),
                URI.create(required(row, "return_url", String.class)),
                row.get("data", String.class),
                List.of(required(row, "types", String[].class)),
                List.of(required(row, "targets", String[].class)),
                required(row, "multiple", Boolean.class),
                required(row, "line_items", Boolean.class),
                URI.create(required(row, "origin", String.class)));
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }
}
