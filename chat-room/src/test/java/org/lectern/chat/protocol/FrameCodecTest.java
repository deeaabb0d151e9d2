package org.lectern.chat.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/** Frames on the wire are as the protocol says; whatever else comes is an error frame, never an exception. */
class FrameCodecTest {

    private static final UUID USER = UUID.fromString("0197a3b4-0000-7000-8000-000000000001");

    private final FrameCodec codec = new FrameCodec();

    @Test
    void aMessageLooksAsTheProtocolSays() {
        assertThat(text(new ServerFrame.Message(
                        "m-1", 7, new Person(USER, "Ada"), "Hello, \"world\"", Instant.parse("2026-11-21T10:00:00Z"))))
                .isEqualTo("{\"type\":\"message\",\"id\":\"m-1\",\"seq\":7,\"user\":{\"id\":\"" + USER
                        + "\",\"name\":\"Ada\"},\"text\":\"Hello, \\\"world\\\"\",\"ts\":\"2026-11-21T10:00:00Z\"}");
    }

    @Test
    void controlFramesLookAsTheProtocolSays() {
        assertThat(text(new ServerFrame.Welcome(3, 9, 0, 4)))
                .isEqualTo("{\"type\":\"welcome\",\"epoch\":3,\"seq\":9,\"shard\":0,\"read\":4}");
        assertThat(text(new ServerFrame.Ack("m-1", 7))).isEqualTo("{\"type\":\"ack\",\"id\":\"m-1\",\"seq\":7}");
        assertThat(text(new ServerFrame.Reconnect(250))).isEqualTo("{\"type\":\"reconnect\",\"after_ms\":250}");
        assertThat(text(new ServerFrame.Refused(ErrorCode.RATE_LIMITED, "slow down", null)))
                .isEqualTo("{\"type\":\"error\",\"code\":\"rate_limited\",\"detail\":\"slow down\"}");
        assertThat(text(new ServerFrame.Presence(1, List.of(new Person(USER, null)), List.of())))
                .isEqualTo("{\"type\":\"presence\",\"count\":1,\"people\":[{\"id\":\"" + USER
                        + "\",\"name\":null}],\"typing\":[]}");
    }

