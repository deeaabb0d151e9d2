package org.lectern.analytics;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionConfiguration;
import io.r2dbc.postgresql.PostgresqlConnectionFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.awaitility.Awaitility;
import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.embedded.PostgresServer;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardStatus;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.ActivityLog;
import org.reactivestreams.Publisher;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.reactive.TransactionalOperator;
import org.springframework.util.AlternativeJdkIdGenerator;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * A private PostgreSQL with one replica, migrated as in production, seen as one shard and one directory. LAGGING reads
 * always go to the replica and are counted, however far behind it is: so a test can hold it back and see who answered.
 */
public final class CourseDatabase implements Shards {

    static final PhysicalShardId SHARD = new PhysicalShardId(0);

    private static final String SHARD_DATABASE = "lectern_shard_0";
    private static final String DIRECTORY_DATABASE = "lectern_directory";

    private static @Nullable CourseDatabase shared;

    private final PostgresCluster cluster;
    private final Database shard;
    private final Database directory;
    final AtomicInteger replicaReads = new AtomicInteger();

    private CourseDatabase() throws IOException {
        cluster = PostgresCluster.start(PostgresCluster.Settings.in(
                Path.of("target", "postgres-" + ProcessHandle.current().pid())));
        migrate(SHARD_DATABASE, "shard");
        migrate(DIRECTORY_DATABASE, "directory");
        shard = new Database(SHARD_DATABASE);
        directory = new Database(DIRECTORY_DATABASE);
    }

    /** The servers of this JVM, started by whoever asks first; they end with it. */
    public static synchronized CourseDatabase shared() throws IOException {
        if (shared == null) {
            shared = new CourseDatabase();
        }
        return shared;
    }

    /** The log that features write to, as the application has it. */
    static ActivityLog activityLog() {
        var context = new AnnotationConfigApplicationContext();
        context.registerBean(IdGenerator.class, AlternativeJdkIdGenerator::new);
        context.registerBean(Clock.class, Clock::systemUTC);
        context.registerBean(JsonMapper.class, JsonMapper::shared);
        context.scan("org.lectern.infra.activity");
        context.refresh();
        return context.getBean(ActivityLog.class);
    }

    private void migrate(String database, String kind) {
        Flyway.configure()
                .dataSource(
                        "jdbc:postgresql://" + cluster.primary().address() + "/" + database,
                        cluster.username(),
                        cluster.password())
                .locations("classpath:db/migration/" + kind)
                .load()
                .migrate();
    }

    /** A database on the primary and on its replica. */
    private final class Database {
        private final DatabaseClient primary;
        private final DatabaseClient replica;
        private final TransactionalOperator transaction;

        Database(String name) {
            ConnectionPool pool = pool(cluster.primary(), name);
            primary = DatabaseClient.create(pool);
            transaction = TransactionalOperator.create(new R2dbcTransactionManager(pool));
            replica = DatabaseClient.create(pool(cluster.replicas().getFirst(), name));
        }

        DatabaseClient client(Freshness freshness) {
            if (freshness == Freshness.LAGGING) {
                replicaReads.incrementAndGet();
                return replica;
            }
            return primary;
        }
    }

    private ConnectionPool pool(PostgresServer server, String database) {
        return new ConnectionPool(ConnectionPoolConfiguration.builder(
                        new PostgresqlConnectionFactory(PostgresqlConnectionConfiguration.builder()
                                .host("127.0.0.1")
                                .port(server.port())
                                .username(cluster.username())
                                .password(cluster.password())
                                .database(database)
                                .build()))
                .initialSize(0)
                .maxSize(8)
                .build());
    }

    /** Plain access to the primary of the shard, for checks. */
    DatabaseClient sql() {
        return shard.primary;
    }

    /** The value of a publisher that has one. */
    public static <T> T await(Mono<T> value) {
        return Objects.requireNonNull(value.block(Duration.ofSeconds(20)));
    }

    /** The directory on the same servers. */
    public Directory directory() {
        return new Directory() {
            @Override
            public <T> Mono<T> write(Function<DatabaseClient, Mono<T>> work) {
                return directory.transaction.transactional(Mono.defer(() -> work.apply(directory.primary)));
            }

            @Override
            public <T> Mono<T> writeOne(Function<DatabaseClient, Mono<T>> statement) {
                return Mono.defer(() -> statement.apply(directory.primary));
            }

            @Override
            public <T> Flux<T> read(Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
                return Flux.defer(() -> work.apply(directory.client(freshness)));
            }
        };
    }

    /** Stops the replica from showing what the primary commits from now on, until resumed. */
    void pauseReplica() throws SQLException {
        onReplica("select pg_wal_replay_pause()");
    }

    void resumeReplica() throws SQLException {
        onReplica("select pg_wal_replay_resume()");
    }

    private void onReplica(String statement) throws SQLException {
        try (Connection connection = cluster.replicas().getFirst().connect(SHARD_DATABASE);
                Statement sql = connection.createStatement()) {
            sql.execute(statement);
        }
    }

    /** Returns once the replica shows everything that is committed now. */
    public void awaitReplica() {
        String position = await(shard.primary
                .sql("select pg_current_wal_insert_lsn()::text")
                .mapValue(String.class)
                .one());
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> Boolean.TRUE.equals(shard.replica
                        .sql("select pg_last_wal_replay_lsn() >= :position::pg_lsn")
                        .bind("position", position)
                        .mapValue(Boolean.class)
                        .one()
                        .block(Duration.ofSeconds(5))));
    }

    @Override
    public int logicalShardOf(ContextId context) {
        return Math.floorMod(context.hashCode(), 64);
    }

    @Override
    public PhysicalShardId physicalShardOf(ContextId context) {
        return SHARD;
    }

    @Override
    public List<PhysicalShardId> physicalShards() {
        return List.of(SHARD);
    }

    @Override
    public List<ShardStatus> status() {
        return List.of(new ShardStatus(0, "main", SHARD_DATABASE, 64, 1, true, 0));
    }

    @Override
    public <T> Mono<T> write(ContextId context, Function<ShardTransaction, Mono<T>> work) {
        return shard.transaction.transactional(Mono.defer(() ->
                work.apply(new ShardTransaction(context, logicalShardOf(context), shard.primary, Runnable::run))));
    }

    @Override
    public <T> Flux<T> read(
            ContextId context, Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.defer(() -> work.apply(shard.client(freshness)));
    }

    @Override
    public <T> Mono<T> writeOn(PhysicalShardId physical, Function<DatabaseClient, Mono<T>> work) {
        return shard.transaction.transactional(Mono.defer(() -> work.apply(shard.primary)));
    }

    @Override
    public <T> Flux<T> readOn(
            PhysicalShardId physical,
            Collection<ContextId> courses,
            Freshness freshness,
            Function<DatabaseClient, ? extends Publisher<T>> work) {
        return readOn(physical, freshness, work);
    }

    @Override
    public <T> Flux<T> readOn(
            PhysicalShardId physical, Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.defer(() -> work.apply(shard.client(freshness)));
    }
}
