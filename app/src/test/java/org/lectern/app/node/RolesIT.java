package org.lectern.app.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.lectern.app.LecternApplication;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.amqp.rabbit.listener.AbstractMessageListenerContainer;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.util.ReflectionUtils;

/**
 * Starts every role alone and checks that only its beans, listeners and routes are there, and that docs/roles.md says
 * so. After a change of routes write that page anew with {@code -Ddocs=write}.
 */
class RolesIT {

    private static final Path DOCUMENT = Path.of("../docs/roles.md");
    private static final String ACTUATOR = "/actuator";

    private static final Map<NodeRole, ConfigurableApplicationContext> NODES = new EnumMap<>(NodeRole.class);

    @BeforeAll
    static void start() {
        for (NodeRole role : NodeRole.values()) {
            NODES.put(
                    role,
                    new SpringApplicationBuilder(LecternApplication.class)
                            .run(
                                    "--server.port=0",
                                    "--lectern.roles=" + role.key(),
                                    "--lectern.embedded.directory=target/lectern"));
        }
    }

    @AfterAll
    static void stop() {
        NODES.values().forEach(ConfigurableApplicationContext::close);
        NODES.clear();
    }

    @Test
    void noBeanOfAnotherRoleIsThere() {
        NODES.forEach((role, node) -> {
            for (String name : node.getBeanDefinitionNames()) {
                ConditionalOnRole condition = node.findAnnotationOnBean(name, ConditionalOnRole.class, false);
                if (condition != null) {
                    assertThat(condition.value())
                            .as("bean %s on a node of role %s", name, role.key())
                            .contains(role);
                }
            }
        });
    }

    @Test
    void webAnswersNoSocketAndChatNothingElse() {
        assertThat(routes(NodeRole.WEB)).contains("GET /", "POST /api/session", "GET /.well-known/jwks.json");
        assertThat(routes(NodeRole.WEB)).noneMatch(route -> route.contains("/ws/") || route.contains("/api/chat"));
        assertThat(routes(NodeRole.CHAT))
                .allMatch(route -> route.contains(" /api/chat/") || route.contains(" /ws/chat/"));
    }

    @Test
    void workersHaveNoRoutesButHealthAndMetrics() {
        assertThat(routes(NodeRole.VIDEO)).isEmpty();
        assertThat(routes(NodeRole.ANALYTICS)).isEmpty();
        NODES.values()
                .forEach(node -> assertThat(Routes.of(node))
                        .contains("GET /actuator/health", "GET /actuator/prometheus", "GET /actuator/info"));
    }

    @Test
    void jobsAreConsumedByTheirRolesOnly() {
        assertThat(listeners(NodeRole.WEB)).isEmpty();
        assertThat(listeners(NodeRole.CHAT)).isEmpty();
        assertThat(listeners(NodeRole.VIDEO)).isNotEmpty().noneMatch(queue -> queue.contains("analytics"));
        assertThat(listeners(NodeRole.ANALYTICS)).isNotEmpty().allMatch(queue -> queue.contains("analytics"));
    }

    @Test
    void documentSaysWhatTheNodesHave() throws IOException {
        String now = document();
        if ("write".equals(System.getProperty("docs"))) {
            Files.writeString(DOCUMENT, now);
        }
        assertThat(Files.readString(DOCUMENT))
                .as("docs/roles.md has drifted; write it anew with -Ddocs=write")
                .isEqualTo(now);
    }

    private static String document() {
        var text = new StringBuilder("""
                # Roles

                A node starts what its roles ask for (`lectern.roles`, all by default); `--list-roles` prints the first table.
                Every node answers `/actuator/health` (with `/liveness` and `/readiness`), `/actuator/info` and
                `/actuator/prometheus`. This page is made from running nodes (`RolesIT`); a test fails when it drifts.

                | role | starts |
                |---|---|
                """);
        for (NodeRole role : NodeRole.values()) {
            text.append("| `%s` | %s |%n".formatted(role.key(), role.duty()));
        }
        text.append("\n## Routes\n\n");
        table(text, "route", RolesIT::routes);
        text.append("\n## Listeners\n\nQueues of RabbitMQ that a node consumes.\n\n");
        table(text, "queue", RolesIT::listeners);
        return text.toString();
    }

    private static void table(StringBuilder text, String what, Function<NodeRole, Set<String>> have) {
        text.append("| ").append(what);
        Map<String, Set<NodeRole>> rows = new TreeMap<>();
        for (NodeRole role : NodeRole.values()) {
            text.append(" | ").append(role.key());
            have.apply(role)
                    .forEach(one ->
                            rows.computeIfAbsent(one, unused -> new TreeSet<>()).add(role));
        }
        text.append(" |\n|---").append("|:-:".repeat(NodeRole.values().length)).append("|\n");
        // By path first, so that the methods of one path stand together.
        rows.entrySet().stream()
                .sorted(Comparator.comparing((Map.Entry<String, Set<NodeRole>> row) ->
                                row.getKey().substring(row.getKey().indexOf(' ') + 1))
                        .thenComparing(Map.Entry::getKey))
                .forEach(row -> text.append("| `")
                        .append(row.getKey())
                        .append("` | ")
                        .append(Arrays.stream(NodeRole.values())
                                .map(role -> row.getValue().contains(role) ? "x" : "")
                                .collect(Collectors.joining(" | ")))
                        .append(" |\n"));
    }

    /** Routes but those of the actuator, which every node has. */
    private static Set<String> routes(NodeRole role) {
        return Routes.of(node(role)).stream()
                .filter(route -> !route.contains(" " + ACTUATOR))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** Queues that the node consumes; its consumers are made by the job engine and are no beans of their own. */
    private static Set<String> listeners(NodeRole role) {
        boolean consumes = role == NodeRole.VIDEO || role == NodeRole.ANALYTICS;
        if (consumes) {
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> !consumed(node(role)).isEmpty());
        }
        return consumed(node(role));
    }

    private static Set<String> consumed(ConfigurableApplicationContext node) {
        Set<String> queues = new TreeSet<>();
        List<Object> containers = new ArrayList<>(
                node.getBeansOfType(AbstractMessageListenerContainer.class).values());
        node.getBeansOfType(Object.class).values().stream()
                .filter(bean -> bean.getClass().getPackageName().startsWith("org.lectern."))
                .forEach(bean -> ReflectionUtils.doWithFields(
                        bean.getClass(),
                        field -> {
                            ReflectionUtils.makeAccessible(field);
                            Object held = ReflectionUtils.getField(field, bean);
                            if (held instanceof Map<?, ?> several) {
                                containers.addAll(several.values());
                            } else if (held != null) {
                                containers.add(held);
                            }
                        },
                        field -> AbstractMessageListenerContainer.class.isAssignableFrom(field.getType())
                                || Map.class.equals(field.getType())));
        for (Object container : containers) {
            if (container instanceof AbstractMessageListenerContainer consumer) {
                queues.addAll(Arrays.asList(consumer.getQueueNames()));
            }
        }
        return queues;
    }

    private static ConfigurableApplicationContext node(NodeRole role) {
        return Objects.requireNonNull(NODES.get(role));
    }
}
