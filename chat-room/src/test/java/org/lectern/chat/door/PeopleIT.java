package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.MeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.chat.log.NewEntry;
import org.lectern.chat.log.RoomLog;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.Person;
import org.lectern.db.embedded.FreePort;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.db.shard.Shards;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.context.ConfigurableApplicationContext;
import tools.jackson.databind.JsonNode;

/** What people do to each other's messages and to each other, on two nodes, by socket and by HTTP. */
class PeopleIT extends OnRealNodes {

    private LaunchSession ada = person("unset", CourseRole.STUDENT);
    private LaunchSession grace = ada;
    private LaunchSession teacher = ada;
    private int ids;

    PeopleIT() {
        super(
                2,
                Map.of(
                        "lectern.chat.hot-entries", "50",
                        "lectern.chat.per-person-rate", "5000",
                        "lectern.chat.per-person-burst", "5000"));
    }

    @Override
    @BeforeEach
    void anotherRoom() {
        super.anotherRoom();
        ada = person("Ada Lovelace", CourseRole.STUDENT);
        grace = person("Grace Hopper", CourseRole.STUDENT);
        teacher = person("Tess Teacher", CourseRole.TA);
        join(ada, "student");
        join(grace, "student");
        join(teacher, "ta");
    }

    @Test
    void editsDeletionsAndReactionsAreEntriesOfTheOneSequence() throws Exception {
        ChatClient socket = connect(second(), grace, "&epoch=&since=0");
        socket.awaitType("welcome");
        assertThat(did(first(), ada, Map.of("type", "send", "text", "helo"))).isEqualTo(1);
        assertThat(did(second(), ada, Map.of("type", "edit", "target", 1, "text", "hello")))
                .isEqualTo(2);
        assertThat(did(first(), grace, Map.of("type", "react", "target", 1, "emoji", "👍")))
                .isEqualTo(3);
        assertThat(did(first(), teacher, Map.of("type", "react", "target", 1, "emoji", "👍")))
                .isEqualTo(4);
        assertThat(did(second(), teacher, Map.of("type", "pin", "target", 1))).isEqualTo(5);
        assertThat(did(first(), grace, Map.of("type", "send", "text", "an answer", "reply_to", 1)))
                .isEqualTo(6);
        // An answer to the answer belongs to the same thread.
        assertThat(did(first(), ada, Map.of("type", "send", "text", "another", "reply_to", 6)))
                .isEqualTo(7);
        await().atMost(Duration.ofSeconds(10)).until(() -> entries(socket).size() == 7);
        assertThat(entries(socket))
                .extracting(frame -> frame.path("type").stringValue())
                .containsExactly("message", "edit", "reaction", "reaction", "pin", "message", "message");
        assertThat(entries(socket))
                .extracting(frame -> frame.path("seq").longValue())
                .containsExactlyElementsOf(LongStream.rangeClosed(1, 7).boxed().toList());
        assertThat(entries(socket).get(6).path("reply_to").longValue()).isEqualTo(1);

        JsonNode now =
                get(first(), grace, "/messages?limit=1&before=2").path("items").get(0);
        assertThat(now.path("text").stringValue()).isEqualTo("hello");
        assertThat(now.path("edited_at").isNull()).isFalse();
        assertThat(now.path("pinned").booleanValue()).isTrue();
        assertThat(now.path("replies").intValue()).isEqualTo(2);
        assertThat(now.path("reactions").toString()).isEqualTo("[{\"emoji\":\"👍\",\"count\":2,\"mine\":true}]");
        assertThat(get(first(), ada, "/messages?before=2")
                        .path("items")
                        .get(0)
                        .path("reactions")
                        .get(0)
                        .path("mine")
                        .booleanValue())
                .isFalse();
        JsonNode thread = get(second(), ada, "/messages/1/thread?limit=1");
        assertThat(thread.path("root").path("seq").longValue()).isEqualTo(1);
        assertThat(thread.path("items").get(0).path("text").stringValue()).isEqualTo("another");
        assertThat(get(
                                second(),
                                ada,
                                "/messages/1/thread?before="
                                        + thread.path("next").stringValue())
                        .path("items")
                        .get(0)
                        .path("text")
                        .stringValue())
                .isEqualTo("an answer");
        assertThat(get(second(), ada, "/pins").path("items")).hasSize(1);

        assertThat(did(first(), grace, Map.of("type", "react", "target", 1, "emoji", "👍", "on", false)))
                .isEqualTo(8);
        assertThat(did(second(), teacher, Map.of("type", "pin", "target", 1, "on", false)))
                .isEqualTo(9);
        JsonNode later =
                get(first(), grace, "/messages?limit=1&before=2").path("items").get(0);
        assertThat(later.path("reactions").toString()).isEqualTo("[{\"emoji\":\"👍\",\"count\":1,\"mine\":false}]");
        assertThat(later.path("pinned").booleanValue()).isFalse();
        socket.close();
    }

