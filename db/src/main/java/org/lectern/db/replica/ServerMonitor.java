package org.lectern.db.replica;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Readable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import org.lectern.db.pool.DatabasePools;
import org.lectern.db.pool.HostPort;
import org.lectern.db.settings.DatabaseSettings;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Measures a primary and its replicas a few times a second, each by its own connection and in its own loop, so that one
 * that hangs delays no other.
 *
 * <p><b>Failover.</b> Whoever promotes a replica is outside of Lectern (an operator, CloudNativePG, Patroni). Here it is
 * found: by the probe of a replica that has become a primary of a newer timeline, or, while the primary is down, by asking
 * the other addresses that the settings name for it. Then writes go there, the pools to the old one are closed, and the old
 * one counts as a replica if it comes back as one. Replicas are read only while they follow the primary's timeline.
 *
 * <p>Thread-safe.
 */
final class ServerMonitor {

    private static final Logger log = LoggerFactory.getLogger(ServerMonitor.class);

    /** Position and timeline of a primary; fails on a server that is in recovery. */
    static final String PRIMARY_POSITION = """
            select ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::bigint as timeline,
                   (lsn - '0/0'::pg_lsn)::bigint as position
            from pg_current_wal_insert_lsn() as lsn""";

    /** Position and timeline of a replica; no row on a server that is not in recovery. */
    static final String REPLICA_POSITION = """
            select coalesce((select received_tli from pg_stat_wal_receiver),
                            (select timeline_id from pg_control_checkpoint()))::bigint as timeline,
                   (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint as position
            where pg_is_in_recovery()""";

    private static final Duration PROBE_TIMEOUT = Duration.ofMillis(500);
    private static final int DEFAULT_WEIGHT = 5;
    private static final int PAGE = 8192;
    private static final int PAGE_HEADER = 24;

    private final DatabaseSettings settings;
    private final DatabaseSettings.Server server;
    private final DatabasePools pools;
    private final String database;
    private final List<HostPort> addresses;
    private final AtomicReference<HostPort> primary;
    private final LagHistory history;
    private final QueryLoad load = new QueryLoad();
    private final List<ReplicaMonitor> replicas = new CopyOnWriteArrayList<>();
    private final Map<HostPort, Disposable> loops = new ConcurrentHashMap<>();
    private volatile boolean primaryUp = true;

    ServerMonitor(DatabaseSettings settings, DatabaseSettings.Server server, DatabasePools pools, String database) {
        this.settings = settings;
        this.server = server;
        this.pools = pools;
        this.database = database;
        this.addresses = server.addresses().stream().map(HostPort::parse).toList();
        this.primary = new AtomicReference<>(addresses.getFirst());
        this.history = new LagHistory(settings.maxReplicaLagBytes());
        server.replicas().forEach(replica -> replicas.add(new ReplicaMonitor(server.name(), replica)));
    }

    String name() {
        return server.name();
    }

    /** The server that takes writes, as far as this node knows now. */
    HostPort primary() {
        return Objects.requireNonNull(primary.get());
    }

    boolean primaryUp() {
        return primaryUp;
    }

    QueryLoad load() {
        return load;
    }

    List<ReplicaMonitor> replicas() {
        return replicas;
    }

    void start() {
        startPrimary();
        replicas.forEach(this::startReplica);
    }

    void stop() {
        loops.values().forEach(Disposable::dispose);
        loops.clear();
    }

    void add(DatabaseSettings.Replica replica) {
        ReplicaMonitor monitor = new ReplicaMonitor(server.name(), replica);
        if (monitor.address().equals(primary())) {
            return;
        }
        if (replicas.stream().noneMatch(known -> known.address().equals(monitor.address()))) {
            startReplica(monitor);
            replicas.add(monitor);
        }
    }

    boolean remove(HostPort address) {
        Disposable loop = loops.remove(address);
        if (loop != null) {
            loop.dispose();
        }
        List<ReplicaMonitor> gone = new ArrayList<>(replicas);
        gone.removeIf(replica -> !replica.address().equals(address));
        gone.forEach(ReplicaMonitor::failed);
        return replicas.removeAll(gone);
    }

    /**
     * A replica that may answer, or empty when none may. Those of the region come first; among them the weights decide.
     */
    Optional<ReplicaMonitor> choose(String region) {
        if (replicas.isEmpty()) {
            return Optional.empty();
        }
        long now = System.nanoTime();
        long maxLag = settings.maxReplicaLag().toNanos();
        List<ReplicaMonitor> near = new ArrayList<>(replicas.size());
        List<ReplicaMonitor> far = new ArrayList<>(replicas.size());
        for (ReplicaMonitor replica : replicas) {
            // One that still follows the log of a primary that has been replaced lacks all that came after.
            if (replica.state().timeline() == history.timeline() && replica.eligible(maxLag, now)) {
                (region.isEmpty() || replica.region().equals(region) ? near : far).add(replica);
            }
        }
        double point = ThreadLocalRandom.current().nextDouble();
        return ReplicaChoice.weighted(near, ReplicaMonitor::weight, point)
                .or(() -> ReplicaChoice.weighted(far, ReplicaMonitor::weight, point));
    }

