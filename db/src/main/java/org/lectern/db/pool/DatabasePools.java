package org.lectern.db.pool;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.pool.PoolMetrics;
import io.r2dbc.postgresql.PostgresqlConnectionConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionFactory;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ValidationDepth;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.ToDoubleFunction;
import org.lectern.db.settings.DatabaseSettings;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Makes and closes the pools. Each is bounded in connections, in those who wait for one and in how long they wait, and
 * opens its first connection when it is first used. Thread-safe.
 *
 * <p>Metrics, with the tags server, database and use: {@code lectern.db.pool.acquired}, {@code .idle}, {@code .pending},
 * {@code .max}.
 */
@Component
public class DatabasePools implements AutoCloseable {

    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(5);

    private static final String METERS = "lectern.db.pool.";

    private final DatabaseSettings settings;
    private final MeterRegistry meters;
    private final Map<Key, ConnectionPool> pools = new ConcurrentHashMap<>();
    private final List<ConnectionPool> probes = new CopyOnWriteArrayList<>();

    /** Pools of the given settings. */
    public DatabasePools(DatabaseSettings settings, MeterRegistry meters) {
        this.settings = settings;
        this.meters = meters;
    }

    /** The pool of a database on a primary; the same one for the same address and database. */
    public ConnectionPool primary(String server, HostPort address, String database) {
        return pools.computeIfAbsent(
                new Key(address, database, "primary"),
                key -> pool(server, key, settings.pool().primarySize()));
    }

    /** The small pool, on a primary, of the reads that no replica could answer. */
    public ConnectionPool fallback(String server, HostPort address, String database) {
        return pools.computeIfAbsent(
                new Key(address, database, "fallback"),
                key -> pool(server, key, settings.pool().fallbackSize()));
    }

    /** The pool of a database on a replica; the same one for the same address and database. */
    public ConnectionPool replica(String server, HostPort address, String database) {
        return pools.computeIfAbsent(
                new Key(address, database, "replica"),
                key -> pool(server, key, settings.pool().replicaSize()));
    }

    /** The one connection to a database by which reads ask whether the shard map has changed. */
    public ConnectionPool watch(String server, HostPort address, String database) {
        return pools.computeIfAbsent(new Key(address, database, "watch"), key -> pool(server, key, 1));
    }

    /**
     * A pool of one connection to measure a server with, which neither waits for the others nor takes their place.
     *
     * @param timeout for how long a statement may run; the caller bounds its own waiting
     */
    public ConnectionPool probe(HostPort address, String database, Duration timeout) {
        ConnectionPool pool = new ConnectionPool(ConnectionPoolConfiguration.builder(factory(
                        address, database, "lectern-probe", settings.pool().connectTimeout(), timeout))
                .initialSize(0)
                .maxSize(1)
                .maxCreateConnectionTime(settings.pool().connectTimeout())
                .acquireRetry(0)
                .build());
        probes.add(pool);
        return pool;
    }

    /**
     * One connection of no pool, to look whether a server is there.
     *
     * @param timeout for how long connecting, and then a statement, may take
     */
    public Mono<? extends Connection> connect(HostPort address, String database, Duration timeout) {
        return Mono.defer(() ->
                factory(address, database, "lectern-probe", timeout, timeout).create());
    }

    /** Closes the pools to a primary that is one no longer; what they are used for now fails. */
    public void drop(HostPort address) {
        pools.keySet().stream()
                .filter(key -> key.address().equals(address) && !key.use().equals("replica"))
                .toList()
                .forEach(key -> {
                    ConnectionPool pool = pools.remove(key);
                    if (pool != null) {
                        meters.getMeters().stream()
                                .map(Meter::getId)
                                .filter(id -> id.getName().startsWith(METERS)
                                        && address.toString().equals(id.getTag("address"))
                                        && key.database().equals(id.getTag("database"))
                                        && key.use().equals(id.getTag("use")))
                                .toList()
                                .forEach(meters::remove);
                        pool.disposeLater().onErrorComplete().subscribe();
                    }
                });
    }

    private ConnectionPool pool(String server, Key key, int size) {
        DatabaseSettings.Pool limits = settings.pool();
        ConnectionPool pool = new ConnectionPool(ConnectionPoolConfiguration.builder(factory(
                        key.address(), key.database(), "lectern", limits.connectTimeout(), settings.statementTimeout()))
                .name(key.use() + " " + key.address() + " " + key.database())
                .initialSize(0)
                .minIdle(0)
                .maxSize(size)
                .maxAcquireTime(limits.acquireTimeout())
                // Who waits gives up by themselves; the connection is still of use to whoever comes next. Were it given
                // up
                // with them, a burst on a cold pool would open connections again and again without ever having one.
                .maxCreateConnectionTime(limits.connectTimeout().plus(limits.acquireTimeout()))
                .maxIdleTime(limits.maxIdle())
                .maxLifeTime(limits.maxLife())
                .validationDepth(ValidationDepth.LOCAL)
                .acquireRetry(1)
                .customizer(builder -> builder.sizeBetween(0, size).maxPendingAcquire(limits.maxPending()))
                .build());
        Tags tags = Tags.of("server", server, "address", key.address().toString(), "database", key.database())
                .and("use", key.use());
        gauge("acquired", tags, pool, PoolMetrics::acquiredSize);
        gauge("idle", tags, pool, PoolMetrics::idleSize);
        gauge("pending", tags, pool, PoolMetrics::pendingAcquireSize);
        gauge("max", tags, pool, PoolMetrics::getMaxAllocatedSize);
        return pool;
    }

    private void gauge(String what, Tags tags, ConnectionPool pool, ToDoubleFunction<PoolMetrics> value) {
        Gauge.builder(
                        METERS + what,
                        pool,
                        measured ->
                                measured.getMetrics().map(value::applyAsDouble).orElse(Double.NaN))
                .tags(tags)
                .register(meters);
    }

    private PostgresqlConnectionFactory factory(
            HostPort address, String database, String name, Duration connectTimeout, Duration statementTimeout) {
        PostgresqlConnectionConfiguration.Builder builder = PostgresqlConnectionConfiguration.builder()
                .host(address.host())
                .port(address.port())
                .database(database)
                .username(settings.username())
                .applicationName(name)
                .connectTimeout(connectTimeout)
                .statementTimeout(statementTimeout)
                .preparedStatementCacheQueries(settings.pool().preparedStatements())
                .tcpKeepAlive(true)
                .options(Map.of(
                        // The epoch check of a shard reads twice in one transaction and must see what is committed.
                        "default_transaction_isolation",
                        "read committed",
                        // A node that hangs in a transaction must not hold its locks for ever.
                        "idle_in_transaction_session_timeout",
                        Long.toString(
                                settings.statementTimeout().multipliedBy(3).toMillis())));
        if (!settings.password().isEmpty()) {
            builder.password(settings.password());
        }
        return new PostgresqlConnectionFactory(builder.build());
    }

    /** Closes all connections. */
    @Override
    public void close() {
        Flux.concat(Flux.fromIterable(pools.values()), Flux.fromIterable(probes))
                .flatMap(pool -> pool.disposeLater().onErrorComplete())
                .blockLast(CLOSE_PATIENCE);
    }

    private record Key(HostPort address, String database, String use) {}
}