    @Test
    void aDeletedTextIsGoneFromHistoryFromResumingAndFromTheDatabase() throws Exception {
        ChatClient watching = connect(first(), teacher, "&epoch=&since=0");
        watching.awaitType("welcome");
        act(
                first(),
                ada,
                "s1",
                Map.of(
                        "type",
                        "send",
                        "text",
                        "my secret number is 4711",
                        "links",
                        List.of(Map.of("url", "https://example.org/4711", "title", "4711"))));
        did(first(), ada, Map.of("type", "edit", "target", 1, "text", "my secret number is 4712"));
        did(first(), grace, Map.of("type", "react", "target", 1, "emoji", "😮"));
        assertThat(act(first(), grace, "d0", Map.of("type", "delete", "target", 1))
                        .statusCode())
                .isEqualTo(403);
        assertThat(did(second(), ada, Map.of("type", "delete", "target", 1))).isEqualTo(4);
        watching.awaitType("delete");
        for (ConfigurableApplicationContext node : List.of(first(), second())) {
            JsonNode tombstone = get(node, grace, "/messages").path("items").get(0);
            assertThat(tombstone.path("deleted").booleanValue()).isTrue();
            assertThat(tombstone.toString()).doesNotContain("4711", "4712", "😮");
            ChatClient resuming = connect(node, grace, "&epoch=&since=0");
            await().atMost(Duration.ofSeconds(10)).until(() -> entries(resuming).size() == 4);
            assertThat(resuming.frames.toString()).doesNotContain("4711", "4712");
            assertThat(entries(resuming).getFirst().path("deleted").booleanValue())
                    .isTrue();
            resuming.close();
        }
        assertThat(rows("select string_agg(e::text, '') as all_of_it from chat_entry e where context_id = :context"))
                .doesNotContain("4711", "4712");
        assertThat(get(second(), ada, "/search?q=secret").path("items")).isEmpty();
        // What is gone can be neither edited nor answered; the first send, sent again, is still the same.
        assertThat(act(first(), ada, "e9", Map.of("type", "edit", "target", 1, "text", "x"))
                        .statusCode())
                .isEqualTo(404);
        assertThat(act(first(), ada, "s9", Map.of("type", "send", "text", "x", "reply_to", 1))
                        .statusCode())
                .isEqualTo(404);
        assertThat(seq(act(
                        second(),
                        ada,
                        "s1",
                        Map.of(
                                "type",
                                "send",
                                "text",
                                "my secret number is 4711",
                                "links",
                                List.of(Map.of("url", "https://example.org/4711", "title", "4711"))))))
                .isEqualTo(1);
        watching.close();
    }

    @Test
    void whatAnEditReplacedIsGoneFromResumingAndFromTheDatabase() throws Exception {
        ChatClient watching = connect(second(), teacher, "&epoch=&since=0");
        watching.awaitType("welcome");
        did(first(), ada, Map.of("type", "send", "text", "my number is 4711"));
        did(first(), ada, Map.of("type", "edit", "target", 1, "text", "my number is 4712"));
        did(second(), ada, Map.of("type", "send", "text", "something else"));
        Map<String, Object> last = Map.of("type", "edit", "target", 1, "text", "my number is nobody's business");
        assertThat(seq(act(first(), ada, "e-last", last))).isEqualTo(4);
        await().atMost(Duration.ofSeconds(10)).until(() -> entries(watching).size() == 4);
        for (ConfigurableApplicationContext node : List.of(first(), second())) {
            ChatClient resuming = connect(node, grace, "&epoch=&since=0");
            await().atMost(Duration.ofSeconds(10)).until(() -> entries(resuming).size() == 4);
            assertThat(resuming.frames.toString()).doesNotContain("4711", "4712");
            assertThat(entries(resuming))
                    .extracting(frame -> frame.path("text").stringValue())
                    .containsExactly(
                            "my number is nobody's business",
                            "my number is nobody's business",
                            "something else",
                            "my number is nobody's business");
            resuming.close();
        }
        assertThat(rows("select string_agg(e::text, '') as all_of_it from chat_entry e where context_id = :context"))
                .doesNotContain("4711", "4712");
        assertThat(seq(act(second(), ada, "e-last", last))).as("sent again").isEqualTo(4);
        watching.close();
    }

