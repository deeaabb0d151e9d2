package org.lectern.db.replica;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.lectern.db.pool.DatabasePools;
import org.lectern.db.pool.HostPort;
import org.lectern.db.settings.DatabaseSettings;
import org.lectern.db.settings.DatabaseSettings.Placement;
import org.springframework.stereotype.Component;

/**
 * The servers: measures them while the application runs, and hands out their databases. Thread-safe.
 *
 * <p>Metrics: {@code lectern.db.replica.lag} (seconds) and {@code lectern.db.replica.up} with the tags server and
 * address.
 */
@Component
public class Servers implements AutoCloseable {

    private final DatabaseSettings settings;
    private final DatabasePools pools;
    private final PositionStore positions;
    private final MeterRegistry meters;
    private final Map<String, ServerMonitor> monitors = new LinkedHashMap<>();
    private final Map<Placement, RoutedDatabase> databases = new ConcurrentHashMap<>();

    /** Begins to measure at once. */
    public Servers(DatabaseSettings settings, DatabasePools pools, PositionStore positions, MeterRegistry meters) {
        this.settings = settings;
        this.pools = pools;
        this.positions = positions;
        this.meters = meters;
        for (DatabaseSettings.Server server : settings.servers()) {
            ServerMonitor monitor = new ServerMonitor(settings, server, pools, databaseOn(server.name()));
            monitors.put(server.name(), monitor);
            monitor.replicas().forEach(this::meter);
            monitor.start();
        }
    }

    /** The database of a placement; the same one for the same placement. */
    public RoutedDatabase database(Placement placement) {
        return databases.computeIfAbsent(
                placement,
                key -> new RoutedDatabase(settings, key.database(), monitor(key.server()), pools, positions, meters));
    }

    /** All databases that have been handed out. */
    public Collection<RoutedDatabase> databases() {
        return List.copyOf(databases.values());
    }

    /** Mean milliseconds of this node's recent operations on each server; servers that had none are left out. */
    public Map<String, Double> meanQueryMillis() {
        Map<String, Double> means = new LinkedHashMap<>();
        long now = System.nanoTime();
        monitors.forEach((name, monitor) -> {
            double mean = monitor.load().meanMillis(now);
            if (mean > 0) {
                means.put(name, mean);
            }
        });
        return means;
    }

    /**
     * The address of the primary that a server has now.
     *
     * @throws IllegalArgumentException when there is no such server
     */
    public HostPort primary(String server) {
        return monitor(server).primary();
    }

    /** What is known of every replica. */
    public List<ReplicaStatus> replicas() {
        long now = System.nanoTime();
        return monitors.values().stream()
                .flatMap(monitor -> monitor.replicas().stream())
                .map(replica -> status(replica, now))
                .toList();
    }

    /**
     * Reads may go to one more replica as soon as it has been measured. Idempotent.
     *
     * @throws IllegalArgumentException when there is no such server
     */
    public void addReplica(String server, DatabaseSettings.Replica replica) {
        ServerMonitor monitor = monitor(server);
        monitor.add(replica);
        monitor.replicas().stream()
                .filter(known -> known.address().equals(HostPort.parse(replica.address())))
                .forEach(this::meter);
    }

    /**
     * No further read goes to the replica; reads that wait for it begin again on the primary. Idempotent.
     *
     * @return whether it was there
     */
    public boolean removeReplica(String server, String address) {
        return monitor(server).remove(HostPort.parse(address));
    }

    /** Stops measuring. */
    @Override
    public void close() {
        monitors.values().forEach(ServerMonitor::stop);
    }

    private ServerMonitor monitor(String server) {
        ServerMonitor monitor = monitors.get(server);
        if (monitor == null) {
            throw new IllegalArgumentException("no server " + server);
        }
        return monitor;
    }

    /** A database that is sure to be on the server, to connect to for measuring. */
    private String databaseOn(String server) {
        if (settings.directory().server().equals(server)) {
            return settings.directory().database();
        }
        return settings.shards().stream()
                .filter(shard -> shard.server().equals(server))
                .map(Placement::database)
                .findFirst()
                .orElse("postgres");
    }

    private ReplicaStatus status(ReplicaMonitor replica, long now) {
        ReplicaMonitor.State state = replica.state();
        return new ReplicaStatus(
                replica.server(),
                replica.address().toString(),
                replica.region(),
                replica.weight(),
                state.up(),
                replica.eligible(settings.maxReplicaLag().toNanos(), now),
                TimeUnit.NANOSECONDS.toMillis(state.lagNanos()),
                state.lagBytes());
    }

    private void meter(ReplicaMonitor replica) {
        Tags tags =
                Tags.of("server", replica.server(), "address", replica.address().toString());
        meters.gauge(
                "lectern.db.replica.lag", tags, replica, known -> known.state().lagNanos() / 1e9);
        meters.gauge(
                "lectern.db.replica.up", tags, replica, known -> known.state().up() ? 1 : 0);
    }
}
