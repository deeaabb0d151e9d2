package org.lectern.db.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The private PostgreSQL is a real, durable, replicated one: data outlives stop, crash and a new start. */
class PostgresClusterIT {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir
    Path directory;

    @Test
    void isDurableByDefaultAndOfTheExpectedVersion() throws Exception {
        try (PostgresCluster cluster =
                PostgresCluster.start(PostgresCluster.Settings.in(directory).withReplicas(0))) {
            assertThat(query(cluster.primary(), "show server_version")).startsWith("18.");
            assertThat(query(cluster.primary(), "show fsync")).isEqualTo("on");
            assertThat(query(cluster.primary(), "show synchronous_commit")).isEqualTo("on");
            assertThat(query(cluster.primary(), "show max_connections")).isEqualTo("300");
            assertThat(query(
                            cluster.primary(),
                            "select string_agg(datname, ' ' order by datname) from pg_database"
                                    + " where datname like 'lectern%'"))
                    .isEqualTo("lectern_directory lectern_shard_0 lectern_shard_1 lectern_shard_2 lectern_shard_3");
        }
    }

    @Test
    void replicaFollowsAndCanBePausedKilledStartedAddedAndRemoved() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory))) {
            PostgresServer primary = cluster.primary();
            PostgresServer replica = cluster.replicas().getFirst();
            assertThat(query(replica, "select pg_is_in_recovery()")).isEqualTo("t");
            update(primary, "create table note (id int primary key)");
            update(primary, "insert into note values (1)");
            awaitRows(replica, 1);

            replica.kill();
            assertThat(replica.isRunning()).isFalse();
            update(primary, "insert into note values (2)");
            replica.start();
            awaitRows(replica, 2);

            replica.pause();
            update(primary, "insert into note values (3)");
            replica.resume();
            awaitRows(replica, 3);

            PostgresServer second = cluster.addReplica();
            assertThat(second.name()).isEqualTo("replica-2");
            awaitRows(second, 3);
            cluster.removeReplica(second);
            assertThat(cluster.replicas()).containsExactly(replica);
            assertThat(query(primary, "select count(*) from pg_replication_slots"))
                    .isEqualTo("1");
            assertThat(Files.exists(directory.resolve("postgres/replica-2"))).isFalse();
        }
    }

    @Test
    void acknowledgedCommitSurvivesACrashOfThePrimaryAndTheReplicaCatchesUp() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory))) {
            update(cluster.primary(), "create table note (id int primary key)");
            update(cluster.primary(), "insert into note values (1)");
            int port = cluster.primary().port();
            cluster.primary().kill();
            cluster.primary().start();
            assertThat(cluster.primary().port()).isEqualTo(port);
            assertThat(query(cluster.primary(), "select count(*) from note")).isEqualTo("1");
            update(cluster.primary(), "insert into note values (2)");
            awaitRows(cluster.replicas().getFirst(), 2);
        }
    }

    @Test
    void secondStartFindsDataPasswordAndPortsAndHeals() throws Exception {
        String password;
        try (PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory))) {
            update(cluster.primary(), "create table note (id int primary key)");
            update(cluster.primary(), "insert into note values (1)");
            password = cluster.password();
        }
        assertThat(ProcessHandle.allProcesses().filter(this::isOurs)).isEmpty();
        try (PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory))) {
            assertThat(cluster.password()).isEqualTo(password);
            awaitRows(cluster.replicas().getFirst(), 1);
            // A replica whose slot is gone cannot catch up: the next start makes a new copy.
            cluster.replicas().getFirst().stop();
            update(cluster.primary(), "select pg_drop_replication_slot('replica_1')");
        }
        try (PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory))) {
            update(cluster.primary(), "insert into note values (2)");
            awaitRows(cluster.replicas().getFirst(), 2);
        }
    }

    @Test
    void parametersOfATestWinOverTheDefaults() throws Exception {
        try (PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(directory)
                .withReplicas(0)
                .withParameters(Map.of("max_connections", "20")))) {
            assertThat(query(cluster.primary(), "show max_connections")).isEqualTo("20");
        }
    }

    private boolean isOurs(ProcessHandle process) {
        return process.info()
                .commandLine()
                .filter(line -> line.contains(directory.toString()))
                .isPresent();
    }

    private static void awaitRows(PostgresServer server, int rows) {
        await().atMost(PATIENCE)
                .ignoreExceptionsInstanceOf(SQLException.class)
                .until(() -> query(server, "select count(*) from note"), List.of(Integer.toString(rows))::contains);
    }

    private static String query(PostgresServer server, String sql) throws SQLException {
        try (Connection connection = server.connect("postgres");
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static void update(PostgresServer server, String sql) throws SQLException {
        try (Connection connection = server.connect("postgres");
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