    @Test
    void theSameDeedAgainIsTheSameEntryAndWithOtherContentAConflict() throws Exception {
        did(first(), ada, Map.of("type", "send", "text", "one"));
        Map<String, Object> edit = Map.of("type", "edit", "target", 1, "text", "two");
        assertThat(seq(act(first(), ada, "e", edit))).isEqualTo(2);
        assertThat(seq(act(second(), ada, "e", edit))).isEqualTo(2);
        assertThat(act(second(), ada, "e", Map.of("type", "edit", "target", 1, "text", "three"))
                        .statusCode())
                .isEqualTo(409);
        assertThat(act(second(), ada, "e", Map.of("type", "react", "target", 1, "emoji", "👍"))
                        .statusCode())
                .isEqualTo(409);
        assertThat(seq(act(first(), ada, "d", Map.of("type", "delete", "target", 1))))
                .isEqualTo(3);
        assertThat(seq(act(first(), ada, "d", Map.of("type", "delete", "target", 1))))
                .isEqualTo(3);
        assertThat(seq(act(first(), ada, "e", edit)))
                .as("sent again after the message went")
                .isEqualTo(2);
        ChatClient socket = connect(first(), ada, "");
        socket.send(JSON.writeValueAsString(Map.of("type", "edit", "id", "e", "target", 1, "text", "two")));
        assertThat(socket.awaitType("ack").path("seq").longValue()).isEqualTo(2);
        socket.send(JSON.writeValueAsString(Map.of("type", "edit", "id", "new", "target", 1, "text", "two")));
        assertThat(socket.awaitType("error").path("code").stringValue()).isEqualTo("not_found");
        socket.close();
    }

    @Test
    void studentsDoNotModerate() throws Exception {
        did(first(), teacher, Map.of("type", "send", "text", "hello"));
        for (Map<String, Object> deed : List.<Map<String, Object>>of(
                Map.of("type", "delete", "target", 1),
                Map.of("type", "edit", "target", 1, "text", "x"),
                Map.of("type", "pin", "target", 1),
                Map.of(
                        "type",
                        "moderate",
                        "action",
                        "mute",
                        "subject",
                        grace.userId().toString()),
                Map.of(
                        "type",
                        "moderate",
                        "action",
                        "ban",
                        "subject",
                        grace.userId().toString()),
                Map.of(
                        "type",
                        "moderate",
                        "action",
                        "ban",
                        "subject",
                        teacher.userId().toString()),
                Map.of("type", "moderate", "action", "slow", "seconds", 5),
                Map.of("type", "moderate", "action", "announce"),
                Map.of("type", "moderate", "action", "open"))) {
            assertThat(act(first(), ada, "id-" + ids++, deed).statusCode())
                    .as(deed.toString())
                    .isEqualTo(403);
        }
        for (String path : List.of("/audit", "/sanctions", "/export")) {
            assertThat(request(first(), ada, path).statusCode()).as(path).isEqualTo(403);
            assertThat(request(first(), teacher, path).statusCode()).as(path).isEqualTo(200);
        }
        ChatClient socket = connect(second(), ada, "");
        socket.send(JSON.writeValueAsString(Map.of("type", "moderate", "id", "m", "action", "announce")));
        assertThat(socket.awaitType("error").path("code").stringValue()).isEqualTo("forbidden");
        // Nor does anybody ban staff.
        assertThat(act(
                                first(),
                                person("Tom", CourseRole.INSTRUCTOR),
                                "x",
                                Map.of(
                                        "type",
                                        "moderate",
                                        "action",
                                        "ban",
                                        "subject",
                                        teacher.userId().toString()))
                        .statusCode())
                .isEqualTo(403);
        socket.close();
    }

