package org.lectern.db.replica;

import io.micrometer.context.ContextSnapshotFactory;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.Result;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.lectern.db.Freshness;
import org.lectern.db.pool.DatabasePools;
import org.lectern.db.pool.HostPort;
import org.lectern.db.settings.DatabaseSettings;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.r2dbc.connection.SingleConnectionFactory;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.binding.BindMarkersFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.ContextView;
import reactor.util.retry.Retry;

/**
 * One database on its primary and the replicas of that server.
 *
 * <p><b>Writes</b> are one transaction on one connection of the primary: {@code begin} and the caller's check travel
 * together, the work runs, and the result is emitted only after the commit. Failure and cancellation roll back before
 * the connection goes back to its pool; begin and rollback are sent as plain statements, so they keep their order even
 * when the work is cancelled between them. A transaction that could not begin because the server is gone is tried again for
 * a few seconds, long enough for most failovers; one that had begun is the caller's.
 *
 * <p><b>Read-your-writes.</b> After a commit, and before the result is emitted, the position of the log is noted for the
 * session of the Reactor context. A read of the session runs on a replica that has replayed that position, checked on
 * the very connection that then reads, so a replica that was restarted or replaced meanwhile cannot answer too early. It
 * waits a little for a replica that is almost there. A session without a known position reads from the primary, and the
 * primary's position at that time becomes known: whatever the session had written until then is before it.
 *
 * <p><b>Fallback.</b> A replica that fails before its first row is taken out and the read begins again on the primary,
 * through a pool of its own, so that reads of dead replicas cannot take the connections of the writes. A failure after
 * the first row is the caller's: the rows that are gone cannot be called back.
 *
 * <p>Thread-safe.
 */
public final class RoutedDatabase {

    private static final Logger log = LoggerFactory.getLogger(RoutedDatabase.class);
    private static final int BEGINS = 6;
    private static final int SLOW_LINES = 10;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(800);
    private static final Duration POLL = Duration.ofMillis(5);
    private static final ContextSnapshotFactory SNAPSHOTS =
            ContextSnapshotFactory.builder().build();
    private static final BindMarkersFactory MARKERS = BindMarkersFactory.indexed("$", 1);

    private final DatabaseSettings settings;
    private final String server;
    private final String database;
    private final ServerMonitor monitor;
    private final DatabasePools pools;
    private final PositionStore positions;
    private final AtomicReference<Primary> primary = new AtomicReference<>();
    private final Map<HostPort, Replica> replicas = new ConcurrentHashMap<>();
    private final QueryLoad load = new QueryLoad();
    private final AtomicLong slowSecond = new AtomicLong();
    private final AtomicInteger slowLines = new AtomicInteger();
    private final Timer writes;
    private final Timer primaryReads;
    private final Timer replicaReads;
    private final Counter fallbacks;

    RoutedDatabase(
            DatabaseSettings settings,
            String database,
            ServerMonitor monitor,
            DatabasePools pools,
            PositionStore positions,
            MeterRegistry meters) {
        this.settings = settings;
        this.server = monitor.name();
        this.database = database;
        this.monitor = monitor;
        this.pools = pools;
        this.positions = positions;
        Tags tags = Tags.of("server", server, "database", database);
        this.writes = meters.timer("lectern.db.operation", tags.and("kind", "write", "target", "primary"));
        this.primaryReads = meters.timer("lectern.db.operation", tags.and("kind", "read", "target", "primary"));
        this.replicaReads = meters.timer("lectern.db.operation", tags.and("kind", "read", "target", "replica"));
        this.fallbacks = meters.counter("lectern.db.replica.fallbacks", tags);
    }

    /** The server's name. */
    public String server() {
        return server;
    }

    /** The database's name. */
    public String database() {
        return database;
    }

    /** Whether the primary answered when it was last asked. */
    public boolean primaryUp() {
        return monitor.primaryUp();
    }

    /** Mean time of the recent operations in milliseconds; 0 when there were none. */
    public double meanMillis() {
        return load.meanMillis(System.nanoTime());
    }

    /** Runs work in one transaction on the primary; see the class. */
    public <T> Mono<T> write(Function<DatabaseClient, Mono<T>> work) {
        return write("", null, work);
    }

    /**
     * Runs work in one transaction on the primary; see the class.
     *
     * @param check SQL sent with the {@code begin}, to refuse the transaction; of constants and numbers only
     * @param known what the session knows once this is committed, beside the position of the log; null for nothing
     */
    public <T> Mono<T> write(String check, @Nullable WalPosition known, Function<DatabaseClient, Mono<T>> work) {
        String begin = check.isEmpty() ? "begin" : "begin; " + check;
        return write(
                connection -> execute(connection, begin),
                connection -> Mono.from(connection.commitTransaction()),
                this::rollBack,
                known,
                work);
    }

