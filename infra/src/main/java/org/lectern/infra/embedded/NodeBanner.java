package org.lectern.infra.embedded;

import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.roles.NodeRoles;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.stereotype.Component;

/** Says when the node is ready: what runs where, which roles, and the address to open. */
@Component
class NodeBanner {

    private static final Logger log = LoggerFactory.getLogger("org.lectern.Lectern");

    private final NodeRoles roles;
    private final ObjectProvider<SharedServices> services;

    NodeBanner(NodeRoles roles, ObjectProvider<SharedServices> services) {
        this.roles = roles;
        this.services = services;
    }

    @EventListener
    @Order(Ordered.LOWEST_PRECEDENCE)
    void onReady(ApplicationReadyEvent event) {
        Environment environment = event.getApplicationContext().getEnvironment();
        String taken = event.getTimeTaken() == null
                ? ""
                : String.format(Locale.ROOT, " in %.1f s", event.getTimeTaken().toMillis() / 1000.0);
        log.info("\n{}", text(environment, taken));
    }

    String text(Environment environment, String taken) {
        String names = roles.roles().stream().sorted().map(NodeRole::key).collect(Collectors.joining(", "));
        Optional<SharedServices> shared = Optional.ofNullable(services.getIfAvailable());
        String address = Optional.ofNullable(environment.getProperty("local.server.port"))
                .map(port -> "http://localhost:" + port + "/")
                .orElse("no address (this node serves no HTTP)");
        StringBuilder text = new StringBuilder();
        line(text, "Lectern is ready" + taken + ", roles " + names);
        line(
                text,
                "PostgreSQL " + environment.getProperty("lectern.db.servers[0].primary", "none") + replica(environment)
                        + "   Redis " + environment.getProperty("lectern.redis.address", "none")
                        + "   RabbitMQ " + rabbit(environment));
        shared.ifPresent(folder -> line(
                text,
                folder.joined()
                        ? "Joined the node that already runs in " + folder.directory() + " and shares its servers"
                        : "Private servers; data and logs in " + folder.directory()));
        shared.filter(folder -> environment.getProperty(EmbeddedServicesInitializer.PORT_MOVED) != null)
                .ifPresent(folder -> line(
                        text,
                        "Port " + environment.getProperty(EmbeddedServicesInitializer.PORT_MOVED)
                                + " is taken, so this node has its own"));
        line(text, "Open " + address + "   Ctrl-C stops everything");
        return text.toString();
    }

    private static String replica(Environment environment) {
        String replica = environment.getProperty("lectern.db.servers[0].replicas[0].address");
        return replica == null ? "" : " (replica " + replica + ")";
    }

    private static String rabbit(Environment environment) {
        String addresses = environment.getProperty("spring.rabbitmq.addresses");
        return addresses != null
                ? addresses.replaceAll("[^/,@]*@", "")
                : environment.getProperty("spring.rabbitmq.host", "none") + ":"
                        + environment.getProperty("spring.rabbitmq.port", "5672");
    }

    private static void line(StringBuilder text, String content) {
        text.append("    ").append(content).append('\n');
    }
}