    @Test
    void aBanClosesSocketsOnEveryNodeAndEveryOtherWay() throws Exception {
        ChatClient here = connect(first(), ada, "");
        ChatClient there = connect(second(), ada, "");
        URI unused = ticket(first(), ada);
        ChatClient other = connect(second(), grace, "");
        here.awaitType("welcome");
        there.awaitType("welcome");
        other.awaitType("welcome");
        Map<String, Object> ban = Map.of(
                "type", "moderate", "action", "ban", "subject", ada.userId().toString(), "reason", "spam");
        did(first(), teacher, ban);
        assertThat(here.awaitClosed()).isEqualTo(4003);
        assertThat(there.awaitClosed()).isEqualTo(4003);
        ChatClient late = ChatClient.open(unused);
        assertThat(late.awaitClosed()).isEqualTo(4003);
        for (ConfigurableApplicationContext node : List.of(first(), second())) {
            assertThat(post(node, ada, "/tickets", "").statusCode()).isEqualTo(403);
            assertThat(request(node, ada, "/messages").statusCode()).isEqualTo(403);
            assertThat(request(node, ada, "/search?q=x").statusCode()).isEqualTo(403);
            assertThat(request(node, ada, "").statusCode()).isEqualTo(403);
            assertThat(act(node, ada, "id-" + ids++, Map.of("type", "send", "text", "x"))
                            .statusCode())
                    .isEqualTo(403);
        }
        JsonNode sanction = get(second(), teacher, "/sanctions").path("items").get(0);
        assertThat(sanction.path("kind").stringValue()).isEqualTo("ban");
        assertThat(sanction.path("person").path("name").stringValue()).isEqualTo("Ada Lovelace");
        // Another node, started afterwards, knows it too. It permits so few sockets that the room is full.
        Map<String, Object> small = new HashMap<>(services().properties());
        small.put("lectern.chat.shard-seats", "2");
        small.put("lectern.chat.shard-grow-at", "1");
        small.put("lectern.chat.shard-ceiling", "1");
        small.put("lectern.chat.per-person-rate", "1");
        small.put("lectern.chat.per-person-burst", "5");
        ConfigurableApplicationContext third = TestNode.start(small);
        try {
            assertThat(post(third, ada, "/tickets", "").statusCode()).isEqualTo(403);
            int status = 200;
            for (int i = 0; i < 3 && status == 200; i++) {
                status = post(third, grace, "/tickets", "").statusCode();
            }
            assertThat(status).as("room full").isEqualTo(503);
            for (String sign : List.of("/read", "/typing")) {
                do {
                    status = post(third, grace, sign, "{\"seq\":1}").statusCode();
                } while (status == 204);
                assertThat(status).as(sign).isEqualTo(429);
            }
        } finally {
            third.close();
        }
        did(
                second(),
                teacher,
                Map.of(
                        "type",
                        "moderate",
                        "action",
                        "unban",
                        "subject",
                        ada.userId().toString()));
        ChatClient back = connect(first(), ada, "");
        back.awaitType("welcome");
        JsonNode audit = get(first(), teacher, "/audit").path("items");
        assertThat(audit).extracting(line -> line.path("action").stringValue()).containsExactly("unban", "ban");
        assertThat(audit.get(1).path("reason").stringValue()).isEqualTo("spam");
        assertThat(other.isOpen()).isTrue();
        back.close();
        other.close();
    }

    @Test
    void muteSlowModeAndAnnouncementsHoldOnEveryNodeAtOnce() throws Exception {
        did(
                first(),
                teacher,
                Map.of(
                        "type",
                        "moderate",
                        "action",
                        "mute",
                        "subject",
                        ada.userId().toString(),
                        "until",
                        Instant.now().plusSeconds(3600).toString()));
        assertThat(act(second(), ada, "m1", Map.of("type", "send", "text", "x")).statusCode())
                .isEqualTo(403);
        assertThat(get(second(), ada, "").path("muted").booleanValue()).isTrue();
        assertThat(get(second(), grace, "").path("muted").booleanValue()).isFalse();
        did(second(), grace, Map.of("type", "send", "text", "I may"));
        did(
                second(),
                teacher,
                Map.of(
                        "type",
                        "moderate",
                        "action",
                        "unmute",
                        "subject",
                        ada.userId().toString()));
        did(first(), ada, Map.of("type", "send", "text", "me too"));

        did(first(), teacher, Map.of("type", "moderate", "action", "slow", "seconds", 60));
        did(first(), ada, Map.of("type", "send", "text", "one"));
        HttpResponse<String> tooSoon = act(second(), ada, "m2", Map.of("type", "send", "text", "two"));
        assertThat(tooSoon.statusCode()).isEqualTo(429);
        ChatClient socket = connect(second(), ada, "");
        socket.say("m3", "two");
        JsonNode refused = socket.awaitType("error");
        assertThat(refused.path("code").stringValue()).isEqualTo("slow_mode");
        assertThat(refused.path("retry_after_ms").longValue()).isBetween(1L, 60_000L);
        did(second(), teacher, Map.of("type", "send", "text", "staff is free"));
        did(second(), teacher, Map.of("type", "send", "text", "staff is free indeed"));

        did(first(), teacher, Map.of("type", "moderate", "action", "announce"));
        assertThat(act(second(), grace, "m4", Map.of("type", "send", "text", "x"))
                        .statusCode())
                .isEqualTo(403);
        assertThat(get(first(), grace, "").path("announce").booleanValue()).isTrue();
        did(first(), teacher, Map.of("type", "moderate", "action", "open"));
        did(second(), ada, Map.of("type", "send", "text", "at last"));
        socket.close();
    }

