package org.lectern.app.session;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.micrometer.core.instrument.MeterRegistry;
import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.directory.Directory;
import org.lectern.infra.batching.BatchCommit;
import org.lectern.infra.batching.KeyedBatchers;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.LiveSessions;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/**
 * The store of sessions, in the directory database.
 *
 * <p>Every node remembers what it looked up for a few seconds ({@code lectern.session.cache-lifetime}), so a session
 * that ended on another node may be accepted for as long; one that has expired never is. Thread-safe, non-blocking.
 */
@Component
public class Sessions implements Expiring, LiveSessions {

    /** Every bearer token begins like this, so that people and scanners recognise one. */
    static final String TOKEN_PREFIX = "lectern_";

    /** Under this key a transaction's context says which sessions it has ended. */
    private static final Object ENDED = new Object();

    private static final String COLUMNS = "session.id, session.user_id, session.name, session.context_id,"
            + " session.context_title, session.roles, session.operator, session.target, session.item, session.expires_at";

    /**
     * Sessions of a platform are only inserted while registration and deployment are open. Their rows are locked until the
     * commit, so whoever closes one either waits and then ends these sessions too, or was first and is seen here.
     */
    private static final String OPEN = """
            with given as (
                select * from unnest(:ids::uuid[], :tokens::text[], :users::uuid[], :names::text[], :contexts::uuid[],
                        :titles::text[], :roles::text[], :operators::boolean[], :targets::text[], :items::text[],
                        :ends::timestamptz[], :registrations::uuid[], :deployments::text[], :codes::text[])
                    as given (id, token, user_id, name, context_id, title, roles, operator, target, item, ends,
                        registration_id, deployment_id, code)
            ), source as (
                select r.id as registration_id, d.deployment_id, r.operators
                from lti_registration r join lti_deployment d on d.registration_id = r.id
                where (d.registration_id, d.deployment_id) in (select registration_id, deployment_id from given)
                  and d.state = 'active' and r.approval = 'approved' and not r.paused and not r.operator_paused
                order by d.registration_id, d.deployment_id
                for share
            ), opened as (
                insert into session (id, token_digest, user_id, name, context_id, context_title, roles, operator, target,
                                     item, registration_id, created_at, expires_at)
                select g.id, decode(g.token, 'hex'), g.user_id, g.name, g.context_id, g.title,
                       string_to_array(g.roles, ' '), g.operator, g.target, g.item, g.registration_id, :now, g.ends
                from given g left join source s using (registration_id, deployment_id)
                where g.registration_id is null or s.operators or (s.registration_id is not null and not g.operator)
                returning id
            ), coded as (
                insert into session_code (code_digest, session_id, expires_at)
                select decode(g.code, 'hex'), g.id, :code_ends from given g join opened using (id)
                where g.code is not null
            )
            select id from opened""";

    /** How many sessions of a deployment may wait to be opened, and are opened together. */
    private static final int QUEUE_LIMIT = 4000;

    private static final int BATCH_LIMIT = 250;
    private static final int SOURCES_KEPT = 1000;

    private final Directory directory;
    private final Secrets secrets;
    private final IdGenerator ids;
    private final Clock clock;
    private final SessionProperties properties;
    private final Cache<String, LaunchSession> remembered;

    /** How often sessions have ended on this node. */
    private final AtomicLong endings = new AtomicLong();

    private final KeyedBatchers<Source, Opening, Boolean> openings;

    Sessions(
            Directory directory,
            Secrets secrets,
            IdGenerator ids,
            Clock clock,
            SessionProperties properties,
            MeterRegistry meters) {
        this.directory = directory;
        this.secrets = secrets;
        this.ids = ids;
        this.clock = clock;
        this.properties = properties;
        this.remembered = Caffeine.newBuilder()
                .maximumSize(properties.cacheEntries())
                .expireAfterWrite(properties.cacheLifetime())
                .build();
        // Whoever closes a deployment holds up its own launches, not those of others.
        this.openings = new KeyedBatchers<>(
                SOURCES_KEPT,
                source -> new SmartBatcher<>(
                        QUEUE_LIMIT,
                        BATCH_LIMIT,
                        all -> BatchCommit.of(openAll(all)),
                        DataIntegrityViolationException.class::isInstance));
        meters.gauge("lectern.session.openings.waiting", openings, KeyedBatchers::waiting);
    }

    /**
     * Opens a session whose token is handed over at once; empty when its platform or deployment was closed meanwhile.
     */
    public Mono<OpenSession> open(NewSession request) {
        return Mono.defer(() -> {
            String token = TOKEN_PREFIX + secrets.fresh();
            LaunchSession session = created(request);
            return opened(new Opening(session, request, Secrets.hexDigest(token), null))
                    .map(yes -> new OpenSession(token, session, request.target(), request.item()));
        });
    }

