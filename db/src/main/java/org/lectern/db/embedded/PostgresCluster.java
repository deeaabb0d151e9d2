package org.lectern.db.embedded;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A private PostgreSQL 18: one primary and its streaming replicas, with the data in
 * {@code <directory>/postgres/{primary,replica-n}}. Committed means on disk: {@code fsync} and {@code synchronous_commit}
 * are on, so that durability tests prove something. Replication is asynchronous.
 *
 * <p>A replica is seeded by PostgreSQL's low-level backup: a physical slot keeps the log from now on, the data folder is
 * copied between {@code pg_backup_start} and {@code pg_backup_stop}, and the copy starts as a standby that streams. Of a
 * replica that lost its slot, or whose log is gone, a new copy is made.
 *
 * <p>Thread-safe. Closing stops the replicas first, so that the primary does not wait for them.
 */
public final class PostgresCluster implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(PostgresCluster.class);
    private static final Duration INIT_TIMEOUT = Duration.ofMinutes(3);
    private static final Duration STREAMING_TIMEOUT = Duration.ofSeconds(75);

    /** Whose contents a base backup leaves out: they are rebuilt, or belong to the server that wrote them. */
    private static final Set<String> NOT_COPIED = Set.of(
            "pg_wal",
            "pg_replslot",
            "pg_dynshmem",
            "pg_notify",
            "pg_serial",
            "pg_snapshots",
            "pg_stat_tmp",
            "pg_subtrans");

    private final Settings settings;
    private final PostgresBinaries binaries;
    private final String password;
    private final PostgresServer primary;
    private final CopyOnWriteArrayList<PostgresServer> replicas = new CopyOnWriteArrayList<>();

    private PostgresCluster(Settings settings, PostgresBinaries binaries, String password) {
        this.settings = settings;
        this.binaries = binaries;
        this.password = password;
        this.primary = server("primary");
    }

    /**
     * What to start.
     *
     * @param directory the folder whose {@code postgres}, {@code run} and {@code logs} are used; nobody else may use it
     * @param cache where the binaries are unpacked
     * @param username the superuser's name
     * @param databases created when missing
     * @param replicas how many replicas run from the start
     * @param maxConnections of each server
     * @param extra further server parameters, which win over the defaults
     */
    public record Settings(
            Path directory,
            BinaryCache cache,
            String username,
            List<String> databases,
            int replicas,
            int maxConnections,
            Map<String, String> extra) {

        /** Makes the folder absolute and copies the collections. */
        public Settings {
            directory = directory.toAbsolutePath().normalize();
            databases = List.copyOf(databases);
            extra = Map.copyOf(extra);
        }

        /** Lectern's own layout: a directory database, four shards, one replica. */
        public static Settings in(Path directory) {
            List<String> databases = Stream.concat(
                            Stream.of("lectern_directory"),
                            IntStream.range(0, 4).mapToObj(shard -> "lectern_shard_" + shard))
                    .toList();
            return new Settings(directory, BinaryCache.ofUser(), "lectern", databases, 1, 300, Map.of());
        }

        /** The same with another number of replicas. */
        public Settings withReplicas(int count) {
            return new Settings(directory, cache, username, databases, count, maxConnections, extra);
        }

        /** The same with another cache of binaries. */
        public Settings withCache(BinaryCache other) {
            return new Settings(directory, other, username, databases, replicas, maxConnections, extra);
        }

        /** The same with further server parameters. */
        public Settings withParameters(Map<String, String> parameters) {
            return new Settings(directory, cache, username, databases, replicas, maxConnections, parameters);
        }

        Path runDirectory() {
            return directory.resolve("run");
        }

        Path logDirectory() {
            return directory.resolve("logs");
        }

        Map<String, String> parameters(int port) {
            Map<String, String> parameters = new LinkedHashMap<>();
            parameters.put("port", Integer.toString(port));
            parameters.put("listen_addresses", "127.0.0.1");
            parameters.put("unix_socket_directories", "");
            parameters.put("max_connections", Integer.toString(maxConnections));
            parameters.put("fsync", "on");
            parameters.put("synchronous_commit", "on");
            parameters.put("wal_level", "replica");
            parameters.put("hot_standby_feedback", "on");
            // The primary keeps what a replica could still read by its last word. With the usual 10 s, tables of rows
            // that
            // change often (jobs) are read through ten seconds of dead ones.
            parameters.put("wal_receiver_status_interval", "1s");
            // A replica that stays away may not fill the disk; it is copied anew when it comes back too late.
            parameters.put("max_slot_wal_keep_size", "1GB");
            parameters.put("max_wal_size", "512MB");
            parameters.put("shared_preload_libraries", "pg_stat_statements");
            parameters.put("timezone", "UTC");
            parameters.put("log_timezone", "UTC");
            parameters.putAll(extra);
            return parameters;
        }
    }

    /**
     * Starts the primary and its replicas, on existing data if there is any, and returns when all of them serve.
     *
     * @throws EmbeddedServiceException if a server cannot be started here, with what to do
     */
    public static PostgresCluster start(Settings settings) throws IOException {
        Files.createDirectories(settings.directory().resolve("postgres"));
        PostgresCluster cluster = new PostgresCluster(
                settings, PostgresBinaries.unpacked(settings.cache()), rememberedPassword(settings));
        try {
            cluster.startPrimary();
            for (int number = 1; number <= settings.replicas(); number++) {
                cluster.startReplica("replica-" + number);
            }
            return cluster;
        } catch (SQLException e) {
            cluster.close();
            throw new IOException("preparing the private PostgreSQL", e);
        } catch (IOException | RuntimeException e) {
            cluster.close();
            throw e;
        }
    }

    /** The server that takes writes. */
    public PostgresServer primary() {
        return primary;
    }

    /** The replicas in the order in which they were added. */
    public List<PostgresServer> replicas() {
        return List.copyOf(replicas);
    }

    /** The superuser of every server of the cluster. */
    public String username() {
        return settings.username();
    }

    /** The superuser's password; it stays the same for the data folder. */
    public String password() {
        return password;
    }

    /** Adds one replica at run time and returns it when it streams. */
    public synchronized PostgresServer addReplica() throws IOException {
        int number = 1;
        while (has("replica-" + number)) {
            number++;
        }
        try {
            return startReplica("replica-" + number);
        } catch (SQLException e) {
            throw new IOException("adding a replica", e);
        }
    }

    /** Stops a replica for good: its slot and its data go. */
    public synchronized void removeReplica(PostgresServer replica) throws IOException {
        if (!replicas.remove(replica)) {
            return;
        }
        replica.stop();
        try (Connection connection = primary.connect("postgres")) {
            dropSlot(connection, slotOf(replica.name()));
        } catch (SQLException e) {
            throw new IOException("dropping the slot of " + replica.name(), e);
        }
        BinaryCache.deleteTree(replica.data());
        Files.deleteIfExists(replica.portFile());
    }

    /** Stops the replicas, then the primary; the data stays. */
    @Override
    public void close() {
        replicas.reversed().forEach(PostgresServer::stop);
        primary.stop();
    }

    private void startPrimary() throws IOException, SQLException {
        Path data = primary.data();
        if (!Files.exists(data.resolve("PG_VERSION"))) {
            initialise(data);
        }
        String version = Files.readString(data.resolve("PG_VERSION")).strip();
        if (!version.equals(PostgresBinaries.MAJOR)) {
            throw new EmbeddedServiceException(
                    "The data in " + data + " is of PostgreSQL " + version + ", and this Lectern brings "
                            + PostgresBinaries.MAJOR + ".",
                    "Start with another lectern.embedded.directory, or move the data by dump and restore.");
        }
        primary.start();
        try (Connection connection = primary.connect("postgres");
                PreparedStatement lookup = connection.prepareStatement("select 1 from pg_database where datname = ?")) {
            for (String database : settings.databases()) {
                lookup.setString(1, database);
                try (ResultSet found = lookup.executeQuery()) {
                    if (!found.next()) {
                        execute(connection, "create database " + quoted(database));
                    }
                }
            }
        }
    }

    private void initialise(Path data) throws IOException {
        Path draft = data.resolveSibling(data.getFileName() + ".part");
        BinaryCache.deleteTree(draft);
        Path passwordFile = passwordFile(settings);
        ChildProcess.run(
                binaries.command(
                        "initdb",
                        List.of(
                                "-D",
                                draft.toString(),
                                "--username=" + settings.username(),
                                "--pwfile=" + passwordFile,
                                "--auth=scram-sha-256",
                                "--encoding=UTF8",
                                "--locale=C.UTF-8",
                                "--locale-provider=builtin",
                                "--builtin-locale=C.UTF-8")),
                binaries.environment(),
                INIT_TIMEOUT);
        Files.move(draft, data, StandardCopyOption.ATOMIC_MOVE);
    }

    private synchronized PostgresServer startReplica(String name) throws IOException, SQLException {
        PostgresServer replica = server(name);
        try (Connection connection = primary.connect("postgres")) {
            boolean slotUsable = isSlotUsable(connection, slotOf(name));
            if (!slotUsable || !Files.exists(replica.data().resolve("PG_VERSION"))) {
                seed(replica, connection);
            }
            followPrimary(replica);
            replica.start();
            try {
                awaitStreaming(replica, connection);
            } catch (EmbeddedServiceException e) {
                log.warn("{} does not follow its primary; making a new copy", name);
                replica.stop();
                seed(replica, connection);
                followPrimary(replica);
                replica.start();
                awaitStreaming(replica, connection);
            }
        } catch (IOException | SQLException | RuntimeException e) {
            replica.stop();
            throw e;
        }
        replicas.add(replica);
        return replica;
    }

    private void seed(PostgresServer replica, Connection connection) throws IOException, SQLException {
        String slot = slotOf(replica.name());
        Path draft = replica.data().resolveSibling(replica.name() + ".part");
        BinaryCache.deleteTree(draft);
        BinaryCache.deleteTree(replica.data());
        dropSlot(connection, slot);
        try (PreparedStatement create =
                connection.prepareStatement("select pg_create_physical_replication_slot(?, true)")) {
            create.setString(1, slot);
            create.execute();
        }
        execute(connection, "select pg_backup_start('lectern replica', true)");
        copyData(primary.data(), draft);
        try (Statement statement = connection.createStatement();
                ResultSet label = statement.executeQuery("select labelfile from pg_backup_stop(false)")) {
            label.next();
            Files.writeString(draft.resolve("backup_label"), label.getString(1));
        }
        Files.writeString(draft.resolve("standby.signal"), "");
        Files.move(draft, replica.data(), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Rewritten before every start, because the primary's port may have changed. */
    private void followPrimary(PostgresServer replica) throws IOException {
        String connection = "host=127.0.0.1 port=%d user=%s password=%s application_name=%s"
                .formatted(primary.port(), settings.username(), password, replica.name());
        Path file = replica.data().resolve("postgresql.auto.conf");
        Files.writeString(
                file,
                "primary_conninfo = '" + connection + "'\nprimary_slot_name = '" + slotOf(replica.name()) + "'\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    private void awaitStreaming(PostgresServer replica, Connection connection) throws SQLException {
        long deadline = System.nanoTime() + STREAMING_TIMEOUT.toNanos();
        try (PreparedStatement lookup = connection.prepareStatement(
                "select 1 from pg_stat_replication where application_name = ? and state = 'streaming'")) {
            lookup.setString(1, replica.name());
            while (System.nanoTime() < deadline) {
                try (ResultSet found = lookup.executeQuery()) {
                    if (found.next()) {
                        return;
                    }
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }
        throw new EmbeddedServiceException(
                replica.name() + " did not begin to stream in " + STREAMING_TIMEOUT.toSeconds() + " s.",
                "See " + settings.logDirectory().resolve("postgres-" + replica.name() + ".log") + ".");
    }

    private PostgresServer server(String name) {
        return new PostgresServer(
                name, settings.directory().resolve("postgres").resolve(name), binaries, settings, password);
    }

    private boolean has(String name) {
        return replicas.stream().anyMatch(replica -> replica.name().equals(name));
    }

    private static boolean isSlotUsable(Connection connection, String slot) throws SQLException {
        try (PreparedStatement lookup = connection.prepareStatement(
                "select 1 from pg_replication_slots where slot_name = ? and wal_status in ('reserved', 'extended')")) {
            lookup.setString(1, slot);
            try (ResultSet found = lookup.executeQuery()) {
                return found.next();
            }
        }
    }

    private static void dropSlot(Connection connection, String slot) throws SQLException {
        try (PreparedStatement drop = connection.prepareStatement(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ?")) {
            drop.setString(1, slot);
            drop.execute();
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String slotOf(String name) {
        return name.replace('-', '_');
    }

    private static String quoted(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }

    private static Path passwordFile(Settings settings) {
        return settings.directory().resolve("postgres").resolve("password");
    }

    private static String rememberedPassword(Settings settings) throws IOException {
        Path file = passwordFile(settings);
        if (!Files.exists(file)) {
            byte[] secret = new byte[24];
            new SecureRandom().nextBytes(secret);
            Path draft = file.resolveSibling("password.part");
            Files.deleteIfExists(draft);
            Files.createFile(draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.writeString(draft, HexFormat.of().formatHex(secret));
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        }
        return Files.readString(file).strip();
    }

    private static void copyData(Path from, Path to) throws IOException {
        var mode = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
                Path relative = from.relativize(folder);
                Files.createDirectory(to.resolve(relative.toString()), mode);
                if (relative.getNameCount() == 1 && NOT_COPIED.contains(relative.toString())) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                return relative.getFileName().toString().startsWith("pgsql_tmp")
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                String name = file.getFileName().toString();
                if (!name.startsWith("postmaster.") && !name.startsWith("pg_internal.init")) {
                    try {
                        Files.copy(file, to.resolve(from.relativize(file).toString()));
                    } catch (NoSuchFileException ignored) {
                        // Dropped since the folder was listed; the log that the replica replays knows of it.
                        return FileVisitResult.CONTINUE;
                    }
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
                if (failure instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw failure;
            }
        });
    }
}