    /**
     * Runs one statement on the primary, which is a transaction of its own. Other than {@link #write}, it is not tried again
     * when the connection turns out to be dead, since nothing went before it that would have told, and once it is sent a
     * cancellation does not undo it.
     */
    public <T> Mono<T> writeOne(Function<DatabaseClient, Mono<T>> statement) {
        return write(
                connection -> Mono.empty(),
                connection -> Mono.empty(),
                connection -> Mono.from(connection.close()),
                null,
                statement);
    }

    private <T> Mono<T> write(
            Function<Connection, Mono<Void>> begin,
            Function<Connection, Mono<Void>> commit,
            Function<Connection, Mono<Void>> abandon,
            @Nullable WalPosition known,
            Function<DatabaseClient, Mono<T>> work) {
        return Mono.deferContextual(context -> {
            if (context.hasKey(this)) {
                return Mono.error(new IllegalStateException(
                        "a write of " + database + " inside another one: pass the transaction on instead"));
            }
            Optional<UUID> session = SessionPositions.session(context);
            AtomicBoolean begun = new AtomicBoolean();
            StatementTexts texts = new StatementTexts();
            Mono<T> transaction = Mono.usingWhen(
                    Mono.defer(() -> current().pool().create()),
                    connection -> begin.apply(connection).then(Mono.defer(() -> {
                        begun.setPlain(true);
                        return work.apply(texts.of(client(connection)));
                    })),
                    connection -> commit.apply(connection)
                            .then(Mono.defer(() -> noteCommit(session.orElse(null), known, connection)))
                            .onErrorResume(failure -> abandon.apply(connection).then(Mono.error(failure)))
                            .then(Mono.defer(() -> Mono.from(connection.close()))),
                    (connection, failure) -> abandon.apply(connection),
                    abandon);
            // What has not begun has done nothing: it may be tried again, on the primary that there is then.
            Mono<T> retried = transaction.retryWhen(Retry.backoff(BEGINS, FIRST_PAUSE)
                    .maxBackoff(LONGEST_PAUSE)
                    .filter(failure -> !begun.getPlain() && ofServer(failure) && !ofPool(failure))
                    .onRetryExhaustedThrow((retry, last) -> last.failure()));
            return timed(retried.contextWrite(inner -> inner.put(this, true)), writes, texts);
        });
    }

    /** Runs a read on a server that is fresh enough; see the class. */
    public <T> Flux<T> read(Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return read(freshness, ReadGate.OPEN, work);
    }

    /** Runs a read on a server that is fresh enough, if the gate lets its rows pass; see the class. */
    public <T> Flux<T> read(Freshness freshness, ReadGate gate, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return switch (freshness) {
            case PRIMARY -> Flux.defer(() -> onPrimary(current().sql(), gate, work));
            case LAGGING ->
                Flux.deferContextual(context -> {
                    if (monitor.replicas().isEmpty()) {
                        return onPrimary(current().sql(), gate, work);
                    }
                    return monitor.choose(PreferredRegion.in(context).orElse(settings.region()))
                            .map(chosen -> onReplica(
                                    chosen, gate, work, (replica, named) -> Flux.from(named.apply(replica.sql()))))
                            .orElseGet(() -> onPrimary(current().fallbackSql(), gate, work));
                });
            case SESSION ->
                Flux.deferContextual(context -> {
                    Optional<UUID> session = SessionPositions.session(context);
                    if (session.isEmpty() || monitor.replicas().isEmpty()) {
                        return onPrimary(current().sql(), gate, work);
                    }
                    return monitor.choose(PreferredRegion.in(context).orElse(settings.region()))
                            .map(chosen -> ofSession(session.get(), chosen, gate, work))
                            .orElseGet(() -> onPrimary(current().sql(), gate, work));
                });
        };
    }

    private <T> Flux<T> ofSession(
            UUID session, ReplicaMonitor chosen, ReadGate gate, Function<DatabaseClient, ? extends Publisher<T>> work) {
        long timeline = chosen.state().timeline();
        return positions
                .find(session, server, timeline)
                .map(Optional::of)
                .onErrorResume(failure -> {
                    log.debug("Positions of a session are not known", failure);
                    return Mono.empty();
                })
                .defaultIfEmpty(Optional.empty())
                .flatMapMany(position -> position.map(needed -> onReplica(
                                chosen,
                                gate,
                                work,
                                (replica, named) -> afterReplay(replica, timeline, needed, gate, named)))
                        .orElseGet(() -> onPrimaryNoting(session, gate, work)));
    }

