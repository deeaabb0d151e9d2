package org.lectern.app.containers;

import java.util.HashMap;
import java.util.Map;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.Ordered;
import org.springframework.core.env.MapPropertySource;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.lifecycle.Startables;
import org.testcontainers.postgresql.PostgreSQLContainer;
import org.testcontainers.rabbitmq.RabbitMQContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * With {@code -Dlectern.services=testcontainers} the tests of whole nodes run on PostgreSQL, Redis and RabbitMQ in
 * containers, as a production node meets them: by address, without a replica. All contexts of a JVM share one set, which
 * ends with the JVM. Tests that start, join or kill servers of their own go on doing so: those servers are what they are
 * about.
 */
public final class ContainerServices implements ApplicationContextInitializer<ConfigurableApplicationContext>, Ordered {

    private static final int REDIS_PORT = 6379;

    /** Before the embedded services look for what is configured. */
    @Override
    public int getOrder() {
        return HIGHEST_PRECEDENCE;
    }

    @Override
    public void initialize(ConfigurableApplicationContext context) {
        if ("testcontainers".equals(context.getEnvironment().getProperty("lectern.services"))
                && context.getParent() == null) {
            // Under the name of the embedded services' own source: these are private to the tests as well, so the demo
            // platform may be offered.
            context.getEnvironment()
                    .getPropertySources()
                    .addFirst(new MapPropertySource("lecternEmbeddedServices", Running.ADDRESSES));
        }
    }

    private static final class Running {

        static final Map<String, Object> ADDRESSES = start();

        private Running() {}

        // The containers live as long as the JVM; Testcontainers' own shutdown hook ends them.
        @SuppressWarnings("resource")
        private static Map<String, Object> start() {
            var postgres = new PostgreSQLContainer(DockerImageName.parse("postgres:18"))
                    .withUsername("lectern")
                    .withInitScript("containers/databases.sql")
                    .withCommand("postgres", "-c", "max_connections=300");
            var redis = new GenericContainer<>(DockerImageName.parse("redis:7")).withExposedPorts(REDIS_PORT);
            var rabbit = new RabbitMQContainer(DockerImageName.parse("rabbitmq:4"));
            Startables.deepStart(postgres, redis, rabbit).join();
            Map<String, Object> addresses = new HashMap<>();
            addresses.put("lectern.db.servers[0].name", "main");
            addresses.put(
                    "lectern.db.servers[0].primary",
                    postgres.getHost() + ":" + postgres.getMappedPort(PostgreSQLContainer.POSTGRESQL_PORT));
            addresses.put("lectern.db.username", postgres.getUsername());
            addresses.put("lectern.db.password", postgres.getPassword());
            addresses.put(
                    "lectern.redis.address", "redis://" + redis.getHost() + ":" + redis.getMappedPort(REDIS_PORT));
            addresses.put("spring.rabbitmq.host", rabbit.getHost());
            addresses.put("spring.rabbitmq.port", rabbit.getAmqpPort());
            addresses.put("spring.rabbitmq.username", rabbit.getAdminUsername());
            addresses.put("spring.rabbitmq.password", rabbit.getAdminPassword());
            return addresses;
        }
    }
}
