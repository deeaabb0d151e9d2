package org.lectern.infra.jobs;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.settings.DatabaseSettings;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.NodeRoles;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/** The job engine of one node over real servers; several may run in one JVM. */
final class JobNode implements AutoCloseable {

    static final Duration PATIENCE = Duration.ofSeconds(60);

    private final AnnotationConfigApplicationContext context;

    private JobNode(AnnotationConfigApplicationContext context) {
        this.context = context;
    }

    /** Starts a node; what is in further wins over the servers' properties. */
    static JobNode start(
            Map<String, String> servers,
            Map<String, Object> further,
            Clock clock,
            List<? extends JobHandler> handlers,
            JobOwner... owners) {
        Map<String, Object> properties = new HashMap<>(servers);
        properties.putAll(further);
        var context = new AnnotationConfigApplicationContext();
        context.getEnvironment().getPropertySources().addFirst(new MapPropertySource("test", properties));
        context.registerBean(Clock.class, () -> clock);
        for (JobHandler handler : handlers) {
            context.registerBean(handler.kind(), JobHandler.class, () -> handler);
        }
        for (int i = 0; i < owners.length; i++) {
            JobOwner owner = owners[i];
            context.registerBean("owner" + i, JobOwner.class, () -> owner);
        }
        context.register(Beans.class);
        context.refresh();
        return new JobNode(context);
    }

    @Configuration(proxyBeanMethods = false)
    @ComponentScan({"org.lectern.db", "org.lectern.infra.telemetry"})
    @EnableConfigurationProperties({DatabaseSettings.class, JobSettings.class, NodeRoles.class})
    @Import(JobsConfiguration.class)
    static class Beans {

        @Bean
        MeterRegistry meters() {
            return new SimpleMeterRegistry();
        }

        @Bean
        IdGenerator ids() {
            return com.github.f4b6a3.uuid.UuidCreator::getTimeOrderedEpochPlus1;
        }

        @Bean
        JsonMapper json() {
            return JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .build();
        }

        @Bean(destroyMethod = "destroy")
        CachingConnectionFactory connections(Environment environment) {
            var factory = new CachingConnectionFactory(
                    environment.getRequiredProperty("spring.rabbitmq.host"),
                    environment.getRequiredProperty("spring.rabbitmq.port", Integer.class));
            factory.setUsername(environment.getRequiredProperty("spring.rabbitmq.username"));
            factory.setPassword(environment.getRequiredProperty("spring.rabbitmq.password"));
            return factory;
        }
    }

    <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    Jobs jobs() {
        return bean(Jobs.class);
    }

    Shards shards() {
        return bean(Shards.class);
    }

    static <T> T await(Mono<T> value) {
        return value.blockOptional(Duration.ofSeconds(30)).orElseThrow();
    }

    ContextId newCourse() {
        return new ContextId(bean(IdGenerator.class).generateId());
    }

    /** Asks for a video job and returns its id. */
    UUID submit(ContextId course, String kind, Lane lane, int score) {
        return submit(course, kind, lane, score, null);
    }

    /** The same for later. */
    UUID submit(ContextId course, String kind, Lane lane, int score, @Nullable Instant runAt) {
        UUID id = bean(IdGenerator.class).generateId();
        submit(course, id, kind, lane, score, runAt);
        return id;
    }

    /** The same with an id of the caller's. */
    void submit(ContextId course, UUID id, String kind, Lane lane, int score) {
        submit(course, id, kind, lane, score, null);
    }

    private void submit(ContextId course, UUID id, String kind, Lane lane, int score, @Nullable Instant runAt) {
        await(shards().write(
                        course,
                        transaction -> jobs().submit(transaction, request(id, kind, lane, score, runAt))
                                .thenReturn(true)));
    }

    static JobRequest request(UUID id, String kind, Lane lane, int score) {
        return request(id, kind, lane, score, null);
    }

    private static JobRequest request(UUID id, String kind, Lane lane, int score, @Nullable Instant runAt) {
        return new JobRequest(id, JobType.VIDEO, kind, lane, score, JsonNodeFactory.instance.objectNode(), runAt);
    }

    Job find(ContextId course, UUID id) {
        return await(jobs().find(course, id));
    }

    @Override
    public void close() {
        context.close();
    }

    /** A clock that goes on by itself and can be moved forward. */
    static final class MovableClock extends Clock {
        private final AtomicReference<Duration> offset = new AtomicReference<>(Duration.ZERO);

        void advance(Duration by) {
            offset.updateAndGet(before -> before.plus(by));
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return Clock.systemUTC().instant().plus(offset.get());
        }
    }

    /** What a scripted job does. */
    @FunctionalInterface
    interface Script {
        JobHandler.Effect run(JobRun run) throws Exception;
    }

    /** A handler from a lambda. */
    record Scripted(String kind, Script script) implements JobHandler {
        @Override
        public Effect run(JobRun run) throws Exception {
            return script.run(run);
        }
    }
}