    /** Reads on a replica's connection once it has replayed what is needed; asks the primary when it takes too long. */
    private <T> Flux<T> afterReplay(
            Replica replica,
            long timeline,
            long needed,
            ReadGate gate,
            Function<DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.usingWhen(
                        replica.pool().create(),
                        connection -> replayed(connection, timeline, needed)
                                .flatMapMany(reached -> reached
                                        ? Flux.from(work.apply(client(connection)))
                                                .map(Optional::of)
                                        : Flux.just(Optional.<T>empty())),
                        Connection::close)
                .switchOnFirst((first, rows) -> {
                    Optional<T> row = first.get();
                    return row != null && row.isEmpty()
                            ? rows.ignoreElements()
                                    .thenMany(
                                            Flux.defer(() -> onPrimary(current().sql(), gate, work)))
                            : rows.map(Optional::orElseThrow);
                });
    }

    private Mono<Boolean> replayed(Connection connection, long timeline, long needed) {
        return ServerMonitor.position(connection, ServerMonitor.REPLICA_POSITION)
                .filter(position -> position[0] == timeline && position[1] >= needed)
                .hasElement()
                .filter(reached -> reached)
                .repeatWhenEmpty(attempts -> attempts.delayElements(POLL))
                .timeout(settings.sessionWait(), Mono.just(false))
                .defaultIfEmpty(false);
    }

    private <T> Flux<T> onReplica(
            ReplicaMonitor chosen,
            ReadGate gate,
            Function<DatabaseClient, ? extends Publisher<T>> work,
            BiFunction<Replica, Function<DatabaseClient, ? extends Publisher<T>>, Flux<T>> read) {
        return Flux.defer(() -> {
            StatementTexts texts = new StatementTexts();
            Replica replica = replicas.computeIfAbsent(chosen.address(), this::open);
            AtomicBoolean answered = new AtomicBoolean();
            Flux<T> rows = gated(
                            gate,
                            chosen.address(),
                            ReadGate.Side.REPLICA,
                            replica.gateSql(),
                            Flux.defer(() -> read.apply(replica, sql -> work.apply(texts.of(sql)))))
                    .doOnNext(row -> answered.setPlain(true))
                    .timeout(chosen.whenDown(), row -> Mono.never());
            return timed(rows, replicaReads, texts)
                    .onErrorResume(failure -> !answered.getPlain() && ofServer(failure), failure -> {
                        fallbacks.increment();
                        log.debug("Replica {} failed a read", chosen.address(), failure);
                        if (!ofPool(failure)) {
                            chosen.failed();
                        }
                        return onPrimary(current().fallbackSql(), gate, work);
                    })
                    .onErrorResume(
                            ReadGate.BehindException.class,
                            behind -> onPrimary(current().sql(), gate, work));
        });
    }

    private <T> Flux<T> onPrimary(
            DatabaseClient sql, ReadGate gate, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.defer(() -> {
            Primary primary = current();
            StatementTexts texts = new StatementTexts();
            return timed(
                    gated(
                            gate,
                            primary.address(),
                            ReadGate.Side.PRIMARY,
                            primary.gateSql(),
                            Flux.defer(() -> work.apply(texts.of(sql)))),
                    primaryReads,
                    texts);
        });
    }

    private <T> Flux<T> onPrimaryNoting(
            UUID session, ReadGate gate, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.defer(() -> {
            Primary primary = current();
            StatementTexts texts = new StatementTexts();
            return timed(
                    gated(
                            gate,
                            primary.address(),
                            ReadGate.Side.PRIMARY,
                            primary.gateSql(),
                            Flux.usingWhen(
                                    primary.pool().create(),
                                    connection -> note(session, connection)
                                            .thenMany(Flux.defer(() -> work.apply(texts.of(client(connection))))),
                                    Connection::close)),
                    primaryReads,
                    texts);
        });
    }

    /** Both begin at once; no row, and no end, comes before the gate has opened. */
    private static <T> Flux<T> gated(
            ReadGate gate, HostPort server, ReadGate.Side side, DatabaseClient sql, Flux<T> rows) {
        if (gate.equals(ReadGate.OPEN)) {
            return rows;
        }
        return Flux.defer(() -> {
            Mono<Void> opened = gate.passes(server, side, sql).cache();
            return Flux.merge(opened.then(Mono.<T>empty()), rows.switchOnFirst((first, all) -> opened.thenMany(all)));
        });
    }

    private Mono<Void> noteCommit(@Nullable UUID session, @Nullable WalPosition known, Connection connection) {
        if (session == null) {
            return Mono.empty();
        }
        Mono<Void> position = monitor.replicas().isEmpty() ? Mono.empty() : note(session, connection);
        return known == null ? position : advance(session, Mono.just(known)).then(position);
    }

    /** Never fails: a position that could not be noted must not undo, in the caller's eyes, what is committed. */
    private Mono<Void> note(UUID session, Connection connection) {
        return advance(
                session,
                ServerMonitor.position(connection, ServerMonitor.PRIMARY_POSITION)
                        .map(position -> new WalPosition(server, position[0], ServerMonitor.endOfRecord(position[1]))));
    }