    /**
     * Opens a session and answers the one-time code that {@link #exchange} trades for its token; empty when its platform or
     * deployment was closed meanwhile.
     */
    public Mono<String> openWithCode(NewSession request) {
        return Mono.defer(() -> {
            String code = secrets.fresh();
            return opened(new Opening(created(request), request, null, Secrets.hexDigest(code)))
                    .map(yes -> code);
        });
    }

    /** Trades a one-time code for the session; empty when the code is unknown, used or too old. Exactly one wins. */
    public Mono<OpenSession> exchange(String code) {
        if (code.length() != Secrets.LENGTH) {
            return Mono.empty();
        }
        String token = TOKEN_PREFIX + secrets.fresh();
        Instant now = clock.instant();
        return directory.writeOne(sql -> sql.sql("""
                        with code as (
                            delete from session_code where code_digest = :code returning session_id, expires_at
                        )
                        update session set token_digest = :token
                        from code
                        where session.id = code.session_id and code.expires_at > :now
                          and session.token_digest is null and session.expires_at > :now
                        returning\s""" + COLUMNS)
                .bind("code", Secrets.digest(code))
                .bind("token", Secrets.digest(token))
                .bind("now", now)
                .map(row -> new OpenSession(token, session(row), target(row), row.get("item", String.class)))
                .one());
    }

    /** The live session of a bearer token; empty when there is none. */
    public Mono<LaunchSession> find(String token) {
        if (!token.startsWith(TOKEN_PREFIX) || token.length() != TOKEN_PREFIX.length() + Secrets.LENGTH) {
            return Mono.empty();
        }
        byte[] digest = Secrets.digest(token);
        String key = HexFormat.of().formatHex(digest);
        LaunchSession known = remembered.getIfPresent(key);
        Mono<LaunchSession> found = known != null
                ? Mono.just(known)
                : Mono.defer(() -> {
                    long before = endings.get();
                    return directory
                            .read(
                                    Freshness.PRIMARY,
                                    sql -> sql.sql("select " + COLUMNS + " from session where token_digest = :token")
                                            .bind("token", digest)
                                            .map(row -> session(row))
                                            .one())
                            .next()
                            .doOnNext(session -> remember(key, session, before));
                });
        return found.filter(session -> session.expiresAt().isAfter(clock.instant()));
    }

