package org.lectern.db.plane;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.HashMap;
import java.util.Map;
import org.lectern.db.directory.Directory;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.replica.LocalPositions;
import org.lectern.db.replica.PositionStore;
import org.lectern.db.replica.Servers;
import org.lectern.db.settings.DatabaseSettings;
import org.lectern.db.shard.Shards;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.MapPropertySource;

/** The beans of the data plane as one node has them. */
public final class TestNode implements AutoCloseable {

    private final AnnotationConfigApplicationContext context;

    private TestNode(AnnotationConfigApplicationContext context) {
        this.context = context;
    }

    /** A node whose databases are the cluster's, with further settings that win. */
    public static TestNode on(PostgresCluster cluster, Map<String, Object> further) {
        return on(cluster, further, new LocalPositions());
    }

    /** The same, with positions of sessions that other nodes may share. */
    public static TestNode on(PostgresCluster cluster, Map<String, Object> further, PositionStore positions) {
        return start(properties(cluster, further), positions);
    }

    /** The settings of such a node. */
    public static Map<String, Object> properties(PostgresCluster cluster, Map<String, Object> further) {
        Map<String, Object> properties = new HashMap<>();
        properties.put("lectern.db.username", cluster.username());
        properties.put("lectern.db.password", cluster.password());
        properties.put(
                "lectern.db.servers[0].primary",
                "127.0.0.1:" + cluster.primary().port());
        for (int number = 0; number < cluster.replicas().size(); number++) {
            properties.put(
                    "lectern.db.servers[0].replicas[" + number + "].address",
                    "127.0.0.1:" + cluster.replicas().get(number).port());
        }
        properties.putAll(further);
        return properties;
    }

    /** A node of the settings. */
    public static TestNode start(Map<String, Object> properties, PositionStore positions) {
        AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
        context.getEnvironment().getPropertySources().addFirst(new MapPropertySource("test", properties));
        context.register(Plane.class);
        context.registerBean("sharedPositions", PositionStore.class, () -> positions, bean -> bean.setPrimary(true));
        context.refresh();
        return new TestNode(context);
    }

    /** The sharded databases. */
    public Shards shards() {
        return bean(Shards.class);
    }

    /** The directory. */
    public Directory directory() {
        return bean(Directory.class);
    }

    /** The servers. */
    public Servers servers() {
        return bean(Servers.class);
    }

    /** Any bean. */
    public <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    @Override
    public void close() {
        context.close();
    }

    @Configuration(proxyBeanMethods = false)
    @ComponentScan("org.lectern.db")
    @EnableConfigurationProperties(DatabaseSettings.class)
    static class Plane {
        @Bean
        MeterRegistry meters() {
            return new SimpleMeterRegistry();
        }
    }
}