    private Mono<Void> advance(UUID session, Mono<WalPosition> known) {
        return known.flatMap(position -> positions.advance(session, position))
                .onErrorResume(failure -> Mono.deferContextual(context -> {
                    SNAPSHOTS
                            .captureFrom(context)
                            .wrap(() -> log.warn("The position of a session could not be noted", failure))
                            .run();
                    return Mono.empty();
                }));
    }

    /** The primary as it is now; other pools than before when another server has taken its place. */
    private Primary current() {
        HostPort address = monitor.primary();
        Primary known = primary.get();
        if (known != null && known.address().equals(address)) {
            return known;
        }
        ConnectionPool pool = pools.primary(server, address, database);
        Primary now = new Primary(
                address,
                pool,
                DatabaseClient.create(pool),
                DatabaseClient.create(pools.fallback(server, address, database)),
                DatabaseClient.create(pools.watch(server, address, database)));
        primary.set(now);
        return now;
    }

    private Replica open(HostPort address) {
        ConnectionPool pool = pools.replica(server, address, database);
        return new Replica(
                pool, DatabaseClient.create(pool), DatabaseClient.create(pools.watch(server, address, database)));
    }

    private DatabaseClient client(Connection connection) {
        return DatabaseClient.builder()
                .connectionFactory(
                        new SingleConnectionFactory(connection, current().pool().getMetadata(), true))
                .bindMarkers(MARKERS)
                .build();
    }

    private Mono<Void> rollBack(Connection connection) {
        return execute(connection, "rollback").onErrorComplete().then(Mono.defer(() -> Mono.from(connection.close())));
    }

    private static Mono<Void> execute(Connection connection, String sql) {
        return Flux.from(connection.createStatement(sql).execute())
                .concatMap(Result::getRowsUpdated)
                .then();
    }

    private <T> Mono<T> timed(Mono<T> operation, Timer timer, StatementTexts texts) {
        return Mono.deferContextual(context -> {
            long begin = System.nanoTime();
            return operation.doFinally(signal -> record(begin, timer, texts, context));
        });
    }

    private <T> Flux<T> timed(Flux<T> operation, Timer timer, StatementTexts texts) {
        return Flux.deferContextual(context -> {
            long begin = System.nanoTime();
            return operation.doFinally(signal -> record(begin, timer, texts, context));
        });
    }

    private void record(long begin, Timer timer, StatementTexts texts, ContextView context) {
        long now = System.nanoTime();
        timer.record(now - begin, TimeUnit.NANOSECONDS);
        load.add(now - begin, now);
        monitor.load().add(now - begin, now);
        if (now - begin > settings.slowQuery().toNanos() && worthALine(now)) {
            // With the ids of the trace that waited for it; what is done for many at once has none.
            SNAPSHOTS
                    .captureFrom(context)
                    .wrap(() -> log.warn(
                            "Slow {} of {} on {}: {} ms: {}",
                            timer.getId().getTag("kind"),
                            database,
                            server,
                            TimeUnit.NANOSECONDS.toMillis(now - begin),
                            texts))
                    .run();
        }
    }

    /** Where everything is slow, the first few of each second tell as much as all of them. */
    private boolean worthALine(long now) {
        long second = TimeUnit.NANOSECONDS.toSeconds(now);
        if (slowSecond.getAndSet(second) != second) {
            slowLines.set(0);
        }
        return slowLines.getAndIncrement() < SLOW_LINES;
    }

    /** Whether the failure is the server's or the connection's, so that another server may do better. */
    static boolean ofServer(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof TimeoutException || cause instanceof IOException) {
                return true;
            }
            if (cause instanceof R2dbcException refused) {
                String state = refused.getSqlState();
                return state == null
                        // Connection exceptions; shut down, crashed, starting; conflict with recovery; out of
                        // resources.
                        || state.startsWith("08")
                        || state.startsWith("57P")
                        || state.startsWith("53")
                        || state.equals("40001");
            }
        }
        return false;
    }

    private static boolean ofPool(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof R2dbcTimeoutException
                    || (cause instanceof R2dbcException refused && "40001".equals(refused.getSqlState()))) {
                return true;
            }
        }
        return false;
    }

    /**
     * @param gateSql for the gate alone: reads hold their connections until it opens, so it must not wait for one of theirs
     */
    private record Primary(
            HostPort address,
            ConnectionPool pool,
            DatabaseClient sql,
            DatabaseClient fallbackSql,
            DatabaseClient gateSql) {}

    private record Replica(ConnectionPool pool, DatabaseClient sql, DatabaseClient gateSql) {}
}
