package org.lectern.infra.embedded;

import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.EmbeddedServiceException;
import org.lectern.db.embedded.FreePort;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.Ordered;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertySource;

/**
 * Starts the private servers when the environment is complete and before any bean is defined, and publishes their
 * addresses as configuration. An initializer rather than an environment post-processor, because logging works by now.
 *
 * <p>All contexts of a JVM with the same folder share its servers, which are stopped when the JVM ends, after the
 * contexts are closed.
 */
final class EmbeddedServicesInitializer
        implements ApplicationContextInitializer<ConfigurableApplicationContext>, Ordered {

    static final String PROPERTY_SOURCE = EmbeddedMode.PROPERTY_SOURCE;

    /** The port that the node would have had; present only when it was taken. For the banner. */
    static final String PORT_MOVED = "lectern.embedded.moved-from-port";

    private static final Logger log = LoggerFactory.getLogger(EmbeddedServicesInitializer.class);
    private static final int DEFAULT_PORT = 8080;

    /** By absolute folder; guarded by itself. */
    private static final Map<Path, SharedServices> running = new HashMap<>();

    private static boolean stopsAtExit;

    @Override
    public int getOrder() {
        return LOWEST_PRECEDENCE;
    }

    @Override
    public void initialize(ConfigurableApplicationContext context) {
        ConfigurableEnvironment environment = context.getEnvironment();
        Binder binder = Binder.get(environment);
        EmbeddedSettings settings = binder.bindOrCreate("lectern.embedded", EmbeddedSettings.class);
        boolean generatingCode = Boolean.getBoolean("spring.aot.processing");
        if (!settings.enabled() || generatingCode || context.getParent() != null) {
            return;
        }
        if (settings.stopWithParent()) {
            stopWithParent();
        }
        Set<EmbeddedService> needed = notConfigured(binder);
        Map<String, Object> published = new LinkedHashMap<>();
        if (!needed.isEmpty()) {
            SharedServices services = services(settings, needed);
            published.putAll(propertiesOf(services, needed));
            context.getBeanFactory().registerSingleton(SharedServices.class.getName(), services);
            // For fault tests and for actuators that add replicas; only the node that owns the servers has it.
            services.owned()
                    .ifPresent(owned ->
                            context.getBeanFactory().registerSingleton(EmbeddedServices.class.getName(), owned));
        }
        chosenPort(environment).ifPresent(port -> {
            published.put(PORT_MOVED, environment.getProperty("server.port", Integer.toString(DEFAULT_PORT)));
            published.put("server.port", Integer.toString(port));
        });
        if (!published.isEmpty()) {
            environment.getPropertySources().addFirst(new MapPropertySource(PROPERTY_SOURCE, published));
        }
    }

    private static Set<EmbeddedService> notConfigured(Binder binder) {
        Set<EmbeddedService> needed = EnumSet.allOf(EmbeddedService.class);
        configured(binder, needed, EmbeddedService.POSTGRESQL, "PostgreSQL", "lectern.db.servers[0].primary");
        configured(binder, needed, EmbeddedService.REDIS, "Redis", "lectern.redis.address");
        configured(binder, needed, EmbeddedService.RABBITMQ, "RabbitMQ", "spring.rabbitmq.host");
        configured(binder, needed, EmbeddedService.RABBITMQ, "RabbitMQ", "spring.rabbitmq.addresses");
        return needed;
    }

    private static void configured(
            Binder binder, Set<EmbeddedService> needed, EmbeddedService service, String label, String property) {
        if (binder.bind(property, String.class).isBound() && needed.remove(service)) {
            log.info("{}: as configured by {}", label, property);
        }
    }

    private static SharedServices services(EmbeddedSettings settings, Set<EmbeddedService> needed) {
        Path directory = settings.directory().toAbsolutePath().normalize();
        @Nullable Path cache = settings.cache();
        synchronized (running) {
            @Nullable SharedServices present = running.get(directory);
            if (present != null) {
                return present;
            }
            try {
                SharedServices started = SharedServices.startOrJoin(new EmbeddedServices.Settings(
                        directory,
                        needed,
                        settings.replicas(),
                        cache == null ? BinaryCache.ofUser() : new BinaryCache(cache)));
                running.put(directory, started);
                if (!stopsAtExit) {
                    SpringApplication.getShutdownHandlers().add(EmbeddedServicesInitializer::stopAll);
                    stopsAtExit = true;
                }
                return started;
            } catch (IOException e) {
                throw new EmbeddedServiceException(
                        "The private servers in " + directory + " could not be started: " + e.getMessage(),
                        "See the logs in " + directory.resolve("logs")
                                + ", or configure the addresses of servers that run.",
                        e);
            }
        }
    }

    private static Map<String, String> propertiesOf(SharedServices services, Set<EmbeddedService> needed) {
        Map<String, String> chosen = new LinkedHashMap<>();
        for (EmbeddedService service : needed) {
            String prefix = switch (service) {
                case POSTGRESQL -> "lectern.db.";
                case REDIS -> "lectern.redis.";
                case RABBITMQ -> "spring.rabbitmq.";
            };
            int before = chosen.size();
            services.properties().forEach((name, value) -> {
                if (name.startsWith(prefix)) {
                    chosen.put(name, value);
                }
            });
            if (chosen.size() == before) {
                throw new EmbeddedServiceException(
                        "The node that runs in " + services.directory() + " has no private " + service + " to share.",
                        "Give this node the same configuration as that one, or another lectern.embedded.directory.");
            }
        }
        return chosen;
    }

    /** Another port than 8080 if nobody asked for 8080 and it is taken, by another node as a rule. */
    private static OptionalInt chosenPort(ConfigurableEnvironment environment) {
        boolean asked = environment.getPropertySources().stream()
                .filter(source -> !isDefault(source))
                .anyMatch(source -> source.containsProperty("server.port") || source.containsProperty("SERVER_PORT"));
        int port = environment.getProperty("server.port", Integer.class, DEFAULT_PORT);
        if (asked || port == 0 || FreePort.isFree(port)) {
            return OptionalInt.empty();
        }
        try {
            return OptionalInt.of(FreePort.any());
        } catch (IOException e) {
            log.debug("looking for a free port", e);
            return OptionalInt.empty();
        }
    }

    /** The settings that Lectern itself ships. */
    private static boolean isDefault(PropertySource<?> source) {
        return source.getName().contains("class path resource [application.y")
                || source.getName().equals("configurationProperties");
    }

    private static void stopWithParent() {
        ProcessHandle.current()
                .parent()
                .ifPresent(parent -> Thread.ofPlatform()
                        .daemon()
                        .name("lectern-parent-watch")
                        .start(() -> {
                            parent.onExit().join();
                            log.info("The process that started this node is gone; stopping");
                            System.exit(0);
                        }));
    }

    private static void stopAll() {
        synchronized (running) {
            running.forEach((directory, services) -> {
                try {
                    services.close();
                } catch (IOException e) {
                    log.warn("stopping the private servers in {}", directory, e);
                }
            });
            running.clear();
        }
    }
}
