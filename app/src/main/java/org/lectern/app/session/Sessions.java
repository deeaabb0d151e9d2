package org.lectern.app.session;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.LiveSessions;
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

    private static final String OPEN_SOURCE = """
            with source as (
                select r.id as registration_id
                from lti_registration r join lti_deployment d on d.registration_id = r.id
                where r.id = :registration and d.deployment_id = :deployment and d.state = 'active'
                  and r.approval = 'approved' and not r.paused and not r.operator_paused
                  and (r.operators or not :operator)
                for share)""";

    private final Directory directory;
    private final Secrets secrets;
    private final IdGenerator ids;
    private final Clock clock;
    private final SessionProperties properties;
    private final Cache<String, LaunchSession> remembered;

    /** How often sessions have ended on this node. */
    private final AtomicLong endings = new AtomicLong();

    Sessions(Directory directory, Secrets secrets, IdGenerator ids, Clock clock, SessionProperties properties) {
        this.directory = directory;
        this.secrets = secrets;
        this.ids = ids;
        this.clock = clock;
        this.properties = properties;
        this.remembered = Caffeine.newBuilder()
                .maximumSize(properties.cacheEntries())
                .expireAfterWrite(properties.cacheLifetime())
                .build();
    }

    /**
     * Opens a session whose token is handed over at once; empty when its platform or deployment was closed meanwhile.
     */
    public Mono<OpenSession> open(NewSession request) {
        String token = TOKEN_PREFIX + secrets.fresh();
        LaunchSession session = created(request);
        return directory
                .writeOne(sql ->
                        insert(sql, session, request, Secrets.digest(token)).map(unused -> session))
                .map(opened -> new OpenSession(token, opened, request.target(), request.item()));
    }

    /**
     * Opens a session and answers the one-time code that {@link #exchange} trades for its token; empty when its platform or
     * deployment was closed meanwhile.
     */
    public Mono<String> openWithCode(NewSession request) {
        String code = secrets.fresh();
        LaunchSession session = created(request);
        Instant codeEnds = clock.instant().plus(properties.codeLifetime());
        return directory.write(sql -> insert(sql, session, request, null)
                .flatMap(inserted -> sql.sql(
                                "insert into session_code (code_digest, session_id, expires_at) values (:code, :id, :ends)")
                        .bind("code", Secrets.digest(code))
                        .bind("id", session.id())
                        .bind("ends", codeEnds)
                        .fetch()
                        .rowsUpdated())
                .map(unused -> code));
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

    /**
     * One row, or none: a session of a platform is only inserted while registration and deployment are open. Their rows are
     * locked until the commit, so whoever closes one either waits and then ends this session too, or was first and is
     * seen here.
     */
    private Mono<UUID> insert(
            DatabaseClient sql, LaunchSession session, NewSession request, byte @Nullable [] tokenDigest) {
        NewSession.Source source = request.source();
        GenericExecuteSpec statement = sql.sql(
                        (source == null ? "with source as (select null::uuid as registration_id)" : OPEN_SOURCE) + """
                         insert into session (id, token_digest, user_id, name, context_id, context_title, roles,
                                              operator, target, item, registration_id, created_at, expires_at)
                         select :id, :token, :user, :name, :context, :title, :roles, :operator, :target, :item,
                                registration_id, :now, :ends
                         from source
                         returning id""")
                .bind("id", session.id())
                .bind("user", session.userId())
                .bind("context", session.context().value())
                .bind("roles", session.roles().stream().map(CourseRole::key).toArray(String[]::new))
                .bind("operator", session.operator())
                .bind("target", request.target().key())
                .bind("now", clock.instant())
                .bind("ends", session.expiresAt());
        if (source != null) {
            statement = statement.bind("registration", source.registration()).bind("deployment", source.deployment());
        }
        statement = bindNullable(statement, "token", tokenDigest, byte[].class);
        statement = bindNullable(statement, "item", request.item(), String.class);
        statement = bindNullable(statement, "name", session.name(), String.class);
        statement = bindNullable(statement, "title", session.contextTitle(), String.class);
        return statement.map(row -> required(row, "id", UUID.class)).one();
    }

    private static <T> GenericExecuteSpec bindNullable(
            GenericExecuteSpec statement, String name, @Nullable T value, Class<T> type) {
        return value == null ? statement.bindNull(name, type) : statement.bind(name, value);
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
}
