package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.shard.Shards;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.context.ConfigurableApplicationContext;
import tools.jackson.databind.json.JsonMapper;

/**
 * What tests over real nodes share: PostgreSQL and Redis, nodes with the test's settings, a new room for each test, and
 * what a client needs to get into it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OnRealNodes {

    static final JsonMapper JSON = new JsonMapper();

    final HttpClient http = HttpClient.newHttpClient();
    ContextId room = new ContextId(UUID.randomUUID());

    private final int count;
    private final Map<String, String> settings;
    private final List<ConfigurableApplicationContext> nodes = new ArrayList<>();
    private @Nullable EmbeddedServices services;

    OnRealNodes(int count, Map<String, String> settings) {
        this.count = count;
        this.settings = Map.copyOf(settings);
    }

    @BeforeAll
    void startNodes(@TempDir Path directory) throws Exception {
        services = EmbeddedServices.start(new EmbeddedServices.Settings(
                directory, EnumSet.of(EmbeddedService.POSTGRESQL, EmbeddedService.REDIS), 0, BinaryCache.ofUser()));
        Map<String, Object> properties = new HashMap<>(services.properties());
        properties.putAll(settings);
        for (int i = 0; i < count; i++) {
            nodes.add(TestNode.start(properties));
        }
    }

    @AfterAll
    void stopNodes() {
        nodes.forEach(ConfigurableApplicationContext::close);
        if (services != null) {
            services.close();
        }
    }

    @BeforeEach
    void anotherRoom() {
        room = new ContextId(UUID.randomUUID());
    }

    EmbeddedServices services() {
        return Objects.requireNonNull(services);
    }

    ConfigurableApplicationContext first() {
        return nodes.getFirst();
    }

    ConfigurableApplicationContext second() {
        return nodes.get(1);
    }

    LaunchSession session(String name) {
        return session(name, CourseRole.STUDENT, Instant.now().plusSeconds(3600));
    }

    LaunchSession session(String name, CourseRole role, Instant expires) {
        LaunchSession session = new LaunchSession(
                UUID.randomUUID(), UUID.randomUUID(), name, room, "Course", Set.of(role), false, expires);
        TestNode.SESSIONS.put(session.id(), session);
        return session;
    }

    /** Opens a socket; {@code resume} is added to the ticket's address. */
    ChatClient connect(ConfigurableApplicationContext node, LaunchSession session, String resume) throws Exception {
        return ChatClient.open(URI.create(ticket(node, session) + resume));
    }

    URI ticket(ConfigurableApplicationContext node, LaunchSession session) throws Exception {
        HttpResponse<String> answer = askForTicket(node, session);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return URI.create(JSON.readTree(answer.body()).path("url").stringValue());
    }

    HttpResponse<String> askForTicket(ConfigurableApplicationContext node, LaunchSession session) throws Exception {
        return postTo(node, session, "/api/chat/rooms/" + session.context() + "/tickets", "");
    }

    HttpResponse<String> postTo(ConfigurableApplicationContext node, LaunchSession session, String path, String body)
            throws Exception {
        return http.send(
                to(node, session, path)
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    static HttpRequest.Builder to(ConfigurableApplicationContext node, LaunchSession session, String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + TestNode.port(node) + path))
                .header(TestNode.SESSION, session.id().toString());
    }

    /** Seats of the room that are taken, on whatever node. */
    long seats() {
        Long sum = first().getBean(Shards.class)
                .write(
                        room,
                        transaction -> transaction
                                .sql()
                                .sql("select coalesce(sum(sockets), 0)::bigint as taken from chat_seat"
                                        + " where context_id = :context")
                                .bind("context", room.value())
                                .mapValue(Long.class)
                                .one())
                .block(Duration.ofSeconds(10));
        return sum == null ? -1 : sum;
    }
}
