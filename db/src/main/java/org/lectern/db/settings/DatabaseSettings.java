package org.lectern.db.settings;

import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotEmpty;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * The databases. Only {@code servers[0].primary}, user name and password must be given; then the directory and four
 * shards are databases of that server.
 *
 * @param username the PostgreSQL role that owns the databases; needs {@code pg_monitor} to see replication
 *     (default: lectern)
 * @param password its password (default: none)
 * @param servers primaries, each with its replicas
 * @param directory which database of which server holds the directory (default: lectern_directory on the first server)
 * @param shards the physical shards in order (default: lectern_shard_0 to lectern_shard_3 on the first server)
 * @param logicalShards how many logical shards there are; fixed once the directory exists (default: 256)
 * @param pool sizes and limits of the connection pools
 * @param statementTimeout the longest that one statement may run (default: 10s)
 * @param slowQuery what takes longer than this is logged (default: 1s)
 * @param region where this node is; replicas of the same region are preferred (default: none)
 * @param maxReplicaLag a replica that is further behind is not read (default: 1s)
 * @param maxReplicaLagBytes a replica that lacks no more than this much of the log is not behind, however old that is:
 *     an idle primary is not lag. Between the 40 bytes of a page header and the smallest commit (default: 64)
 * @param probeInterval how often each server's health and position are measured (default: 200ms)
 * @param sessionWait for how long a read waits for a replica to reach what its session wrote, before the primary is
 *     asked (default: 50ms)
 * @param mapRefresh how often the shard map is read again, beside whenever a shard refuses (default: 5s)
 * @param shardMover whether this node may carry out moves of logical shards (default: true)
 * @param migrate whether this process migrates the databases when it starts; false when something else does it before
 *     (default: true)
 * @param connectPatience for how long the start waits for a server that does not accept connections yet (default: 30s)
 */