    @Override
    public Mono<Set<UUID>> among(Collection<UUID> asked) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select id from session where id = any(:ids) and expires_at > :now")
                                .bind("ids", asked.toArray(UUID[]::new))
                                .bind("now", clock.instant())
                                .map(row -> required(row, "id", UUID.class))
                                .all())
                .collect(Collectors.toSet());
    }

    /** The page that the session's launch asked for; empty when the session has ended. */
    public Mono<Place> place(LaunchSession session) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select target, item from session where id = :id")
                                .bind("id", session.id())
                                .map(row -> new Place(target(row), row.get("item", String.class)))
                                .one())
                .next();
    }

    /** Ends a session: at once on this node, within the cache's lifetime on the others. */
    public Mono<Void> end(LaunchSession session) {
        return directory
                .write(sql -> sql.sql("delete from session where id = :id")
                        .bind("id", session.id())
                        .fetch()
                        .rowsUpdated())
                .doOnNext(removed -> forget(Set.of(session.id())))
                .then();
    }

    /**
     * Runs a transaction of the directory that may end sessions by {@link #endOf} and {@link #endIn}: once it is committed,
     * they have ended on this node at once, and on the others within the cache's lifetime.
     */
    public <T> Mono<T> ending(Mono<T> transaction) {
        return Mono.defer(() -> {
            Set<UUID> ended = ConcurrentHashMap.newKeySet();
            return transaction
                    .contextWrite(context -> context.put(ENDED, ended))
                    // After a failure too: whether the transaction was committed may be unknown.
                    .doOnTerminate(() -> forget(ended));
        });
    }

    /**
     * Ends the sessions of a platform within a transaction of the caller, which {@link #ending} runs.
     *
     * @param registration the platform's registration
     * @param onlyOperators whether the others go on
     */
    public Mono<Void> endOf(DatabaseClient sql, UUID registration, boolean onlyOperators) {
        return ended(sql.sql("delete from session where registration_id = :registration"
                        + (onlyOperators ? " and operator" : "") + " returning id")
                .bind("registration", registration));
    }

    /** Ends all sessions of some courses of a platform, as {@link #endOf} does. */
    public Mono<Void> endIn(DatabaseClient sql, UUID registration, Collection<UUID> contexts) {
        return ended(sql.sql("""
                        delete from session where registration_id = :registration and context_id = any(:contexts)
                        returning id""").bind("registration", registration).bind("contexts", contexts.toArray(UUID[]::new)));
    }

    private static Mono<Void> ended(GenericExecuteSpec deletion) {
        return Mono.deferContextual(context -> {
            Set<UUID> ended = context.get(ENDED);
            return deletion.map(row -> required(row, "id", UUID.class))
                    .all()
                    .doOnNext(ended::add)
                    .then();
        });
    }

    /** Counts first: whoever looks a session up meanwhile sees that, or has it removed here. */
    private void forget(Set<UUID> ended) {
        if (!ended.isEmpty()) {
            endings.incrementAndGet();
            remembered.asMap().values().removeIf(known -> ended.contains(known.id()));
        }
    }

    /** What was asked for before a session ended may be of before its end: the next one asks again. */
    private void remember(String key, LaunchSession session, long before) {
        remembered.put(key, session);
        if (endings.get() != before) {
            remembered.invalidate(key);
        }
    }

    @Override
    public String expiring() {
        return "sessions";
    }

    @Override
    public Mono<Long> removeExpired() {
        Instant now = clock.instant();
        return directory.write(sql -> sql.sql("delete from session_code where expires_at < :now")
                .bind("now", now)
                .fetch()
                .rowsUpdated()
                .then(sql.sql("delete from session where expires_at < :now")
                        .bind("now", now)
                        .fetch()
                        .rowsUpdated()));
    }

    private LaunchSession created(NewSession request) {
        return new LaunchSession(
                ids.generateId(),
                request.userId(),
                request.name(),
                request.context(),
                request.contextTitle(),
                request.roles(),
                request.operator(),
                clock.instant().plus(properties.lifetime()));
    }

    /** Empty where the source was closed meanwhile. */
    private Mono<Boolean> opened(Opening opening) {
        return openings.submit(new Source(opening.registration(), opening.deployment()), opening)
                .filter(yes -> yes);
    }

    private Mono<List<Boolean>> openAll(List<Opening> all) {
        Instant now = clock.instant();
        return directory
                .writeOne(sql -> Batch.of(all)
                        .column("ids", UUID.class, one -> one.session().id())
                        .column("tokens", String.class, Opening::token)
                        .column("users", UUID.class, one -> one.session().userId())
                        .column("names", String.class, one -> one.session().name())
                        .column(
                                "contexts",
                                UUID.class,
                                one -> one.session().context().value())
                        .column("titles", String.class, one -> one.session().contextTitle())
                        .column("roles", String.class, one -> roles(one.session()))
                        .column("operators", Boolean.class, one -> one.session().operator())
                        .column(
                                "targets",
                                String.class,
                                one -> one.request().target().key())
                        .column("items", String.class, one -> one.request().item())
                        .column("ends", Instant.class, one -> one.session().expiresAt())
                        .column("registrations", UUID.class, Opening::registration)
                        .column("deployments", String.class, Opening::deployment)
                        .column("codes", String.class, Opening::code)
                        .bindTo(sql.sql(OPEN))
                        .bind("now", now)
                        .bind("code_ends", now.plus(properties.codeLifetime()))
                        .map(row -> required(row, "id", UUID.class))
                        .all()
                        .collect(Collectors.toSet()))
                .map(opened -> all.stream()
                        .map(one -> opened.contains(one.session().id()))
                        .toList());
    }

    /** No role's key has a blank. */
    private static String roles(LaunchSession session) {
        return session.roles().stream().map(CourseRole::key).collect(Collectors.joining(" "));
    }

    private static LaunchTarget target(Readable row) {
        return LaunchTarget.of(required(row, "target", String.class))
                .orElseThrow(() -> new IllegalStateException("a session with an unknown target"));
    }

    private static LaunchSession session(Readable row) {
        Set<CourseRole> roles = Arrays.stream(CourseRole.values())
                .filter(role ->
                        Arrays.asList(required(row, "roles", String[].class)).contains(role.key()))
                .collect(Collectors.toSet());
        return new LaunchSession(
                required(row, "id", UUID.class),
                required(row, "user_id", UUID.class),
                row.get("name", String.class),
                new ContextId(required(row, "context_id", UUID.class)),
                row.get("context_title", String.class),
                roles,
                required(row, "operator", Boolean.class),
                required(row, "expires_at", Instant.class));
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }

    /**
     * Where a launch leads.
     *
     * @param target the page
     * @param item what on that page, where the launch says so
     */
    public record Place(LaunchTarget target, @Nullable String item) {}

    /** The platform and deployment that sessions are of; neither where Lectern opens one by itself. */
    private record Source(
            @Nullable UUID registration, @Nullable String deployment) {}

    /** A session as it is written, with the digest of its token or of the code for it. */
    private record Opening(
            LaunchSession session,
            NewSession request,
            @Nullable String token,
            @Nullable String code) {

        @Nullable
        UUID registration() {
            NewSession.Source source = request.source();
            return source == null ? null : source.registration();
        }

        @Nullable
        String deployment() {
            NewSession.Source source = request.source();
            return source == null ? null : source.deployment();
        }
    }
}