    @Test
    void typingReadMarksAndTheLimitOfFramesAreAsDescribed() throws Exception {
        ChatClient socket = connect(second(), grace, "");
        socket.awaitType("welcome");
        did(first(), ada, Map.of("type", "send", "text", "hello"));
        socket.awaitType("message");
        // Somebody who reads without a socket is seen writing.
        try (EventReader stream = new EventReader(first(), ada, "")) {
            stream.next("welcome");
            assertThat(post(first(), ada, "/typing", "").statusCode()).isEqualTo(204);
            socket.awaitFrame(frame -> frame.path("type").stringValue().equals("presence")
                    && frame.path("typing").toString().contains("Ada Lovelace"));
        }
        socket.send("{\"type\":\"read\",\"seq\":1}");
        await().atMost(Duration.ofSeconds(10))
                .until(() -> get(first(), grace, "").path("read").longValue() == 1);
        ChatClient again = connect(first(), grace, "");
        assertThat(again.awaitType("welcome").path("read").longValue()).isEqualTo(1);
        for (int i = 0; i <= 200; i++) {
            again.send("nonsense");
        }
        assertThat(again.awaitClosed()).isEqualTo(4029);
        assertThat(again.of("error").getFirst().path("code").stringValue()).isEqualTo("malformed");
        socket.close();
    }

    @Test
    void membersAreMentionedByNameAndWhatIsUnreadIsCounted() throws Exception {
        did(first(), ada, Map.of("type", "send", "text", "Ask @grace hopper, not @Grace or grace@hopper.example"));
        JsonNode message = get(second(), ada, "/messages").path("items").get(0);
        assertThat(message.path("mentions")).hasSize(1);
        assertThat(message.path("mentions").get(0).stringValue())
                .isEqualTo(grace.userId().toString());
        assertThat(rows("select kind || ' ' || (payload ->> 'seqs') as job from job where context_id = :context"))
                .isEqualTo("chat.mention [1]");
        JsonNode view = get(first(), grace, "");
        assertThat(view.path("unread").intValue()).isEqualTo(1);
        assertThat(post(first(), grace, "/read", "{\"seq\":1}").statusCode()).isEqualTo(204);
        assertThat(get(first(), grace, "").path("unread").intValue()).isZero();
        assertThat(get(first(), ada, "").path("unread").intValue())
                .as("one's own")
                .isZero();
        assertThat(get(first(), ada, "/members?prefix=hop")
                        .path("items")
                        .get(0)
                        .path("name")
                        .stringValue())
                .isEqualTo("Grace Hopper");
        assertThat(get(first(), ada, "/members?prefix=%25").path("items")).isEmpty();
    }

    @Test
    void oneCommitIsOneJobForAllWhomItMentions() throws Exception {
        Instant now = Instant.now();
        Person by = new Person(ada.userId(), "Ada Lovelace");
        List<NewEntry> entries = Stream.of("Hello @Grace Hopper", "nobody", "and @Tess Teacher", "and I, @Ada Lovelace")
                .map(text -> new NewEntry("m-" + ids++, by, false, new Deed.Say(text, null, List.of()), now))
                .toList();
        first().getBean(RoomLog.class).append(room, entries).block(Duration.ofSeconds(10));
        assertThat(rows("select string_agg(payload ->> 'seqs', ' ') as seqs from job where context_id = :context"))
                .isEqualTo("[1, 3]");
    }