    /** Position of the log that ends on a page: a record would begin after the header, but the last one ends before. */
    static long endOfRecord(long position) {
        return position % PAGE == PAGE_HEADER ? position - PAGE_HEADER : position;
    }

    private void startPrimary() {
        HostPort address = primary();
        loops.computeIfAbsent(
                address,
                key -> loop(key, this::measurePrimary, () -> {
                    primaryDown();
                    return seekPrimary();
                }));
    }

    /**
     * Looks at the other addresses that the primary may have: the first one that takes writes, and is not behind the one
     * that is gone, is it.
     */
    private Mono<Void> seekPrimary() {
        return Flux.fromIterable(addresses)
                .filter(address -> !address.equals(primary()))
                .concatMap(address -> Mono.usingWhen(
                                pools.connect(address, database, PROBE_TIMEOUT),
                                connection -> position(connection, PRIMARY_POSITION),
                                Connection::close)
                        .timeout(PROBE_TIMEOUT)
                        .doOnNext(position -> promoted(address, position[0]))
                        .onErrorResume(failure -> Mono.empty()))
                .then();
    }

    /**
     * A server has been found that takes writes. It replaces the primary when it has begun a newer timeline, or has the
     * same one while the primary is down; an old primary that comes back has an older one.
     */
    private void promoted(HostPort address, long timeline) {
        HostPort before = primary();
        long known = history.timeline();
        if (address.equals(before) || (primaryUp ? timeline <= known : timeline < known)) {
            return;
        }
        if (!primary.compareAndSet(before, address)) {
            return;
        }
        log.warn("{} is the primary of {} now, on timeline {}; it was {}", address, name(), timeline, before);
        history.sample(timeline, 0, System.nanoTime());
        Disposable old = loops.remove(before);
        remove(address);
        startPrimary();
        pools.drop(before);
        add(settingsOf(before));
        if (old != null) {
            old.dispose();
        }
    }

    private DatabaseSettings.Replica settingsOf(HostPort address) {
        return server.replicas().stream()
                .filter(replica -> HostPort.parse(replica.address()).equals(address))
                .findFirst()
                .orElseGet(() -> new DatabaseSettings.Replica(address.toString(), "", DEFAULT_WEIGHT));
    }

    private void startReplica(ReplicaMonitor replica) {
        loops.computeIfAbsent(
                replica.address(),
                address -> loop(address, connection -> measureReplica(connection, replica), () -> {
                    down(replica);
                    return Mono.empty();
                }));
    }

    private Disposable loop(
            HostPort address, Function<Connection, Publisher<Void>> measurement, Supplier<Mono<Void>> failed) {
        ConnectionPool pool = pools.probe(address, database, PROBE_TIMEOUT);
        return Flux.usingWhen(pool.create(), measurement, Connection::close)
                .timeout(PROBE_TIMEOUT)
                .onErrorResume(failure -> {
                    log.debug("A probe of {} failed", address, failure);
                    return failed.get();
                })
                .repeatWhen(completions -> completions.delayElements(settings.probeInterval()))
                .doFinally(end -> pool.disposeLater().subscribe())
                .subscribe();
    }

    private Mono<Void> measurePrimary(Connection connection) {
        return position(connection, PRIMARY_POSITION)
                .switchIfEmpty(Mono.error(() -> new IllegalStateException("no position")))
                .doOnNext(position -> {
                    history.sample(position[0], endOfRecord(position[1]), System.nanoTime());
                    if (!primaryUp) {
                        primaryUp = true;
                        log.info("Primary {} of {} answers", primary(), name());
                    }
                })
                .then();
    }

    private void primaryDown() {
        if (primaryUp) {
            primaryUp = false;
            log.warn("Primary {} of {} does not answer", primary(), name());
        }
    }

    private Mono<Void> measureReplica(Connection connection, ReplicaMonitor replica) {
        return position(connection, REPLICA_POSITION)
                .switchIfEmpty(
                        Mono.defer(() -> position(connection, PRIMARY_POSITION)).flatMap(position -> {
                            promoted(replica.address(), position[0]);
                            return Mono.error(new IllegalStateException("not in recovery"));
                        }))
                .doOnNext(position -> {
                    long now = System.nanoTime();
                    if (!replica.state().up()) {
                        log.info("Replica {} of {} answers", replica.address(), name());
                    }
                    replica.measured(
                            position[0],
                            position[1],
                            history.lagNanos(position[1], now),
                            history.lagBytes(position[1]),
                            now);
                })
                .then();
    }

    private void down(ReplicaMonitor replica) {
        if (replica.state().up()) {
            log.warn("Replica {} of {} does not answer", replica.address(), name());
        }
        replica.failed();
    }

    /** Timeline and position; empty when the query answers no row. */
    static Mono<long[]> position(Connection connection, String sql) {
        return Flux.from(connection.createStatement(sql).execute())
                .concatMap(result -> result.map((row, metadata) -> new long[] {number(row, 0), number(row, 1)}))
                .next();
    }

    private static long number(Readable row, int index) {
        Long value = row.get(index, Long.class);
        if (value == null) {
            throw new IllegalStateException("the server does not tell its position");
        }
        return value;
    }
}
