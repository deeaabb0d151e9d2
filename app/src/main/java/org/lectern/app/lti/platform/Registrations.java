package org.lectern.app.lti.platform;

import io.r2dbc.spi.Readable;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.session.Sessions;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/**
 * Registrations and deployments, in the directory database. Nothing but {@link #ofLogin} is remembered between calls, so a
 * pause holds for the next launch on every node.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class Registrations {

    /** The columns that {@link #registration(Readable)} reads, of a table aliased {@code r}. */
    public static final String COLUMNS = """
            r.id as registration_id, r.issuer, r.client_id, r.name, r.authorization_endpoint, r.token_endpoint, r.token_audience,
            r.jwks_uri, r.trusted_addresses, r.approval, r.paused or r.operator_paused as paused, r.operators, r.anonymous_launches, r.pending_deployments""";

    private static final Logger log = LoggerFactory.getLogger(Registrations.class);

    private final Directory directory;
    private final Sessions sessions;
    private final RegistrationMemory memory;
    private final IdGenerator ids;
    private final Clock clock;

    Registrations(Directory directory, Sessions sessions, RegistrationMemory memory, IdGenerator ids, Clock clock) {
        this.directory = directory;
        this.sessions = sessions;
        this.memory = memory;
        this.ids = ids;
        this.clock = clock;
        memory.warm(this::asked);
    }

    /**
     * Creates or updates the registration of (issuer, client id) and makes its deployments active; deployments it does
     * not name stay as they are. Its addresses are trusted. A client of a token endpoint belongs to one registration: where
     * another has this one, that registration loses its token endpoint, so that strangers who were first keep no node
     * from starting.
     */
    public Mono<Registration> save(LtiProperties.Platform platform, Source source) {
        return sessions.ending(directory.write(sql -> claimTokens(sql, platform)
                        .then(upsert(sql, platform, source))
                        .flatMap(registration -> registration.open() && registration.operators()
                                ? Mono.just(registration)
                                : sessions.endOf(sql, registration.id(), registration.open())
                                        .thenReturn(registration))
                        .flatMap(registration -> decided(
                                        sql,
                                        registration.id(),
                                        platform.deploymentIds(),
                                        DeploymentState.ACTIVE,
                                        clock.instant())
                                .thenReturn(registration))))
                .delayUntil(saved -> memory.forget());
    }

    /**
     * What a login may be of: the registration of the issuer's client, where the platform names one, else {@link #ofIssuer}.
     * May be as old as {@link RegistrationMemory} says: enough to send a browser to the platform, not to let anybody in.
     */
    public Mono<List<Registration>> ofLogin(String issuer, @Nullable String client) {
        return memory.get(issuer, client, asked(issuer, client));
    }

    private Mono<List<Registration>> asked(String issuer, @Nullable String client) {
        return client == null
                ? ofIssuer(issuer)
                : find(issuer, client).map(List::of).defaultIfEmpty(List.of());
    }

    /** The registration of a client id of an issuer. */
    public Mono<Registration> find(String issuer, String client) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select " + COLUMNS
                                        + " from lti_registration r where r.issuer = :issuer and r.client_id = :client")
                                .bind("issuer", issuer)
                                .bind("client", client)
                                .map(row -> registration(row))
                                .one())
                .next();
    }

    /**
     * The approved registrations of an issuer, at most two: enough to know whether it has one client id only. Where it has
     * none that is approved, one that is not.
     */
    public Mono<List<Registration>> ofIssuer(String issuer) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select " + COLUMNS + """
                                 from lti_registration r where r.issuer = :issuer
                                order by r.approval = 'approved' desc, r.client_id limit 2""")
                                .bind("issuer", issuer)
                                .map(row -> registration(row))
                                .all())
                .collectList()
                .map(found -> found.stream()
                        .filter(one -> one.approval() == Approval.APPROVED || one.equals(found.getFirst()))
                        .toList());
    }

    /** Notes a deployment that launched without being known, as pending; one that is known stays as it is. */
    public Mono<Void> notePending(Registration registration, String deployment) {
        return directory
                .write(sql -> sql.sql("""
                                insert into lti_deployment (registration_id, deployment_id, state, first_seen_at)
                                select :registration, :deployment, 'pending', :now
                                where (select count(*) from lti_deployment
                                       where registration_id = :registration and state = 'pending') < 1000
                                on conflict do nothing""")
                        .bind("registration", registration.id())
                        .bind("deployment", deployment)
                        .bind("now", clock.instant())
                        .fetch()
                        .rowsUpdated())
                .then();
    }

    /** Whether a deployment may launch. */
    public Mono<Boolean> isActive(Registration registration, String deployment) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                select exists (select from lti_deployment where registration_id = :registration
                                               and deployment_id = :deployment and state = 'active') as active""")
                                .bind("registration", registration.id())
                                .bind("deployment", deployment)
                                .map(row -> required(row, "active", Boolean.class))
                                .one())
                .next();
    }

    /** Reads a registration from a row that selected {@link #COLUMNS}. */
    public static Registration registration(Readable row) {
        String tokenEndpoint = row.get("token_endpoint", String.class);
        return new Registration(
                required(row, "registration_id", UUID.class),
                required(row, "issuer", String.class),
                required(row, "client_id", String.class),
                required(row, "name", String.class),
                URI.create(required(row, "authorization_endpoint", String.class)),
                tokenEndpoint == null ? null : URI.create(tokenEndpoint),
                row.get("token_audience", String.class),
                URI.create(required(row, "jwks_uri", String.class)),
                required(row, "trusted_addresses", Boolean.class),
                Approval.of(required(row, "approval", String.class)),
                required(row, "paused", Boolean.class),
                required(row, "operators", Boolean.class),
                required(row, "anonymous_launches", Boolean.class),
                required(row, "pending_deployments", Boolean.class));
    }

    private Mono<Void> claimTokens(DatabaseClient sql, LtiProperties.Platform platform) {
        URI tokenEndpoint = platform.tokenEndpoint();
        if (tokenEndpoint == null) {
            return Mono.empty();
        }
        return sql.sql("""
                        update lti_registration set token_endpoint = null, token_audience = null, updated_at = :now
                        where client_id = :client and issuer <> :issuer and token_origin = lti_token_origin(:token)
                        returning issuer""")
                .bind("client", platform.clientId())
                .bind("issuer", platform.issuer())
                .bind("token", tokenEndpoint.toString())
                .bind("now", clock.instant())
                .map(row -> required(row, "issuer", String.class))
                .all()
                .doOnNext(other -> log.warn(
                        "The registration of {} had the same client of the same token endpoint as the configured {}; it has no services any more",
                        other,
                        platform.issuer()))
                .then();
    }

    private Mono<Registration> upsert(DatabaseClient sql, LtiProperties.Platform platform, Source source) {
        URI tokenEndpoint = platform.tokenEndpoint();
        String name = platform.name();
        GenericExecuteSpec statement = sql.sql("""
                        insert into lti_registration as r (id, issuer, client_id, name, authorization_endpoint,
                            token_endpoint, token_audience, jwks_uri, trusted_addresses, paused, operators, anonymous_launches,
                            pending_deployments, source, created_at, updated_at)
                        values (:id, :issuer, :client, :name, :authorization, :token, nullif(:audience, ''), :jwks, true, :paused, :operators,
                            :anonymous, :pending, :source, :now, :now)
                        on conflict (issuer, client_id) do update set name = excluded.name,
                            authorization_endpoint = excluded.authorization_endpoint,
                            token_endpoint = excluded.token_endpoint, token_audience = excluded.token_audience,
                            jwks_uri = excluded.jwks_uri,
                            trusted_addresses = true, paused = excluded.paused, operators = excluded.operators,
                            anonymous_launches = excluded.anonymous_launches,
                            pending_deployments = excluded.pending_deployments, source = excluded.source,
                            approval = 'approved',
                            updated_at = excluded.updated_at
                        returning\s""" + COLUMNS)
                .bind("id", ids.generateId())
                .bind("issuer", platform.issuer())
                .bind("client", platform.clientId())
                .bind("name", name == null ? platform.issuer() : name)
                .bind("authorization", platform.authorizationEndpoint().toString())
                .bind("jwks", platform.jwksUri().toString())
                .bind("paused", platform.paused())
                .bind("operators", platform.operators())
                .bind("anonymous", platform.anonymousLaunches())
                .bind("pending", platform.pendingDeployments())
                .bind("source", source.name().toLowerCase(Locale.ROOT))
                .bind("now", clock.instant());
        statement = bindNullable(statement, "audience", platform.tokenAudience());
        return bindNullable(statement, "token", tokenEndpoint == null ? null : tokenEndpoint.toString())
                .map(row -> registration(row))
                .one();
    }

    /** Lets deployments launch, or blocks them, whether they were seen before or not. */
    static Mono<Long> decided(
            DatabaseClient sql, UUID id, Collection<String> deployments, DeploymentState state, Instant now) {
        return Batch.inParts(
                new TreeSet<>(deployments),
                Batch.MAX_ROWS,
                part -> part.column("deployments", String.class, deployment -> deployment)
                        .bindTo(sql.sql("""
                                insert into lti_deployment (registration_id, deployment_id, state, first_seen_at)
                                select :registration, deployment, :state, :now from unnest(:deployments::text[]) as deployment
                                on conflict (registration_id, deployment_id) do update set state = excluded.state""")
                                .bind("registration", id)
                                .bind("state", state.key())
                                .bind("now", now))
                        .fetch()
                        .rowsUpdated());
    }

    private static GenericExecuteSpec bindNullable(GenericExecuteSpec statement, String name, @Nullable String value) {
        return value == null ? statement.bindNull(name, String.class) : statement.bind(name, value);
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }

    /** Where a registration came from. */
    public enum Source {
        /** {@code lectern.lti.registrations}. */
        CONFIGURATION,
        /** The demo platform. */
        DEMO
    }
}