    @Test
    void wordsAreFoundPageByPageWithMarksAndNeverInAnotherRoom() throws Exception {
        for (int i = 1; i <= 5; i++) {
            did(first(), ada, Map.of("type", "send", "text", "tide pool number " + i + " <b>wet</b>"));
        }
        did(first(), ada, Map.of("type", "send", "text", "a desert"));
        JsonNode page = get(second(), grace, "/search?q=Tide+wet&limit=3");
        assertThat(page.path("items"))
                .extracting(hit -> hit.path("message").path("seq").longValue())
                .containsExactly(5L, 4L, 3L);
        JsonNode hit = page.path("items").get(0);
        JsonNode mark = hit.path("marks").get(0);
        assertThat(hit.path("excerpt")
                        .stringValue()
                        .substring(
                                mark.path("start").intValue(), mark.path("end").intValue()))
                .isEqualTo("tide");
        assertThat(get(
                                second(),
                                grace,
                                "/search?q=Tide+wet&before=" + page.path("next").stringValue())
                        .path("items"))
                .hasSize(2);
        did(first(), ada, Map.of("type", "edit", "target", 6, "text", "an oasis"));
        assertThat(get(second(), grace, "/search?q=desert").path("items")).isEmpty();
        assertThat(get(second(), grace, "/search?q=oasis").path("items")).hasSize(1);
        assertThat(request(second(), grace, "/search?q=").statusCode()).isEqualTo(400);
        for (String odd : List.of("%27", "%22", "%3A*%26!", "%5C", "%28%28", "-", "%00")) {
            assertThat(request(second(), grace, "/search?q=" + odd).statusCode())
                    .as(odd)
                    .isIn(200, 400);
        }
        anotherRoom();
        assertThat(get(second(), ada, "/search?q=tide").path("items")).isEmpty();
    }

