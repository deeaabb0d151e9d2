package org.lectern.infra.embedded;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.EmbeddedServiceException;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.embedded.PostgresServer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The private servers of one folder, started side by side. Usable without Spring, as fault tests do: take a folder of
 * your own, start, and kill or pause the servers by their handles. The caller must be the only user of the folder;
 * {@link SharedServices} adds the lock and the sharing between JVMs. Thread-safe.
 */
public final class EmbeddedServices implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(EmbeddedServices.class);

    private final @Nullable PostgresCluster postgres;
    private final @Nullable RedisServer redis;
    private final @Nullable RabbitServer rabbit;

    private EmbeddedServices(
            @Nullable PostgresCluster postgres, @Nullable RedisServer redis, @Nullable RabbitServer rabbit) {
        this.postgres = postgres;
        this.redis = redis;
        this.rabbit = rabbit;
    }

    /**
     * What to start.
     *
     * @param directory holds data, logs and records of running children
     * @param services which of them
     * @param replicas of PostgreSQL
     * @param cache where binaries of the class path are unpacked
     */
    public record Settings(Path directory, Set<EmbeddedService> services, int replicas, BinaryCache cache) {

        /** Makes the folder absolute. */
        public Settings {
            directory = directory.toAbsolutePath().normalize();
            services = Set.copyOf(services);
        }

        /** All services, one replica, the user's cache. */
        public static Settings in(Path directory) {
            return new Settings(directory, EnumSet.allOf(EmbeddedService.class), 1, BinaryCache.ofUser());
        }

        /** The same with these services only. */
        public Settings only(EmbeddedService first, EmbeddedService... more) {
            return new Settings(directory, EnumSet.of(first, more), replicas, cache);
        }
    }

    /**
     * Starts what is asked for and returns when all of it serves; if one cannot be started the others are stopped again.
     *
     * @throws EmbeddedServiceException if a server cannot be started here, with what to do
     */
    public static EmbeddedServices start(Settings settings) throws IOException {
        List<AutoCloseable> started = Collections.synchronizedList(new ArrayList<>());
        // Platform threads: out of a packaged jar this is the first use of many classes, and virtual threads that load
        // classes hold their carriers; on two cores they would wait for each other for ever.
        try (ExecutorService threads = Executors.newThreadPerTaskExecutor(
                Thread.ofPlatform().name("embedded-start-", 0).factory())) {
            Future<@Nullable RabbitServer> rabbit = threads.submit(unless(
                    !settings.services().contains(EmbeddedService.RABBITMQ), () -> startRabbit(settings, started)));
            Future<@Nullable PostgresCluster> postgres = threads.submit(unless(
                    !settings.services().contains(EmbeddedService.POSTGRESQL), () -> startPostgres(settings, started)));
            Future<@Nullable RedisServer> redis = threads.submit(
                    unless(!settings.services().contains(EmbeddedService.REDIS), () -> startRedis(settings, started)));
            return new EmbeddedServices(result(postgres), result(redis), result(rabbit));
        } catch (IOException | RuntimeException e) {
            // The executor's close has waited for all three, so nothing is added any more.
            started.forEach(EmbeddedServices::closeQuietly);
            throw e;
        }
    }

    /** PostgreSQL, if it was asked for. */
    public Optional<PostgresCluster> postgres() {
        return Optional.ofNullable(postgres);
    }

    /** Redis, if it was asked for. */
    public Optional<RedisServer> redis() {
        return Optional.ofNullable(redis);
    }

    /** RabbitMQ, if it was asked for. */
    public Optional<RabbitServer> rabbit() {
        return Optional.ofNullable(rabbit);
    }

    /** The configuration by which the rest of Lectern finds the servers. */
    public Map<String, String> properties() {
        Map<String, String> properties = new LinkedHashMap<>();
        if (postgres != null) {
            properties.put("lectern.db.servers[0].name", "main");
            properties.put("lectern.db.servers[0].primary", postgres.primary().address());
            List<PostgresServer> replicas = postgres.replicas();
            for (int index = 0; index < replicas.size(); index++) {
                properties.put(
                        "lectern.db.servers[0].replicas[" + index + "].address",
                        replicas.get(index).address());
            }
            properties.put("lectern.db.username", postgres.username());
            properties.put("lectern.db.password", postgres.password());
        }
        if (redis != null) {
            properties.put("lectern.redis.address", redis.uri());
        }
        if (rabbit != null) {
            properties.put("spring.rabbitmq.host", "127.0.0.1");
            properties.put("spring.rabbitmq.port", Integer.toString(rabbit.port()));
            properties.put("spring.rabbitmq.username", RabbitServer.USERNAME);
            properties.put("spring.rabbitmq.password", rabbit.password());
        }
        return properties;
    }

    /** Stops everything, side by side, and returns when no process is left; the data stays. */
    @Override
    public void close() {
        List<AutoCloseable> running = new ArrayList<>();
        for (@Nullable AutoCloseable service : new @Nullable AutoCloseable[] {rabbit, redis, postgres}) {
            if (service != null) {
                running.add(service);
            }
        }
        List<Thread> threads = running.stream()
                .map(service -> Thread.ofVirtual().start(() -> closeQuietly(service)))
                .toList();
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                log.warn("Interrupted while stopping the private servers; their watchdogs end them", e);
                return;
            }
        }
    }

    private static PostgresCluster startPostgres(Settings settings, List<AutoCloseable> started) throws IOException {
        long begin = System.nanoTime();
        PostgresCluster cluster = PostgresCluster.start(PostgresCluster.Settings.in(settings.directory())
                .withReplicas(settings.replicas())
                .withCache(settings.cache()));
        started.add(cluster);
        log.info(
                "PostgreSQL: private server from the class path, primary {}, replicas {} ({} ms)",
                cluster.primary().address(),
                cluster.replicas().stream().map(PostgresServer::address).toList(),
                millisSince(begin));
        return cluster;
    }

    private static RedisServer startRedis(Settings settings, List<AutoCloseable> started) throws IOException {
        long begin = System.nanoTime();
        Path binary = RedisServer.locate(settings.cache());
        RedisServer server = new RedisServer(settings.directory(), binary);
        started.add(server);
        server.start();
        log.info("Redis: private child of {} at {} ({} ms)", binary, server.address(), millisSince(begin));
        return server;
    }

    private static RabbitServer startRabbit(Settings settings, List<AutoCloseable> started) throws IOException {
        long begin = System.nanoTime();
        RabbitServer server = RabbitServer.installed(settings.directory());
        started.add(server);
        server.start();
        log.info("RabbitMQ: private node of this machine's broker at {} ({} ms)", server.address(), millisSince(begin));
        return server;
    }

    private static <T> Callable<@Nullable T> unless(boolean skipped, Callable<T> start) {
        return () -> skipped ? null : start.call();
    }

    private static <T> @Nullable T result(Future<@Nullable T> future) throws IOException {
        try {
            return future.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof EmbeddedServiceException embedded) {
                throw embedded;
            }
            throw new IOException(String.valueOf(e.getCause()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while starting the private servers", e);
        }
    }

    private static void closeQuietly(AutoCloseable service) {
        try {
            service.close();
        } catch (Exception e) {
            log.warn("stopping {}", service, e);
        }
    }

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }
}
