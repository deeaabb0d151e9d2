package org.lectern.chat.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tables of docs/chat-protocol.md and the frames of docs/asyncapi.yaml are those of the code. */
class ProtocolDocumentTest {

    @Test
    void closeCodesAreDocumentedAsTheyAre() throws IOException {
        assertThat(rows("## Close codes"))
                .containsExactlyElementsOf(Arrays.stream(CloseCode.values())
                        .map(code ->
                                "| " + code.code() + " | " + yesNo(code.mayReconnect()) + " | " + code.meaning() + " |")
                        .toList());
    }

    @Test
    void errorCodesAreDocumentedAsTheyAre() throws IOException {
        assertThat(rows("## Error codes"))
                .containsExactlyElementsOf(Arrays.stream(ErrorCode.values())
                        .map(code -> "| `" + code.wire() + "` | " + yesNo(code.mayRetry()) + " | `"
                                + code.problem().wire() + "` | " + code.meaning() + " |")
                        .toList());
    }

    @Test
    void closeReasonsFitAControlFrame() {
        assertThat(CloseCode.values()).allSatisfy(code -> {
            assertThat(code.meaning()).hasSizeLessThanOrEqualTo(123);
            assertThat(code.meaning().chars()).allMatch(c -> c < 128);
        });
    }

    @Test
    void everyFrameStandsInTheDocument() throws IOException {
        String document = Files.readString(docs().resolve("chat-protocol.md"));
        samples().forEach(frame -> assertThat(document).contains("| `" + frame.type() + "` |"));
        for (String type : CLIENT_TYPES) {
            assertThat(document).contains("| `" + type + "` |");
        }
    }

    /** What is sent has exactly the fields that asyncapi.yaml declares: those required always, the others in full frames. */
    @Test
    void framesOfTheServerHaveTheFieldsOfTheDescription() throws IOException {
        Map<String, Object> messages = messages();
        FrameCodec codec = new FrameCodec();
        Set<String> described = messages.keySet().stream()
                .filter(name -> name.startsWith("server_"))
                .collect(Collectors.toSet());
        Map<String, Set<String>> seen = new HashMap<>();
        for (ServerFrame frame : samples()) {
            JsonNode sent = new JsonMapper().readTree(codec.encode(frame));
            Map<String, Object> payload = payload(messages, "server_" + frame.type());
            assertThat(sent.propertyNames()).as(frame.type()).containsAll(list(payload, "required"));
            assertThat(map(payload, "properties").keySet()).as(frame.type()).containsAll(sent.propertyNames());
            seen.computeIfAbsent("server_" + frame.type(), unused -> new HashSet<>())
                    .addAll(sent.propertyNames());
        }
        assertThat(seen.keySet()).isEqualTo(described);
        seen.forEach((name, fields) -> assertThat(fields)
                .as(name)
                .isEqualTo(map(payload(messages, name), "properties").keySet()));
    }

    /** A frame with all the fields that asyncapi.yaml declares is read, and without any one of those required refused. */
    @Test
    void framesOfTheClientNeedTheFieldsOfTheDescription() throws Exception {
        Map<String, Object> messages = messages();
        assertThat(messages.keySet().stream().filter(name -> name.startsWith("client_")))
                .containsExactlyInAnyOrderElementsOf(
                        CLIENT_TYPES.stream().map(type -> "client_" + type).toList());
        FrameCodec codec = new FrameCodec();
        JsonMapper json = new JsonMapper();
        Map<String, Object> values = new HashMap<>(Map.of(
                "id",
                "a",
                "text",
                "b",
                "seq",
                1,
                "target",
                1,
                "emoji",
                "👍",
                "on",
                true,
                "reply_to",
                1,
                "links",
                List.of(Map.of("url", "https://example.org"))));
        values.putAll(Map.of(
                "action", "mute",
                "subject", PERSON.id().toString(),
                "until", "2026-11-21T10:00:00Z",
                "seconds", 5,
                "reason", "why"));
        for (String type : CLIENT_TYPES) {
            Map<String, Object> payload = payload(messages, "client_" + type);
            Map<String, Object> frame = new HashMap<>(Map.of("type", type));
            map(payload, "properties").keySet().forEach(field -> {
                if (!field.equals("type")) {
                    frame.put(field, Objects.requireNonNull(values.get(field), field));
                }
            });
            assertThat(codec.decode(json.writeValueAsString(frame))).isNotNull();
            for (String field : list(payload, "required")) {
                Map<String, Object> without = new HashMap<>(frame);
                without.remove(field);
                assertThatExceptionOfType(MalformedFrameException.class)
                        .as("%s without %s", type, field)
                        .isThrownBy(() -> codec.decode(json.writeValueAsString(without)));
            }
        }
    }