    @Test
    void everyClientFrameIsRead() throws MalformedFrameException {
        assertThat(codec.decode("{\"type\":\"send\",\"id\":\"a\",\"text\":\"b\",\"more\":[1]}"))
                .isEqualTo(new ClientFrame.Act("a", new Deed.Say("b")));
        assertThat(codec.decode("{\"type\":\"send\",\"id\":\"a\",\"text\":\"b\",\"reply_to\":4,\"links\":"
                        + "[{\"url\":\"https://example.org/x\",\"title\":\"X\"},{\"url\":\"http://example.org\"}]}"))
                .isEqualTo(new ClientFrame.Act(
                        "a",
                        new Deed.Say(
                                "b",
                                4L,
                                List.of(
                                        new Link("https://example.org/x", "X"),
                                        new Link("http://example.org", null)))));
        assertThat(codec.decode("{\"type\":\"typing\"}")).isEqualTo(new ClientFrame.Typing());
        assertThat(codec.decode("{\"type\":\"read\",\"seq\":12}")).isEqualTo(new ClientFrame.Read(12));
        assertThat(codec.decode("{\"type\":\"edit\",\"id\":\"a\",\"target\":3,\"text\":\"c\"}"))
                .isEqualTo(new ClientFrame.Act("a", new Deed.Edit(3, "c")));
        assertThat(codec.decode("{\"type\":\"delete\",\"id\":\"a\",\"target\":3}"))
                .isEqualTo(new ClientFrame.Act("a", new Deed.Delete(3, null)));
        assertThat(codec.decode("{\"type\":\"react\",\"id\":\"a\",\"target\":3,\"emoji\":\"👍\",\"on\":false}"))
                .isEqualTo(new ClientFrame.Act("a", new Deed.React(3, "👍", false)));
        assertThat(codec.decode("{\"type\":\"pin\",\"id\":\"a\",\"target\":3}"))
                .isEqualTo(new ClientFrame.Act("a", new Deed.Pin(3, true)));
        assertThat(codec.decode("{\"type\":\"moderate\",\"id\":\"a\",\"action\":\"mute\",\"subject\":\"" + USER
                        + "\",\"until\":\"2026-11-21T11:00:00+01:00\",\"reason\":\"shouting\"}"))
                .isEqualTo(new ClientFrame.Act(
                        "a",
                        new Deed.Moderate(
                                Deed.Action.MUTE, USER, Instant.parse("2026-11-21T10:00:00Z"), null, "shouting")));
        assertThat(codec.decode("{\"type\":\"moderate\",\"id\":\"a\",\"action\":\"slow\",\"seconds\":30}"))
                .isEqualTo(new ClientFrame.Act("a", new Deed.Moderate(Deed.Action.SLOW, null, null, 30, null)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"👍", "❤️", "👩🏽‍🚀", "🇫🇮", "3️⃣", "☺"})
    void oneEmojiIsAReaction(String emoji) {
        assertThat(MessageRules.validEmoji(emoji)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "3", "👍👍", "👍 ", "<b>", "yes"})
    void whatIsNotOneEmojiIsNoReaction(String text) {
        assertThat(MessageRules.validEmoji(text)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "javascript:alert(1)",
                "data:text/html,x",
                "//example.org",
                "/relative",
                "https://",
                "https://user@example.org",
                "https://example.org/ a",
                "https://example.org/\"onclick",
                "ftp://example.org",
                "https:example.org",
                "https://example.org:99999/",
                "https://example.org:65536",
                "https://example.org:0/",
                "https://[::1]:99999/",
                ""
            })
    void whatIsNoPlainWebAddressIsNotAttached(String url) {
        assertThat(Link.validUrl(url)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"https://example.org:65535/", "http://example.org:1", "https://example.org:/", "http://[::1]:80/"
            })
    void plainWebAddressesMayHavePorts(String url) {
        assertThat(Link.validUrl(url)).isTrue();
    }

    @Test
    void whatAnEntryMeansForANodeIsKnownFromItsBytes() {
        Person staff = new Person(USER, "Ada");
        UUID banned = UUID.fromString("0197a3b4-0000-7000-8000-000000000002");
        assertThat(codec.consequence(codec.encode(new ServerFrame.Message("m", 1, staff, "ban", Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Consequence.None());
        assertThat(codec.consequence(codec.encode(new ServerFrame.Edited("m", 1, staff, 1, "x", Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Consequence.Erased());
        assertThat(codec.consequence(codec.encode(new ServerFrame.Deleted("m", 1, staff, 1, Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Consequence.Erased());
        assertThat(codec.consequence(codec.encode(
                        new ServerFrame.Moderation("m", 1, staff, Deed.Action.BAN, banned, null, null, Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Consequence.Banned(banned));
        assertThat(codec.consequence(codec.encode(new ServerFrame.Moderation(
                        "m", 1, staff, Deed.Action.MUTE, banned, null, null, Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Consequence.None());
    }

    @Test
    void theHeadOfAFrameSaysWhatItIsAndWhereItStands() {
        Person ada = new Person(USER, "seq");
        assertThat(codec.head(codec.encode(new ServerFrame.Welcome(7, 5, 0, 3))))
                .isEqualTo(new FrameCodec.Head("welcome", 7L, null));
        assertThat(codec.head(codec.encode(new ServerFrame.Ack("m", 5))))
                .isEqualTo(new FrameCodec.Head("ack", null, null));
        assertThat(codec.head(codec.encode(new ServerFrame.Presence(1, List.of(ada), List.of()))))
                .isEqualTo(new FrameCodec.Head("presence", null, null));
        assertThat(codec.head(codec.encode(new ServerFrame.Message("\"seq\":9", 5, ada, "\"user\":", Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Head("message", null, 5L));
        assertThat(codec.head(codec.encode(
                        new ServerFrame.Moderation("m", 6, ada, Deed.Action.OPEN, null, null, null, Instant.EPOCH))))
                .isEqualTo(new FrameCodec.Head("moderation", null, 6L));
        assertThat(codec.head(codec.encode(new ServerFrame.Reconnect(9))))
                .isEqualTo(new FrameCodec.Head("reconnect", null, null));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "{",
                "{\"type\":\"dance\"}",
                "{\"type\":\"send\",\"text\":\"no id\"}",
                "{\"type\":\"send\",\"id\":\"\",\"text\":\"x\"}",
                "{\"type\":\"send\",\"id\":7,\"text\":\"x\"}",
                "{\"type\":\"send\",\"id\":\"a b\",\"text\":\"x\"}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\" \"}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\"nul\\u0000\"}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\"half \\ud83d\"}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\"x\",\"links\":[{\"url\":\"javascript:1\"}]}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\"x\",\"links\":[{\"url\":\"https://example.com:99999/\"}]}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\"x\",\"links\":[{},{},{},{},{},{}]}",
                "{\"type\":\"send\",\"id\":\"a\",\"text\":\"x\",\"reply_to\":\"1\"}",
                "{\"type\":\"react\",\"id\":\"a\",\"target\":1,\"emoji\":\"ok\"}",
                "{\"type\":\"pin\",\"id\":\"a\",\"target\":1,\"on\":\"yes\"}",
                "{\"type\":\"moderate\",\"id\":\"a\",\"action\":\"hang\"}",
                "{\"type\":\"moderate\",\"id\":\"a\",\"action\":\"ban\"}",
                "{\"type\":\"moderate\",\"id\":\"a\",\"action\":\"slow\",\"seconds\":0}",
                "{\"type\":\"read\",\"seq\":-1}",
                "{\"type\":\"read\",\"seq\":1.5}",
                "{\"type\":\"read\",\"seq\":99999999999999999999}",
                "[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]"
            })
    void whatIsNoFrameIsAnsweredByAnError(String text) {
        assertThatExceptionOfType(MalformedFrameException.class).isThrownBy(() -> codec.decode(text));
    }

    @Test
    void charactersAreCountedAsPeopleDo() {
        assertThat(MessageRules.validText("😀".repeat(4000))).isTrue();
        assertThat(MessageRules.validText("😀".repeat(4001))).isFalse();
        assertThat(MessageRules.validText("x".repeat(4001))).isFalse();
    }

    @Property(tries = 500)
    void anyTextAtAllIsEitherAFrameOrAnError(@ForAll @StringLength(max = 200) String text) {
        try {
            assertThat(codec.decode(text)).isNotNull();
        } catch (MalformedFrameException e) {
            assertThat(e.answer().detail()).isNotBlank();
        }
    }

    @Property(tries = 300)
    void whateverIsSaidComesOutAsItWentIn(@ForAll @StringLength(min = 1, max = 100) String said) {
        JsonMapper json = new JsonMapper();
        if (MessageRules.validText(said)) {
            String wire = text(new ServerFrame.Message("m", 1, new Person(USER, said), said, Instant.EPOCH));
            assertThat(json.readTree(wire).path("text").stringValue()).isEqualTo(said);
        }
    }

    private String text(ServerFrame frame) {
        return new String(codec.encode(frame), StandardCharsets.UTF_8);
    }
}