    @Test
    void theEventStreamCarriesTheSameEntriesAndResumesAfterAnyBreak() throws Exception {
        ChatClient socket = connect(first(), grace, "&epoch=&since=0");
        socket.awaitType("welcome");
        List<JsonNode> read = new ArrayList<>();
        String lastEventId = "";
        int entries = 30;
        for (int i = 1; i <= entries; i++) {
            if (i % 10 == 5) {
                // The stream breaks in the middle and goes on at the other node.
                lastEventId = readEvents(i % 20 == 5 ? first() : second(), grace, lastEventId, read, i - 1);
            }
            Map<String, Object> deed = i % 3 == 0
                    ? Map.of("type", "react", "target", 1, "emoji", "👍", "on", i % 2 == 0)
                    : Map.of("type", "send", "text", "text " + i);
            did(i % 2 == 0 ? first() : second(), ada, deed);
        }
        lastEventId = readEvents(second(), grace, lastEventId, read, entries);
        assertThat(lastEventId).endsWith(":" + entries);
        await().atMost(Duration.ofSeconds(10)).until(() -> entries(socket).size() == entries);
        assertThat(read).isEqualTo(entries(socket));

        // Live ones come too, typing and read marks go by HTTP, and a ban ends the stream with its code.
        try (EventReader live = new EventReader(first(), grace, lastEventId)) {
            assertThat(live.next("welcome").path("seq").longValue()).isEqualTo(entries);
            assertThat(post(second(), ada, "/read", "{\"seq\":3}").statusCode()).isEqualTo(204);
            did(second(), ada, Map.of("type", "send", "text", "live"));
            assertThat(live.next("message").path("text").stringValue()).isEqualTo("live");
            Future<String> wire = untilTheConnectionEnds(first(), grace);
            did(
                    second(),
                    teacher,
                    Map.of(
                            "type",
                            "moderate",
                            "action",
                            "ban",
                            "subject",
                            grace.userId().toString()));
            assertThat(live.next("close").path("code").intValue()).isEqualTo(4003);
            assertThat(live.ended()).isTrue();
            assertThat(wire.get(20, TimeUnit.SECONDS)).contains("event:close").contains("4003");
        }
        assertThat(socket.awaitClosed()).isEqualTo(4003);
        assertThat(request(first(), grace, "/events").statusCode()).isEqualTo(403);
        assertThat(request(first(), ada, "/events?since=-1").statusCode()).isEqualTo(400);
        // Who asks for the head only takes no place away.
        for (int i = 0; i < 10; i++) {
            assertThat(http.send(
                                    inRoom(first(), ada, "/events")
                                            .method("HEAD", HttpRequest.BodyPublishers.noBody())
                                            .build(),
                                    HttpResponse.BodyHandlers.discarding())
                            .statusCode())
                    .isEqualTo(200);
        }
        List<EventReader> many = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            many.add(new EventReader(first(), ada, ""));
            many.getLast().next("welcome");
        }
        assertThat(request(first(), ada, "/events").statusCode()).isEqualTo(503);
        many.forEach(EventReader::close);
        await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            for (ConfigurableApplicationContext node : List.of(first(), second())) {
                assertThat(node.getBean(MeterRegistry.class)
                                .get("lectern.chat.streams")
                                .gauge()
                                .value())
                        .as("streams that are still counted")
                        .isZero();
            }
        });
    }

    /** Everything that comes over a connection of its own, which nobody here closes, until the server does. */
    private Future<String> untilTheConnectionEnds(ConfigurableApplicationContext node, LaunchSession session)
            throws Exception {
        CompletableFuture<Boolean> begun = new CompletableFuture<>();
        CompletableFuture<String> all = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("wire").start(() -> {
            try (Socket socket = new Socket()) {
                socket.connect(FreePort.loopback(TestNode.port(node)), 5_000);
                socket.getOutputStream()
                        .write(("GET /api/chat/rooms/" + room + "/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                        + TestNode.SESSION + ": " + session.id() + "\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                InputStream in = socket.getInputStream();
                for (int next = in.read(); next >= 0; next = in.read()) {
                    bytes.write(next);
                    if (!begun.isDone()
                            && bytes.toString(StandardCharsets.UTF_8).contains("welcome")) {
                        begun.complete(true);
                    }
                }
                all.complete(bytes.toString(StandardCharsets.UTF_8));
            } catch (IOException e) {
                begun.completeExceptionally(e);
                all.completeExceptionally(e);
            }
        });
        assertThat(begun.get(20, TimeUnit.SECONDS)).isTrue();
        return all;
    }

    /** Reads entries until one has this number, then breaks the connection; answers the last id. */
    private String readEvents(
            ConfigurableApplicationContext node,
            LaunchSession session,
            String lastEventId,
            List<JsonNode> read,
            int seq)
            throws Exception {
        try (EventReader events = new EventReader(node, session, lastEventId.isEmpty() ? "" : lastEventId)) {
            while (read.isEmpty() || read.getLast().path("seq").longValue() < seq) {
                JsonNode frame = events.next();
                if (frame.has("user")) {
                    read.add(frame);
                }
            }
            return events.lastId;
        }
    }

    /** A plain HTTP client that reads lines, and waits for none of them for ever. */
    private final class EventReader implements AutoCloseable {
        private static final String END = "the end";

        private final Stream<String> body;
        private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
        private String lastId = "";

        EventReader(ConfigurableApplicationContext node, LaunchSession session, String lastEventId) throws Exception {
            HttpRequest.Builder request = inRoom(node, session, "/events" + (lastEventId.isEmpty() ? "?since=0" : ""))
                    .timeout(Duration.ofSeconds(20));
            if (!lastEventId.isEmpty()) {
                request.header("Last-Event-ID", lastEventId);
            }
            HttpResponse<Stream<String>> answer = http.send(request.GET().build(), HttpResponse.BodyHandlers.ofLines());
            assertThat(answer.statusCode()).isEqualTo(200);
            body = answer.body();
            Thread.ofPlatform().daemon().name("events").start(() -> {
                try {
                    body.forEach(lines::add);
                } catch (UncheckedIOException e) {
                    // The stream was closed here or there.
                } finally {
                    lines.add(END);
                }
            });
        }

        /** The next line; {@link #END} after the last one. */
        private String line() throws InterruptedException {
            String line = lines.poll(20, TimeUnit.SECONDS);
            if (line == null) {
                throw new AssertionError("nothing came for 20 s after " + lastId);
            }
            return line;
        }

        JsonNode next() throws InterruptedException {
            while (true) {
                String line = line();
                assertThat(line).isNotEqualTo(END);
                if (line.startsWith("id:")) {
                    lastId = line.substring(3);
                } else if (line.startsWith("data:")) {
                    return JSON.readTree(line.substring(5));
                }
            }
        }

        JsonNode next(String type) throws InterruptedException {
            JsonNode frame = next();
            while (!frame.path("type").stringValue().equals(type)) {
                frame = next();
            }
            return frame;
        }

        boolean ended() throws InterruptedException {
            for (String line = line(); !line.equals(END); line = line()) {
                if (line.startsWith("data:")) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public void close() {
            body.close();
        }
    }

    @Test
    void theExportHasEveryMessageOnceAndIsNoted() throws Exception {
        int messages = 1203;
        ChatClient writing = connect(first(), teacher, "");
        for (int i = 0; i < messages; i++) {
            writing.say("m-" + i, "text " + i);
            if (i % 50 == 49) {
                Thread.onSpinWait();
                int sent = i;
                await().pollInterval(Duration.ofMillis(5))
                        .atMost(Duration.ofSeconds(30))
                        .until(() -> answered(writing) > sent - 50);
            }
        }
        await().atMost(Duration.ofSeconds(30)).until(() -> answered(writing) == messages);
        assertThat(writing.of("ack")).as("more than two pages of the export").hasSize(messages);
        HttpResponse<String> export = request(second(), teacher, "/export");
        assertThat(export.headers().firstValue("Content-Type").orElse("")).startsWith("application/x-ndjson");
        Set<Long> seqs = new HashSet<>();
        export.body()
                .lines()
                .forEach(line -> assertThat(
                                seqs.add(JSON.readTree(line).path("seq").longValue()))
                        .isTrue());
        assertThat(seqs).hasSize(messages);
        assertThat(get(first(), teacher, "/audit")
                        .path("items")
                        .get(0)
                        .path("action")
                        .stringValue())
                .isEqualTo("export");
        writing.close();
    }

    private static int answered(ChatClient client) {
        return client.of("ack").size() + client.of("error").size();
    }

    private static List<JsonNode> entries(ChatClient client) {
        return client.frames.stream()
                .filter(frame -> frame.has("seq")
                        && !Set.of("welcome", "ack").contains(frame.path("type").stringValue()))
                .toList();
    }

    private String rows(String sql) {
        String found = first().getBean(Shards.class)
                .write(
                        room,
                        transaction -> transaction
                                .sql()
                                .sql(sql)
                                .bind("context", room.value())
                                .mapValue(String.class)
                                .one())
                .block(Duration.ofSeconds(5));
        return found == null ? "" : found;
    }

    private LaunchSession person(String name, CourseRole role) {
        return session(name, role, Instant.now().plusSeconds(3600));
    }

    private void join(LaunchSession session, String role) {
        Members members = first().getBean(Members.class);
        Instant now = Instant.now();
        first().getBean(Shards.class)
                .write(
                        room,
                        transaction -> members.upsert(
                                        transaction,
                                        new Member(
                                                room,
                                                session.userId(),
                                                session.name(),
                                                null,
                                                Set.of(role),
                                                null,
                                                now,
                                                now))
                                .thenReturn(true))
                .block(Duration.ofSeconds(5));
    }

    private long did(ConfigurableApplicationContext node, LaunchSession session, Map<String, Object> deed)
            throws Exception {
        return seq(act(node, session, "id-" + ids++, deed));
    }

    private static long seq(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return JSON.readTree(answer.body()).path("seq").longValue();
    }

    private HttpResponse<String> act(
            ConfigurableApplicationContext node, LaunchSession session, String id, Map<String, Object> deed)
            throws Exception {
        Map<String, Object> body = new HashMap<>(deed);
        body.put("id", id);
        return post(node, session, "/entries", JSON.writeValueAsString(body));
    }

    private JsonNode get(ConfigurableApplicationContext node, LaunchSession session, String path) throws Exception {
        HttpResponse<String> answer = request(node, session, path);
        assertThat(answer.statusCode()).as(path + " " + answer.body()).isEqualTo(200);
        return JSON.readTree(answer.body());
    }

    private HttpResponse<String> request(ConfigurableApplicationContext node, LaunchSession session, String path)
            throws Exception {
        return http.send(inRoom(node, session, path).GET().build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> post(
            ConfigurableApplicationContext node, LaunchSession session, String path, String body) throws Exception {
        return postTo(node, session, "/api/chat/rooms/" + room + path, body);
    }

    private HttpRequest.Builder inRoom(ConfigurableApplicationContext node, LaunchSession session, String path) {
        return to(node, session, "/api/chat/rooms/" + room + path);
    }
}