@Validated
@ConfigurationProperties("lectern.db")
public record DatabaseSettings(
        @DefaultValue("lectern") @NotBlank String username,
        @DefaultValue("") String password,
        @NotEmpty List<@Valid Server> servers,
        @DefaultValue @Valid Placement directory,
        @Nullable List<@Valid Placement> shards,
        @DefaultValue("256") @Min(1) @Max(16384) int logicalShards,
        @DefaultValue @Valid Pool pool,
        @DefaultValue("10s") Duration statementTimeout,
        @DefaultValue("1s") Duration slowQuery,
        @DefaultValue("") String region,
        @DefaultValue("1s") Duration maxReplicaLag,
        @DefaultValue("64") @Min(0) long maxReplicaLagBytes,
        @DefaultValue("200ms") Duration probeInterval,
        @DefaultValue("50ms") Duration sessionWait,
        @DefaultValue("5s") Duration mapRefresh,
        @DefaultValue("true") boolean shardMover,
        @DefaultValue("true") boolean migrate,
        @DefaultValue("30s") Duration connectPatience) {

    private static final int DEFAULT_SHARDS = 4;

    /** Fills in what follows from the first server, and refuses a placement on a server that there is not. */
    public DatabaseSettings {
        if (servers == null || servers.isEmpty()) {
            throw new IllegalArgumentException(
                    "lectern.db.servers[0].primary is not set: no database server is configured, and none is embedded");
        }
        servers = List.copyOf(servers);
        String first = servers.getFirst().name();
        directory = directory.withDefaults(first, "lectern_directory");
        List<Placement> placed = new ArrayList<>();
        if (shards == null || shards.isEmpty()) {
            for (int number = 0; number < DEFAULT_SHARDS; number++) {
                placed.add(new Placement(first, "lectern_shard_" + number));
            }
        } else {
            for (int number = 0; number < shards.size(); number++) {
                placed.add(shards.get(number).withDefaults(first, "lectern_shard_" + number));
            }
        }
        shards = List.copyOf(placed);
        Set<String> names = new HashSet<>();
        for (Server server : servers) {
            if (!names.add(server.name())) {
                throw new IllegalArgumentException("two of lectern.db.servers are called " + server.name());
            }
        }
        Set<Placement> taken = new HashSet<>(Set.of(directory));
        for (Placement placement : shards) {
            if (!taken.add(placement)) {
                throw new IllegalArgumentException(
                        "two of lectern.db.directory and lectern.db.shards are " + placement);
            }
        }
        for (Placement placement : taken) {
            if (!names.contains(placement.server())) {
                throw new IllegalArgumentException(
                        "lectern.db places a database on " + placement.server() + ", which is none of its servers");
            }
        }
    }

    /** The physical shards in order; never empty. */
    @Override
    public List<Placement> shards() {
        return shards == null ? List.of() : shards;
    }

    /** The server of a placement. */
    public Server serverOf(Placement placement) {
        return servers.stream()
                .filter(server -> server.name().equals(placement.server()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no server " + placement.server()));
    }

    /** Hides the password. */
    @Override
    public String toString() {
        return "DatabaseSettings[servers=" + servers + ", directory=" + directory + ", shards=" + shards + "]";
    }

    /**
     * A primary and its replicas.
     *
     * @param name what placements call it (default: main)
     * @param primary host:port; or several, separated by commas, of which any may be the primary at a time
     * @param replicas its streaming replicas (default: none)
     */
    public record Server(
            @DefaultValue("main") @NotBlank String name,
            @NotBlank String primary,
            @DefaultValue List<@Valid Replica> replicas) {

        /** Copies the replicas. */
        public Server {
            replicas = replicas == null ? List.of() : List.copyOf(replicas);
        }

        /** The addresses that the primary may have; at least one. */
        public List<String> addresses() {
            return Stream.of(primary.split(",", -1)).map(String::strip).toList();
        }
    }

    /**
     * A streaming replica.
     *
     * @param address host:port
     * @param region where it is (default: none)
     * @param weight its share of the reads among the eligible replicas (default: 5)
     */
    public record Replica(
            @NotBlank String address,
            @DefaultValue("") String region,
            @DefaultValue("5") @Min(0) int weight) {}

    /**
     * A database on a server.
     *
     * @param server the server's name (default: the first)
     * @param database the database's name
     */
    public record Placement(
            @DefaultValue("") String server,
            @DefaultValue("") String database) {

        Placement withDefaults(String defaultServer, String defaultDatabase) {
            return new Placement(
                    server.isBlank() ? defaultServer : server, database.isBlank() ? defaultDatabase : database);
        }
    }

    /**
     * Pools: one for each database on each server. A node opens at most {@code (1 + shards) * (primarySize + fallbackSize)} connections
     * to a primary that holds everything, and one more to measure it.
     *
     * @param primarySize the most connections to one database on a primary (default: 10)
     * @param replicaSize the most connections to one database on a replica (default: 8)
     * @param fallbackSize the most connections to one database on a primary for reads that no replica could answer
     *     (default: 4)
     * @param maxPending how many may wait for a connection of one pool; the next is refused (default: 1000)
     * @param acquireTimeout for how long one waits for a connection (default: 5s)
     * @param connectTimeout for how long a server may take to accept a connection (default: 2s)
     * @param maxIdle when an unused connection is closed (default: 10m)
     * @param maxLife when a connection is replaced (default: 60m)
     * @param preparedStatements how many statements each connection keeps prepared (default: 256)
     */
    public record Pool(
            @DefaultValue("10") @Min(1) int primarySize,
            @DefaultValue("8") @Min(1) int replicaSize,
            @DefaultValue("4") @Min(1) int fallbackSize,
            @DefaultValue("1000") @Min(1) int maxPending,
            @DefaultValue("5s") Duration acquireTimeout,
            @DefaultValue("2s") Duration connectTimeout,
            @DefaultValue("10m") Duration maxIdle,
            @DefaultValue("60m") Duration maxLife,
            @DefaultValue("256") @Min(0) int preparedStatements) {}
}