    @Test
    void theDescriptionKnowsEveryErrorCodeAndEveryAction() throws IOException {
        Map<String, Object> messages = messages();
        assertThat(list(map(map(payload(messages, "server_error"), "properties"), "code"), "enum"))
                .containsExactlyElementsOf(
                        Arrays.stream(ErrorCode.values()).map(ErrorCode::wire).toList());
        for (String name : List.of("client_moderate", "server_moderation")) {
            assertThat(list(map(map(payload(messages, name), "properties"), "action"), "enum"))
                    .containsExactlyElementsOf(Arrays.stream(Deed.Action.values())
                            .map(Deed.Action::wire)
                            .toList());
        }
        Map<String, Object> channel = map(map(description(), "channels"), "room");
        assertThat(map(channel, "messages").keySet()).isEqualTo(messages.keySet());
    }

    private static final List<String> CLIENT_TYPES =
            List.of("send", "edit", "delete", "react", "pin", "moderate", "typing", "read");
    private static final Person PERSON = new Person(new UUID(0, 7), "Ada");

    private static List<ServerFrame> samples() {
        Instant at = Instant.EPOCH;
        return List.of(
                new ServerFrame.Welcome(1, 2, 0, 1),
                new ServerFrame.Ack("a", 1),
                new ServerFrame.Refused(ErrorCode.MALFORMED, "no", null),
                new ServerFrame.Refused(ErrorCode.SLOW_MODE, "no", "a", 5L),
                new ServerFrame.Presence(1, List.of(PERSON), List.of(PERSON)),
                new ServerFrame.Reconnect(5),
                new ServerFrame.Message("a", 1, PERSON, "b", at),
                new ServerFrame.Message(
                        "a",
                        1,
                        PERSON,
                        "",
                        at,
                        1L,
                        List.of(new Link("https://x", null)),
                        List.of(PERSON.id()),
                        at,
                        true),
                new ServerFrame.Edited("a", 1, PERSON, 1, "c", at),
                new ServerFrame.Deleted("a", 1, PERSON, 1, at),
                new ServerFrame.Reaction("a", 1, PERSON, 1, "👍", true, at),
                new ServerFrame.Pinned("a", 1, PERSON, 1, true, at),
                new ServerFrame.Moderation("a", 1, PERSON, Deed.Action.OPEN, null, null, null, at),
                new ServerFrame.Moderation("a", 1, PERSON, Deed.Action.MUTE, PERSON.id(), at, 5, at));
    }

    private static Map<String, Object> description() throws IOException {
        return new Yaml().load(Files.readString(docs().resolve("asyncapi.yaml")));
    }

    private static Map<String, Object> messages() throws IOException {
        return map(map(description(), "components"), "messages");
    }

    private static Map<String, Object> payload(Map<String, Object> messages, String name) {
        return map(map(messages, name), "payload");
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Map<String, Object> parent, String key) {
        return (Map<String, Object>) Objects.requireNonNull(parent.get(key), key);
    }

    @SuppressWarnings("unchecked")
    private static List<String> list(Map<String, Object> parent, String key) {
        return (List<String>) Objects.requireNonNull(parent.get(key), key);
    }

    private static List<String> rows(String heading) throws IOException {
        String text = Files.readString(docs().resolve("chat-protocol.md"));
        String section = text.substring(text.indexOf(heading) + heading.length());
        int end = section.indexOf("\n## ");
        return (end < 0 ? section : section.substring(0, end))
                .lines()
                .filter(line -> line.startsWith("|"))
                .skip(2)
                .toList();
    }

    private static Path docs() {
        Path here = Path.of("").toAbsolutePath();
        Path inModule = here.resolve("../docs").normalize();
        return Files.isDirectory(here.resolve("docs")) ? here.resolve("docs") : inModule;
    }

    private static String yesNo(boolean value) {
        return value ? "yes" : "no";
    }
}
