package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.chat.log.RoomLog;
import org.lectern.db.ContextId;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.shard.Shards;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.context.ConfigurableApplicationContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One node with small limits, and each of them met over a real socket: growth, full rooms, rates, idling, malformed frames. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RoomLimitsIT {

    private static final JsonMapper JSON = new JsonMapper();
    private static final int ROOMS = Integer.getInteger("lectern.burst.rooms", 2_000);

    private final HttpClient http = HttpClient.newHttpClient();
    private @Nullable EmbeddedServices services;
    private @Nullable ConfigurableApplicationContext node;
    private ContextId room = new ContextId(UUID.randomUUID());

    @BeforeAll
    void start(@TempDir Path directory) throws Exception {
        services = EmbeddedServices.start(new EmbeddedServices.Settings(
                directory, EnumSet.of(EmbeddedService.POSTGRESQL, EmbeddedService.REDIS), 0, BinaryCache.ofUser()));
        Map<String, Object> properties = new HashMap<>(services.properties());
        properties.put("lectern.chat.shard-seats", "3");
        properties.put("lectern.chat.shard-grow-at", "2");
        properties.put("lectern.chat.shard-ceiling", "2");
        properties.put("lectern.chat.per-person-rate", "1");
        properties.put("lectern.chat.per-person-burst", "8");
        properties.put("lectern.chat.per-person-sockets", "2");
        properties.put("lectern.chat.per-room-rate", "6");
        properties.put("lectern.chat.ping-interval", "200ms");
        properties.put("lectern.chat.idle-timeout", "1500ms");
        node = TestNode.start(properties);
    }

    @AfterAll
    void stop() {
        if (node != null) {
            node.close();
        }
        if (services != null) {
            services.close();
        }
    }

    @BeforeEach
    void anotherRoom() {
        room = new ContextId(UUID.randomUUID());
    }

    @Test
    void aRoomGrowsTurnsAwayWhenFullAndTakesAgainWhenSomebodyLeft() throws Exception {
        List<ChatClient> people = new ArrayList<>();
        List<Integer> shards = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            ChatClient client = ChatClient.open(ticket(session("person " + i)));
            shards.add(client.awaitType("welcome").path("shard").intValue());
            people.add(client);
        }
        // Two shards of three; the second came when the first had passed two.
        assertThat(shards.subList(0, 3)).containsOnly(0);
        assertThat(shards.stream().filter(shard -> shard == 1)).hasSize(3);
        HttpResponse<String> full = askForTicket(session("late"));
        assertThat(full.statusCode()).isEqualTo(503);
        assertThat(full.headers().firstValue(TestNode.PROBLEM)).contains("room-full");
        assertThat(people).allMatch(ChatClient::isOpen);
        people.removeFirst().close();
        await().atMost(Duration.ofSeconds(20))
                .until(() -> askForTicket(session("later")).statusCode() == 200);
        people.forEach(ChatClient::close);
    }

    @Test
    void theControlPlaneSetsShardsWithinTheLimitsAndNobodyHasToMove() throws Exception {
        ChatClient ada = ChatClient.open(ticket(session("Ada")));
        ada.awaitType("welcome");
        RoomShards actuator = node().getBean(RoomShards.class);
        assertThat(actuator.scale(room.toString(), 2).block(Duration.ofSeconds(10)))
                .isEqualTo(2);
        assertThat(shards()).isEqualTo(2);
        // Somebody whom the order of shards leads to the second one.
        ChatClient second = null;
        while (second == null) {
            ChatClient client = ChatClient.open(ticket(session("somebody")));
            if (client.awaitType("welcome").path("shard").intValue() == 1) {
                second = client;
            } else {
                client.close();
                await().atMost(Duration.ofSeconds(10)).until(() -> seats() == 1);
            }
        }
        assertThat(actuator.scale(room.toString(), 1).block(Duration.ofSeconds(10)))
                .isEqualTo(1);
        assertThat(shards()).isEqualTo(1);
        assertThat(second.isOpen()).isTrue();
        for (int i = 0; i < 2; i++) {
            ChatClient client = ChatClient.open(ticket(session("after")));
            assertThat(client.awaitType("welcome").path("shard").intValue()).isZero();
            client.close();
        }
        second.say("m", "still here");
        ada.awaitMessages(1);
        assertThat(actuator.scale(room.toString(), 99).block(Duration.ofSeconds(10)))
                .as("never past the ceiling")
                .isEqualTo(2);
        assertThatThrownBy(() -> actuator.scale(UUID.randomUUID().toString(), 2).block(Duration.ofSeconds(10)))
                .isInstanceOf(IllegalArgumentException.class);
        ada.close();
        second.close();
    }

    @Test
    void aBurstOfNewRoomsLosesNone() throws Exception {
        List<ContextId> rooms = new ArrayList<>();
        List<CompletableFuture<Integer>> answers = new ArrayList<>();
        Semaphore atOnce = new Semaphore(200);
        for (int i = 0; i < ROOMS; i++) {
            room = new ContextId(UUID.randomUUID());
            rooms.add(room);
            LaunchSession session = session("Ada");
            atOnce.acquire();
            answers.add(taken(message(session, "first", "in a new room"), 20)
                    .whenComplete((unused, e) -> atOnce.release()));
        }
        for (CompletableFuture<Integer> answer : answers) {
            assertThat(answer.get()).isEqualTo(200);
        }
        assertThat(node().getBean(RoomLog.class).heads(rooms).block(Duration.ofSeconds(60)))
                .hasSize(ROOMS)
                .allSatisfy((id, head) -> assertThat(head.seq()).isEqualTo(1));
    }

    /** As a bot does it: what is answered "try later" is tried again, under the same id. */
    private CompletableFuture<Integer> taken(HttpRequest message, int tries) {
        return http.sendAsync(message, HttpResponse.BodyHandlers.discarding())
                .thenCompose(answer -> answer.statusCode() == 503 && tries > 1
                        ? taken(message, tries - 1)
                        : CompletableFuture.completedFuture(answer.statusCode()));
    }

    @Test
    void whoSaysTooMuchIsToldAndWhoGoesOnIsClosed() throws Exception {
        try (RawClient ada = RawClient.open(ticket(session("Ada")), 65_536)) {
            assertThat(ada.answer()).contains("101");
            for (int i = 0; i < 400; i++) {
                ada.send("{\"type\":\"send\",\"id\":\"m" + i + "\",\"text\":\"again\"}");
            }
            List<String> codes = new ArrayList<>();
            int acks = 0;
            RawClient.Received frame = ada.read();
            while (frame.opcode() != RawClient.CLOSE) {
                if (frame.opcode() == RawClient.TEXT) {
                    JsonNode json = JSON.readTree(frame.text());
                    switch (json.path("type").stringValue()) {
                        case "error" -> codes.add(json.path("code").stringValue());
                        case "ack" -> acks++;
                        default -> {
                            // messages, presence
                        }
                    }
                }
                frame = ada.read();
            }
            assertThat(codes).isNotEmpty().containsOnly("rate_limited");
            // Those that were taken; the socket may end before all of them are committed.
            assertThat(acks).isLessThanOrEqualTo(20);
            assertThat(((frame.payload()[0] & 0xff) << 8) | (frame.payload()[1] & 0xff))
                    .isEqualTo(4029);
        }
    }

    @Test
    void aRoomHasALimitOfItsOwn() throws Exception {
        int refused = 0;
        int taken = 0;
        for (int i = 0; i < 24; i++) {
            // Each by somebody else, so that nobody meets a limit of their own.
            switch (http.send(message(session("p" + i), "m", "hello"), HttpResponse.BodyHandlers.discarding())
                    .statusCode()) {
                case 200 -> taken++;
                case 429 -> refused++;
                default -> throw new AssertionError("neither taken nor refused");
            }
        }
        assertThat(taken).isGreaterThanOrEqualTo(12);
        // The first come within the burst of twice the rate; a busy machine may let more pass as time goes by.
        assertThat(taken + refused).isEqualTo(24);
    }

    @Test
    void aPersonHasSoManySocketsAndNotOneMore() throws Exception {
        LaunchSession ada = session("Ada");
        ChatClient first = ChatClient.open(ticket(ada));
        ChatClient second = ChatClient.open(ticket(ada));
        first.awaitType("welcome");
        second.awaitType("welcome");
        try (RawClient third = RawClient.open(ticket(ada), 65_536)) {
            assertThat(third.answer()).contains("429");
        }
        first.close();
        await().atMost(Duration.ofSeconds(10)).until(() -> {
            HttpResponse<String> answer = askForTicket(ada);
            if (answer.statusCode() != 200) {
                return false;
            }
            ChatClient again = ChatClient.open(
                    URI.create(JSON.readTree(answer.body()).path("url").stringValue()));
            boolean open = again.isOpen();
            again.close();
            return open;
        });
        second.close();
    }

    @Test
    void aClientThatSaysNothingIsPingedAndThenClosedAndOneThatAnswersStays() throws Exception {
        ChatClient answering = ChatClient.open(ticket(session("Grace")));
        answering.awaitType("welcome");
        try (RawClient silent = RawClient.open(ticket(session("Ada")), 65_536)) {
            assertThat(silent.answer()).contains("101");
            int pings = 0;
            RawClient.Received frame = silent.read();
            while (frame.opcode() != RawClient.CLOSE) {
                pings += frame.opcode() == RawClient.PING ? 1 : 0;
                frame = silent.read();
            }
            assertThat(pings).isPositive();
            assertThat(((frame.payload()[0] & 0xff) << 8) | (frame.payload()[1] & 0xff))
                    .isEqualTo(4000);
        }
        // It came before the other one, and answers pings by itself.
        assertThat(answering.isOpen()).isTrue();
        answering.close();
    }

    @Test
    void whatIsNoFrameOfTheProtocolIsAnsweredAndManyOfThemEndTheSocket() throws Exception {
        try (RawClient odd = RawClient.open(ticket(session("Ada")), 65_536)) {
            assertThat(odd.answer()).contains("101");
            List<String> frames = List.of(
                    "",
                    "null",
                    "[]",
                    "{}",
                    "{\"type\":7}",
                    "{\"type\":\"send\"}",
                    "\u0000",
                    "{\"type\":\"send\"",
                    "[[[[");
            for (String frame : frames) {
                odd.send(frame);
            }
            odd.send(true, RawClient.BINARY, new byte[] {1, 2, 3});
            // In pieces is fine, as long as the whole is.
            odd.send(false, RawClient.TEXT, "{\"type\":\"send\",\"id\":\"pi".getBytes(StandardCharsets.UTF_8));
            odd.send(true, 0, "ece\",\"text\":\"whole\"}".getBytes(StandardCharsets.UTF_8));
            int errors = 0;
            boolean acknowledged = false;
            while (errors < frames.size() + 1 || !acknowledged) {
                RawClient.Received received = odd.read();
                assertThat(received.opcode()).isNotEqualTo(RawClient.CLOSE);
                if (received.opcode() == RawClient.TEXT) {
                    JsonNode json = JSON.readTree(received.text());
                    String type = json.path("type").stringValue();
                    acknowledged |=
                            type.equals("ack") && json.path("id").stringValue().equals("piece");
                    if (type.equals("error")) {
                        errors++;
                        assertThat(json.path("code").stringValue()).isIn("malformed", "bad_text");
                    }
                }
            }
            for (int i = 0; i < 300; i++) {
                odd.send("?");
            }
            assertThat(odd.closeCode()).isEqualTo(4029);
        }
    }

    private int shards() {
        Integer shards = node().getBean(Shards.class)
                .write(
                        room,
                        transaction -> transaction
                                .sql()
                                .sql("select shards::integer as shards from chat_room where context_id = :context")
                                .bind("context", room.value())
                                .mapValue(Integer.class)
                                .one())
                .block(Duration.ofSeconds(10));
        return shards == null ? -1 : shards;
    }

    private long seats() {
        Long sum = node().getBean(Shards.class)
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

    private LaunchSession session(String name) {
        LaunchSession session = new LaunchSession(
                UUID.randomUUID(),
                UUID.randomUUID(),
                name,
                room,
                "Course",
                Set.of(CourseRole.STUDENT),
                false,
                Instant.now().plusSeconds(3600));
        TestNode.SESSIONS.put(session.id(), session);
        return session;
    }

    private URI ticket(LaunchSession session) throws Exception {
        HttpResponse<String> answer = askForTicket(session);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return URI.create(JSON.readTree(answer.body()).path("url").stringValue());
    }

    private HttpResponse<String> askForTicket(LaunchSession session) throws Exception {
        return http.send(
                to(session, "/api/chat/rooms/" + session.context() + "/tickets")
                        .POST(HttpRequest.BodyPublishers.noBody())
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private HttpRequest message(LaunchSession session, String id, String text) {
        return to(session, "/api/chat/message")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(
                        Map.of("context_id", session.context().toString(), "id", id, "text", text))))
                .build();
    }

    private HttpRequest.Builder to(LaunchSession session, String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + TestNode.port(node()) + path))
                .header(TestNode.SESSION, session.id().toString());
    }

    private ConfigurableApplicationContext node() {
        return Objects.requireNonNull(node);
    }
}
