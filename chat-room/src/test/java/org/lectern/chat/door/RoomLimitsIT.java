package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.lectern.chat.log.RoomHead;
import org.lectern.chat.log.RoomLog;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.session.LaunchSession;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import tools.jackson.databind.JsonNode;

/** One node with small limits, and each of them met over a real socket: growth, full rooms, rates, idling, malformed frames. */
class RoomLimitsIT extends OnRealNodes {

    private static final int ROOMS = Integer.getInteger("lectern.burst.rooms", 2_000);

    RoomLimitsIT() {
        super(
                1,
                Map.of(
                        "lectern.chat.shard-seats", "3",
                        "lectern.chat.shard-grow-at", "2",
                        "lectern.chat.shard-ceiling", "2",
                        "lectern.chat.per-person-rate", "1",
                        "lectern.chat.per-person-burst", "8",
                        "lectern.chat.per-person-sockets", "2",
                        "lectern.chat.per-room-rate", "6",
                        "lectern.chat.ping-interval", "200ms",
                        "lectern.chat.idle-timeout", "1500ms"));
    }

    @Test
    void aRoomGrowsTurnsAwayWhenFullAndTakesAgainWhenSomebodyLeft() throws Exception {
        List<ChatClient> people = new ArrayList<>();
        List<Integer> shards = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            ChatClient client = ChatClient.open(ticket(first(), session("person " + i)));
            shards.add(client.awaitType("welcome").path("shard").intValue());
            people.add(client);
        }
        // Two shards of three; the second came when the first had passed two.
        assertThat(shards.subList(0, 3)).containsOnly(0);
        assertThat(shards.stream().filter(shard -> shard == 1)).hasSize(3);
        HttpResponse<String> full = askForTicket(first(), session("late"));
        assertThat(full.statusCode()).isEqualTo(503);
        assertThat(full.headers().firstValue(TestNode.PROBLEM)).contains("room-full");
        assertThat(people).allMatch(ChatClient::isOpen);
        people.removeFirst().close();
        await().atMost(Duration.ofSeconds(20))
                .until(() -> askForTicket(first(), session("later")).statusCode() == 200);
        people.forEach(ChatClient::close);
    }

    @Test
    void noShardPassesItsLimitWhileManyWhoComeAtOnceAreStillOnTheirWayIn() throws Exception {
        List<URI> addresses = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            addresses.add(ticket(first(), session("person " + i)));
        }
        Sinks.Empty<Void> answered = Sinks.empty();
        TestNode.directory = answered.asMono();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<ChatClient>> coming = addresses.stream()
                    .map(address -> threads.submit(() -> ChatClient.open(address)))
                    .toList();
            await().atMost(Duration.ofSeconds(10)).until(() -> tickets() == 0);
            // Longer than it takes until this node writes how many are here.
            List<String> late = new ArrayList<>();
            await().during(Duration.ofMillis(2_500))
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> late.add(askForTicket(first(), session("late"))
                            .headers()
                            .firstValue(TestNode.PROBLEM)
                            .orElse("let in")));
            assertThat(late).containsOnly("room-full");
            assertThat(seats()).isEqualTo(6);
            answered.emitEmpty(Sinks.EmitFailureHandler.FAIL_FAST);
            List<Integer> shards = new ArrayList<>();
            for (Future<ChatClient> one : coming) {
                shards.add(one.get().awaitType("welcome").path("shard").intValue());
            }
            assertThat(shards).containsExactlyInAnyOrder(0, 0, 0, 1, 1, 1);
            for (Future<ChatClient> one : coming) {
                one.get().close();
            }
        } finally {
            TestNode.directory = Mono.empty();
        }
        await().atMost(Duration.ofSeconds(10)).until(() -> seats() == 0);
    }

    @Test
    void theControlPlaneSetsShardsWithinTheLimitsAndNobodyHasToMove() throws Exception {
        ChatClient ada = ChatClient.open(ticket(first(), session("Ada")));
        ada.awaitType("welcome");
        RoomShards actuator = first().getBean(RoomShards.class);
        assertThat(actuator.scale(room.toString(), 2).block(Duration.ofSeconds(10)))
                .isEqualTo(2);
        assertThat(shards()).isEqualTo(2);
        // Somebody whom the order of shards leads to the second one.
        ChatClient second = null;
        while (second == null) {
            ChatClient client = ChatClient.open(ticket(first(), session("somebody")));
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
            ChatClient client = ChatClient.open(ticket(first(), session("after")));
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
            answers.add(
                    http.sendAsync(message(session, "first", "in a new room"), HttpResponse.BodyHandlers.discarding())
                            .thenApply(HttpResponse::statusCode)
                            .whenComplete((unused, e) -> atOnce.release()));
        }
        for (CompletableFuture<Integer> answer : answers) {
            assertThat(answer.get()).isEqualTo(200);
        }
        assertThat(first().getBean(RoomLog.class).heads(rooms).block(Duration.ofSeconds(60)))
                .hasSize(ROOMS)
                .allSatisfy((id, head) -> assertThat(head.seq()).isEqualTo(1));
    }

    @Test
    void whoSaysTooMuchIsToldAndWhoGoesOnIsClosed() throws Exception {
        try (RawClient ada = RawClient.open(ticket(first(), session("Ada")), 65_536)) {
            assertThat(ada.answer()).contains("101");
            for (int i = 0; i < 400; i++) {
                ada.send("{\"type\":\"send\",\"id\":\"m" + i + "\",\"text\":\"again\"}");
            }
            List<String> codes = new ArrayList<>();
            List<Long> acknowledged = new ArrayList<>();
            RawClient.Received frame = ada.read();
            while (frame.opcode() != RawClient.CLOSE) {
                if (frame.opcode() == RawClient.TEXT) {
                    JsonNode json = JSON.readTree(frame.text());
                    switch (json.path("type").stringValue()) {
                        case "error" -> codes.add(json.path("code").stringValue());
                        case "ack" -> acknowledged.add(json.path("seq").longValue());
                        default -> {
                            // messages, presence
                        }
                    }
                }
                frame = ada.read();
            }
            assertThat(codes).isNotEmpty().containsOnly("rate_limited");
            // Everything of this socket that was committed was acknowledged before the close frame.
            RoomHead head = first().getBean(RoomLog.class).head(room).block(Duration.ofSeconds(30));
            assertThat(acknowledged)
                    .isNotEmpty()
                    .containsExactlyElementsOf(LongStream.rangeClosed(
                                    1, Objects.requireNonNull(head).seq())
                            .boxed()
                            .toList());
            assertThat(((frame.payload()[0] & 0xff) << 8) | (frame.payload()[1] & 0xff))
                    .isEqualTo(4029);
        }
    }

    @Test
    void nothingIsAnsweredBeforeTheWelcome() throws Exception {
        for (int i = 0; i < 5; i++) {
            try (RawClient hasty = RawClient.open(ticket(first(), session("Ada")), 65_536)) {
                assertThat(hasty.answer()).contains("101");
                hasty.send("?");
                hasty.send("{\"type\":\"send\",\"id\":\"m\",\"text\":\"first\"}");
                List<String> types = new ArrayList<>();
                while (!types.contains("ack")) {
                    RawClient.Received frame = hasty.read();
                    if (frame.opcode() == RawClient.TEXT) {
                        types.add(JSON.readTree(frame.text()).path("type").stringValue());
                    }
                }
                assertThat(types).startsWith("welcome", "error");
            }
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
        ChatClient first = ChatClient.open(ticket(first(), ada));
        ChatClient second = ChatClient.open(ticket(first(), ada));
        first.awaitType("welcome");
        second.awaitType("welcome");
        try (RawClient third = RawClient.open(ticket(first(), ada), 65_536)) {
            assertThat(third.answer()).contains("429");
        }
        first.close();
        await().atMost(Duration.ofSeconds(10)).until(() -> {
            HttpResponse<String> answer = askForTicket(first(), ada);
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
        ChatClient answering = ChatClient.open(ticket(first(), session("Grace")));
        answering.awaitType("welcome");
        try (RawClient silent = RawClient.open(ticket(first(), session("Ada")), 65_536)) {
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
        try (RawClient odd = RawClient.open(ticket(first(), session("Ada")), 65_536)) {
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

    @Test
    void aRoomThatBeganAnewOrCannotBeReadEndsItsSocketsWithTheirCodes() throws Exception {
        ChatClient ada = ChatClient.open(ticket(first(), session("Ada")));
        long epoch = ada.awaitType("welcome").path("epoch").longValue();
        ada.say("m", "so that the room is there");
        ada.awaitType("ack");
        sql("update chat_room set epoch = epoch + 1 where context_id = '" + room + "'");
        assertThat(ada.awaitClosed()).isEqualTo(4010);
        URI address = ticket(first(), session("Grace"));
        ChatClient anew = ChatClient.open(ticket(first(), session("Ada")));
        assertThat(anew.awaitType("welcome").path("epoch").longValue()).isEqualTo(epoch + 1);
        anew.close();
        sql("alter table chat_read rename to chat_read_away");
        try {
            ChatClient grace = ChatClient.open(address);
            assertThat(grace.awaitClosed()).isEqualTo(1013);
        } finally {
            sql("alter table chat_read_away rename to chat_read");
        }
    }

    private void sql(String statement) {
        first().getBean(Shards.class)
                .write(
                        room,
                        transaction -> transaction.sql().sql(statement).fetch().rowsUpdated())
                .block(Duration.ofSeconds(30));
    }

    private long tickets() {
        Long tickets = first().getBean(Shards.class)
                .write(
                        room,
                        transaction -> transaction
                                .sql()
                                .sql("select count(*) from chat_ticket where context_id = :context")
                                .bind("context", room.value())
                                .mapValue(Long.class)
                                .one())
                .block(Duration.ofSeconds(10));
        return tickets == null ? -1 : tickets;
    }

    private int shards() {
        Integer shards = first().getBean(Shards.class)
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

    private HttpRequest message(LaunchSession session, String id, String text) {
        return to(first(), session, "/api/chat/message")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(
                        Map.of("context_id", session.context().toString(), "id", id, "text", text))))
                .build();
    }
}
