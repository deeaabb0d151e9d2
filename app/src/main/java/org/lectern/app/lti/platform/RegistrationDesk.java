package org.lectern.app.lti.platform;

import io.r2dbc.spi.Readable;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.session.Sessions;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/**
 * What operators do about registrations and deployments. Every change and its audit entry are one transaction, and hold
 * for the next launch on every node. What the configuration says is changed in the configuration: such a registration
 * can be paused here, nothing else, because the next start would undo it.
 *
 * <p>Errors are problems: {@link ProblemType#NOT_FOUND}, {@link ProblemType#CONFLICT} and, for addresses,
 * {@link ProblemType#INVALID_REQUEST}.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class RegistrationDesk {

    private static final String SELECT = "select " + Registrations.COLUMNS + """
            , r.source, r.operator_paused, r.created_at, r.updated_at,
            (select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'active') as active,
            (select count(*) from lti_deployment d where d.registration_id = r.id and d.state = 'pending') as pending
            from lti_registration r\s""";

    private final Directory directory;
    private final Sessions sessions;
    private final RegistrationMemory memory;
    private final Audit audit;
    private final IdGenerator ids;
    private final Clock clock;

    RegistrationDesk(
            Directory directory,
            Sessions sessions,
            RegistrationMemory memory,
            Audit audit,
            IdGenerator ids,
            Clock clock) {
        this.directory = directory;
        this.sessions = sessions;
        this.memory = memory;
        this.audit = audit;
        this.ids = ids;
        this.clock = clock;
    }

    /** Registrations, newest first; {@code before} is exclusive. */
    public Mono<List<RegisteredPlatform>> list(@Nullable UUID before, int limit) {
        return directory
                .read(Freshness.PRIMARY, sql -> {
                    var statement = sql.sql(SELECT + (before == null ? "" : "where r.id < :before")
                                    + " order by r.id desc limit :limit")
                            .bind("limit", limit);
                    return (before == null ? statement : statement.bind("before", before))
                            .map(RegistrationDesk::platform)
                            .all();
                })
                .collectList();
    }

    /** One registration. */
    public Mono<RegisteredPlatform> find(UUID id) {
        return directory
                .read(Freshness.PRIMARY, sql -> found(sql, id, false))
                .next()
                .switchIfEmpty(Mono.error(RegistrationDesk::unknown));
    }

    /** Registers a platform. */
    Mono<RegisteredPlatform> create(RegistrationRequest request, Operator by) {
        UUID id = ids.generateId();
        URI authorization = acceptable("authorization_endpoint", request.authorizationEndpoint(), request.trusted());
        URI keys = acceptable("jwks_uri", request.jwksUri(), request.trusted());
        URI token = request.tokenEndpoint() == null
                ? null
                : acceptable("token_endpoint", request.tokenEndpoint(), request.trusted());
        Instant now = clock.instant();
        return directory
                .write(sql -> {
                    GenericExecuteSpec statement = sql.sql("""
                                    insert into lti_registration (id, issuer, client_id, name, authorization_endpoint,
                                        token_endpoint, token_audience, jwks_uri, trusted_addresses, operators, anonymous_launches,
                                        pending_deployments, source, created_at, updated_at)
                                    values (:id, :issuer, :client, :name, :authorization, :token, nullif(:audience, ''), :jwks, :trusted,
                                        :operators, :anonymous, :pending, 'api', :now, :now)""")
                            .bind("id", id)
                            .bind("issuer", request.issuer())
                            .bind("client", request.clientId())
                            .bind("name", Objects.requireNonNullElse(request.name(), request.issuer()))
                            .bind("authorization", authorization.toString())
                            .bind("jwks", keys.toString())
                            .bind("trusted", request.trusted())
                            .bind("operators", Boolean.TRUE.equals(request.operators()))
                            .bind("anonymous", Boolean.TRUE.equals(request.anonymousLaunches()))
                            .bind("pending", Boolean.TRUE.equals(request.pendingDeployments()))
                            .bind("now", now);
                    statement = bound(statement, "token", token == null ? null : token.toString());
                    return bound(statement, "audience", request.tokenAudience())
                            .fetch()
                            .rowsUpdated()
                            .then(decided(sql, id, request.deployments(), DeploymentState.ACTIVE))
                            .then(audit.note(sql, by, "created", id, request.summary()))
                            .then(one(sql, id));
                })
                .delayUntil(created -> memory.forget())
                .onErrorMap(DataIntegrityViolationException.class, unused -> taken());
    }

    /**
     * Errors with {@link ProblemType#CONFLICT} when so many registrations wait for approval already.
     *
     * @param limit of all
     * @param host the configuration's host
     * @param limitOfHost of that host
     */
    public Mono<Void> requireRoomForRequests(int limit, String host, int limitOfHost) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select count(*) < :limit
                                            and count(*) filter (where requested_from = :host) < :limitOfHost as room
                                        from lti_registration where approval = 'pending'""")
                                .bind("limit", limit)
                                .bind("host", host)
                                .bind("limitOfHost", limitOfHost)
                                .map(row -> Objects.requireNonNull(row.get("room", Boolean.class)))
                                .one())
                .next()
                .filter(room -> room)
                .switchIfEmpty(
                        Mono.error(() -> conflict("Too many platforms wait for approval; tell Lectern's operator")))
                .then();
    }

    /** Keeps what a platform asked for, as pending; its deployments launch once it is approved. */
    public Mono<Void> request(Requested requested) {
        UUID id = ids.generateId();
        Instant now = clock.instant();
        return directory
                .write(sql -> bound(
                                sql.sql("""
                                insert into lti_registration (id, issuer, client_id, name, authorization_endpoint,
                                    token_endpoint, token_audience, jwks_uri, trusted_addresses, pending_deployments, source, approval,
                                    requested_from, created_at, updated_at)
                                values (:id, :issuer, :client, :name, :authorization, :token, nullif(:audience, ''), :jwks, :trusted, true,
                                    'dynamic', 'pending', :from, :now, :now)""")
                                        .bind("id", id)
                                        .bind("issuer", requested.issuer())
                                        .bind("client", requested.clientId())
                                        .bind("name", requested.name())
                                        .bind(
                                                "authorization",
                                                requested
                                                        .authorizationEndpoint()
                                                        .toString())
                                        .bind("token", requested.tokenEndpoint().toString())
                                        .bind("jwks", requested.jwksUri().toString())
                                        .bind("trusted", requested.trustedAddresses())
                                        .bind("from", requested.requestedFrom())
                                        .bind("now", now),
                                "audience",
                                requested.tokenAudience())
                        .fetch()
                        .rowsUpdated()
                        .then(decided(sql, id, requested.deployments(), DeploymentState.ACTIVE))
                        .then(audit.note(
                                sql,
                                new Operator("platform:" + requested.issuer()),
                                "requested",
                                id,
                                requested.clientId())))
                .onErrorMap(
                        DataIntegrityViolationException.class,
                        unused -> conflict(
                                "The platform gave out a client id that is registered already, for its issuer or for its token endpoint's host"))
                .then(memory.forget());
    }

    /** Changes the fields that are given. */
    Mono<RegisteredPlatform> change(UUID id, RegistrationChange change, Operator by) {
        return changed(id, (sql, platform) -> {
                    requireOwn(platform);
                    boolean trusted = Objects.requireNonNullElse(
                            change.trustedAddresses(), platform.registration().trustedAddresses());
                    Registration now = platform.registration();
                    URI authorization = acceptable(
                            "authorization_endpoint",
                            Objects.requireNonNullElse(change.authorizationEndpoint(), now.authorizationEndpoint()),
                            trusted);
                    URI keys = acceptable(
                            "jwks_uri", Objects.requireNonNullElse(change.jwksUri(), now.jwksUri()), trusted);
                    URI token = change.tokenEndpoint() == null ? now.tokenEndpoint() : change.tokenEndpoint();
                    if (token != null) {
                        acceptable("token_endpoint", token, trusted);
                    }
                    GenericExecuteSpec statement = sql.sql("""
                            update lti_registration set name = :name, authorization_endpoint = :authorization,
                                token_endpoint = :token, token_audience = nullif(:audience, ''), jwks_uri = :jwks, trusted_addresses = :trusted,
                                operators = :operators, anonymous_launches = :anonymous,
                                pending_deployments = :pending, updated_at = :now
                            where id = :id""")
                            .bind("id", id)
                            .bind("name", Objects.requireNonNullElse(change.name(), now.name()))
                            .bind("authorization", authorization.toString())
                            .bind("jwks", keys.toString())
                            .bind("trusted", trusted)
                            .bind("operators", Objects.requireNonNullElse(change.operators(), now.operators()))
                            .bind(
                                    "anonymous",
                                    Objects.requireNonNullElse(change.anonymousLaunches(), now.anonymousLaunches()))
                            .bind(
                                    "pending",
                                    Objects.requireNonNullElse(change.pendingDeployments(), now.pendingDeployments()))
                            .bind("now", clock.instant());
                    statement = bound(statement, "token", token == null ? null : token.toString());
                    statement = bound(statement, "audience", audience(change, now));
                    return statement
                            .fetch()
                            .rowsUpdated()
                            .then(
                                    Boolean.FALSE.equals(change.operators())
                                            ? sessions.endOf(sql, id, true)
                                            : Mono.empty())
                            .then(audit.note(sql, by, "changed", id, change.summary()));
                })
                .onErrorMap(DataIntegrityViolationException.class, unused -> taken());
    }

    /** An old endpoint's name is not taken along to a new endpoint: assertions would be made for somebody else. */
    private static @Nullable String audience(RegistrationChange change, Registration now) {
        if (change.tokenAudience() != null) {
            return change.tokenAudience();
        }
        URI endpoint = change.tokenEndpoint();
        return endpoint == null || endpoint.equals(now.tokenEndpoint()) ? now.tokenAudience() : null;
    }

    /** Pauses a registration, which ends its sessions, or lets it go on; the configuration's own pause is the configuration's to end. */
    public Mono<RegisteredPlatform> pause(UUID id, boolean pause, Operator by) {
        return changed(id, (sql, platform) -> {
            if (!pause && platform.registration().paused() && !platform.operatorPaused()) {
                return Mono.error(conflict("The configuration pauses this registration; change it there"));
            }
            return sql.sql("update lti_registration set operator_paused = :paused, updated_at = :now where id = :id")
                    .bind("paused", pause)
                    .bind("now", clock.instant())
                    .bind("id", id)
                    .fetch()
                    .rowsUpdated()
                    .then(pause ? sessions.endOf(sql, id, false) : Mono.empty())
                    .then(audit.note(sql, by, pause ? "paused" : "resumed", id, ""));
        });
    }

    /** Answers a platform that registered itself. A denial can be taken back, and an approval too. */
    Mono<RegisteredPlatform> decide(UUID id, Approval approval, Operator by) {
        return changed(id, (sql, platform) -> {
            requireOwn(platform);
            return sql.sql("update lti_registration set approval = :approval, updated_at = :now where id = :id")
                    .bind("approval", approval.key())
                    .bind("now", clock.instant())
                    .bind("id", id)
                    .fetch()
                    .rowsUpdated()
                    .then(approval == Approval.APPROVED ? Mono.empty() : sessions.endOf(sql, id, false))
                    .then(audit.note(sql, by, approval.key(), id, ""));
        });
    }

    /** Removes a registration that nothing depends on: one that people launched from can only be paused. */
    Mono<Void> delete(UUID id, Operator by) {
        return directory
                .write(sql -> existing(sql, id).flatMap(platform -> {
                    requireOwn(platform);
                    return sql.sql("delete from lti_deployment where registration_id = :id")
                            .bind("id", id)
                            .fetch()
                            .rowsUpdated()
                            .then(sql.sql("delete from lti_registration where id = :id")
                                    .bind("id", id)
                                    .fetch()
                                    .rowsUpdated())
                            .then(audit.note(
                                    sql,
                                    by,
                                    "deleted",
                                    id,
                                    platform.registration().issuer() + " "
                                            + platform.registration().clientId()));
                }))
                .onErrorMap(
                        DataIntegrityViolationException.class,
                        unused -> conflict("Courses were launched from this registration; pause it instead"))
                .then(memory.forget());
    }

    /** The deployments of a registration, the one seen last first. */
    Mono<List<Deployment>> deployments(UUID id, int limit) {
        return find(id).flatMapMany(unused -> directory.read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select deployment_id, state, first_seen_at from lti_deployment
                                        where registration_id = :id
                                        order by first_seen_at desc, deployment_id limit :limit""")
                                .bind("id", id)
                                .bind("limit", limit)
                                .map(row -> new Deployment(
                                        Objects.requireNonNull(row.get("deployment_id", String.class)),
                                        DeploymentState.of(Objects.requireNonNull(row.get("state", String.class))),
                                        Objects.requireNonNull(row.get("first_seen_at", Instant.class))))
                                .all()))
                .collectList();
    }

    /** Lets a deployment launch, or blocks it, which ends its sessions; whether it was seen before or not. */
    Mono<RegisteredPlatform> decide(UUID id, String deployment, DeploymentState state, Operator by) {
        return changed(
                id,
                (sql, platform) -> decided(sql, id, List.of(deployment), state)
                        .then(state == DeploymentState.ACTIVE ? Mono.empty() : endSessions(sql, id, deployment))
                        .then(audit.note(sql, by, "deployment-" + state.key(), id, deployment)));
    }

    private Mono<Void> endSessions(DatabaseClient sql, UUID id, String deployment) {
        return sql.sql("""
                        select context_id from lti_context
                        where registration_id = :id and deployment_id = :deployment""")
                .bind("id", id)
                .bind("deployment", deployment)
                .map(row -> Objects.requireNonNull(row.get("context_id", UUID.class)))
                .all()
                .collectList()
                .flatMap(contexts -> sessions.endIn(sql, id, contexts));
    }

    private Mono<RegisteredPlatform> changed(UUID id, Change change) {
        return sessions.ending(directory.write(sql -> existing(sql, id)
                        .flatMap(platform -> change.in(sql, platform))
                        .then(one(sql, id))))
                .delayUntil(changed -> memory.forget());
    }

    private Mono<RegisteredPlatform> existing(DatabaseClient sql, UUID id) {
        return found(sql, id, true).switchIfEmpty(Mono.error(RegistrationDesk::unknown));
    }

    private static Mono<RegisteredPlatform> one(DatabaseClient sql, UUID id) {
        return Mono.defer(() -> found(sql, id, false));
    }

    private static Mono<RegisteredPlatform> found(DatabaseClient sql, UUID id, boolean toChange) {
        return sql.sql(SELECT + "where r.id = :id" + (toChange ? " for update of r" : ""))
                .bind("id", id)
                .map(RegistrationDesk::platform)
                .one();
    }

    private Mono<Long> decided(DatabaseClient sql, UUID id, List<String> deployments, DeploymentState state) {
        return Mono.defer(() -> Registrations.decided(sql, id, deployments, state, clock.instant()));
    }

    private static GenericExecuteSpec bound(GenericExecuteSpec statement, String name, @Nullable String value) {
        return value == null ? statement.bindNull(name, String.class) : statement.bind(name, value);
    }

    private static RegisteredPlatform platform(Readable row) {
        return new RegisteredPlatform(
                Registrations.registration(row),
                Objects.requireNonNull(row.get("source", String.class)),
                Objects.requireNonNull(row.get("operator_paused", Boolean.class)),
                Objects.requireNonNull(row.get("active", Long.class)),
                Objects.requireNonNull(row.get("pending", Long.class)),
                Objects.requireNonNull(row.get("created_at", Instant.class)),
                Objects.requireNonNull(row.get("updated_at", Instant.class)));
    }

    /** Refuses to change what the next start would write again. */
    private static void requireOwn(RegisteredPlatform platform) {
        if (!platform.source().equals("api") && !platform.source().equals("dynamic")) {
            throw conflict("This registration comes from the " + platform.source() + "; change it there, or pause it");
        }
    }

    private static URI acceptable(String field, URI address, boolean trusted) {
        if (trusted ? !OutboundGuard.isWeb(address) : !OutboundGuard.acceptable(address)) {
            throw new ProblemException(
                    ProblemType.INVALID_REQUEST,
                    field + " has to be https and name a public host"
                            + (trusted ? " (or, as it is trusted, http or a private one)" : ""));
        }
        return address;
    }

    private static ProblemException unknown() {
        return new ProblemException(ProblemType.NOT_FOUND, "There is no such registration");
    }

    /** Two registrations of one client could ask for each other's service tokens, whatever issuer they name. */
    private static ProblemException taken() {
        return conflict("This client id is registered already, for this issuer or for this token endpoint's host");
    }

    private static ProblemException conflict(String detail) {
        return new ProblemException(ProblemType.CONFLICT, detail);
    }

    /** A change within its transaction. */
    private interface Change {
        Mono<?> in(DatabaseClient sql, RegisteredPlatform platform);
    }

    /**
     * What a platform asked for.
     *
     * @param name what to call it
     * @param issuer its {@code iss}
     * @param clientId the id it gave to Lectern
     * @param authorizationEndpoint where logins are sent
     * @param tokenEndpoint where service tokens come from
     * @param tokenAudience what that is called in assertions, where it is not its address
     * @param jwksUri where its keys are
     * @param deployments deployments it named
     * @param requestedFrom the host that served its configuration
     * @param trustedAddresses whether the configuration trusts its host
     */
    public record Requested(
            String name,
            String issuer,
            String clientId,
            URI authorizationEndpoint,
            URI tokenEndpoint,
            @Nullable String tokenAudience,
            URI jwksUri,
            List<String> deployments,
            String requestedFrom,
            boolean trustedAddresses) {}

    /**
     * A deployment.
     *
     * @param deploymentId the platform's id of it
     * @param state whether it may launch
     * @param firstSeenAt when it was registered or launched first
     */
    record Deployment(String deploymentId, DeploymentState state, Instant firstSeenAt) {}
}
