package org.lectern.app.lti.platform;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.SocketAddress;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.ToDoubleFunction;
import reactor.netty.resources.ConnectionPoolMetrics;
import reactor.netty.resources.ConnectionProvider;

/**
 * The meters of one kind of connection pool, summed over all platforms: {@code lectern.lti.pool.acquired},
 * {@code .idle}, {@code .pending} and {@code .hosts}, with the tag {@code pool}. There is no tag for the host: anybody can
 * name one. Thread-safe.
 */
final class PlatformPools implements ConnectionProvider.MeterRegistrar {

    private static final String METERS = "lectern.lti.pool.";

    private final ConcurrentMap<String, ConnectionPoolMetrics> hosts = new ConcurrentHashMap<>();

    PlatformPools(String pool, MeterRegistry meters) {
        gauge(pool, meters, "acquired", pools -> pools.sum(ConnectionPoolMetrics::acquiredSize));
        gauge(pool, meters, "idle", pools -> pools.sum(ConnectionPoolMetrics::idleSize));
        gauge(pool, meters, "pending", pools -> pools.sum(ConnectionPoolMetrics::pendingAcquireSize));
        gauge(pool, meters, "hosts", pools -> pools.hosts.size());
    }

    @Override
    public void registerMetrics(String poolName, String id, SocketAddress remote, ConnectionPoolMetrics metrics) {
        hosts.put(id + " " + remote, metrics);
    }

    @Override
    public void deRegisterMetrics(String poolName, String id, SocketAddress remote) {
        hosts.remove(id + " " + remote);
    }

    private double sum(ToDoubleFunction<ConnectionPoolMetrics> value) {
        return hosts.values().stream().mapToDouble(value).sum();
    }

    private void gauge(String pool, MeterRegistry meters, String name, ToDoubleFunction<PlatformPools> value) {
        Gauge.builder(METERS + name, this, value)
                .tag("pool", pool)
                .strongReference(true)
                .register(meters);
    }
}
