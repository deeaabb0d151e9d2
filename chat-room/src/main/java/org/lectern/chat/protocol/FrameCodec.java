package org.lectern.chat.protocol;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Frames as JSON text, {@code type} first, names in snake_case. Thread-safe. */
public final class FrameCodec {

    private static final byte[] EDIT = "{\"type\":\"edit\"".getBytes(StandardCharsets.UTF_8);
    private static final byte[] DELETE = "{\"type\":\"delete\"".getBytes(StandardCharsets.UTF_8);
    private static final byte[] MODERATION = "{\"type\":\"moderation\"".getBytes(StandardCharsets.UTF_8);
    private static final Instant LATEST = Instant.parse("2200-01-01T00:00:00Z");

    private final JsonMapper json = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(8)
                            .maxNumberLength(20)
                            .maxNameLength(64)
                            .build())
                    .build())
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();

    /** A server's frame as UTF-8. */
    public byte[] encode(ServerFrame frame) {
        ObjectNode node = json.createObjectNode().put("type", frame.type());
        switch (frame) {
            case ServerFrame.Welcome welcome ->
                node.put("epoch", welcome.epoch())
                        .put("seq", welcome.seq())
                        .put("shard", welcome.shard())
                        .put("read", welcome.read());
            case ServerFrame.Ack ack -> node.put("id", ack.id()).put("seq", ack.seq());
            case ServerFrame.Refused refused -> {
                node.put("code", refused.code().wire()).put("detail", refused.detail());
                if (refused.id() != null) {
                    node.put("id", refused.id());
                }
                if (refused.retryAfterMs() != null) {
                    node.put("retry_after_ms", refused.retryAfterMs());
                }
            }
            case ServerFrame.Presence presence -> {
                node.put("count", presence.count());
                var people = node.putArray("people");
                presence.people().forEach(person -> people.add(person(person)));
                var typing = node.putArray("typing");
                presence.typing().forEach(person -> typing.add(person(person)));
            }
            case ServerFrame.Reconnect reconnect -> node.put("after_ms", reconnect.afterMs());
            case ServerFrame.Message message -> message(entry(node, message), message);
            case ServerFrame.Edited edited ->
                entry(node, edited).put("target", edited.target()).put("text", edited.text());
            case ServerFrame.Deleted deleted -> entry(node, deleted).put("target", deleted.target());
            case ServerFrame.Reaction reaction ->
                entry(node, reaction)
                        .put("target", reaction.target())
                        .put("emoji", reaction.emoji())
                        .put("on", reaction.on());
            case ServerFrame.Pinned pinned ->
                entry(node, pinned).put("target", pinned.target()).put("on", pinned.on());
            case ServerFrame.Moderation moderation -> {
                entry(node, moderation).put("action", moderation.action().wire());
                if (moderation.subject() != null) {
                    node.put("subject", moderation.subject().toString());
                }
                if (moderation.until() != null) {
                    node.put("until", moderation.until().toString());
                }
                if (moderation.seconds() != null) {
                    node.put("seconds", moderation.seconds());
                }
            }
        }
        if (frame instanceof ServerFrame.Entry entry) {
            node.put("ts", entry.ts().toString());
        }
        return json.writeValueAsString(node).getBytes(StandardCharsets.UTF_8);
    }

    /** What an entry means for a node, beside that it is shown. */
    public sealed interface Consequence {

        /** Nothing. */
        record None() implements Consequence {}

        /** A text is gone and must not be kept. */
        record Erased() implements Consequence {}

        /** A person may not be here any more. */
        record Banned(UUID person) implements Consequence {}
    }

    /** The consequence of an encoded entry; most are known by their first bytes. */
    public Consequence consequence(byte[] entry) {
        if (startsWith(entry, DELETE) || startsWith(entry, EDIT)) {
            return new Consequence.Erased();
        }
        if (startsWith(entry, MODERATION)) {
            JsonNode node = json.readTree(entry);
            if (node.path("action").asString("").equals(Deed.Action.BAN.wire())) {
                return new Consequence.Banned(
                        UUID.fromString(node.path("subject").asString()));
            }
        }
        return new Consequence.None();
    }

    /**
     * What a server's frame begins with.
     *
     * @param epoch of a welcome; null for others
     * @param entry number of an entry of the room's sequence; null for what has no place in it
     */
    public record Head(
            String type, @Nullable Long epoch, @Nullable Long entry) {}

    /** Head of a frame that {@link #encode} made. Reads its first few fields only, however long the rest is. */
    public Head head(byte[] frame) {
        String type = "";
        @Nullable Long epoch = null;
        @Nullable Long seq = null;
        try (JsonParser parser = json.createParser(frame)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "type" -> type = parser.getString();
                    case "epoch" -> epoch = parser.getLongValue();
                    case "seq" -> seq = parser.getLongValue();
                    case "user" -> {
                        return new Head(type, null, seq);
                    }
                    case "id" -> {}
                    default -> {
                        return new Head(type, epoch, null);
                    }
                }
            }
        }
        return new Head(type, epoch, null);
    }

    private static boolean startsWith(byte[] entry, byte[] prefix) {
        return entry.length >= prefix.length && Arrays.equals(entry, 0, prefix.length, prefix, 0, prefix.length);
    }

    /**
     * Reads a client's frame.
     *
     * @throws MalformedFrameException with what to answer
     */
    public ClientFrame decode(String text) throws MalformedFrameException {
        JsonNode node;
        try {
            node = json.readTree(text);
        } catch (JacksonException e) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "The frame is not JSON", null);
        }
        return decode(node);
    }

    /**
     * Reads a client's frame that was parsed already, such as the body of a request.
     *
     * @throws MalformedFrameException with what to answer
     */
    public ClientFrame decode(JsonNode node) throws MalformedFrameException {
        if (!node.isObject()) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "The frame is not a JSON object", null);
        }
        @Nullable String id = node.path("id").isString() ? node.path("id").stringValue() : null;
        if (id != null && !MessageRules.validId(id)) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "id must be 1 to 64 visible ASCII characters", null);
        }
        String type = node.path("type").isString() ? node.path("type").stringValue() : "";
        return switch (type) {
            case "send" -> act(id, new Deed.Say(text(node, id), optionalNumber(node, "reply_to", id), links(node, id)));
            case "typing" -> new ClientFrame.Typing();
            case "read" -> new ClientFrame.Read(number(node, "seq", id));
            case "edit" -> act(id, new Deed.Edit(number(node, "target", id), text(node, id)));
            case "delete" -> act(id, new Deed.Delete(number(node, "target", id), reason(node, id)));
            case "react" -> act(id, new Deed.React(number(node, "target", id), emoji(node, id), on(node, id)));
            case "pin" -> act(id, new Deed.Pin(number(node, "target", id), on(node, id)));
            case "moderate" -> act(id, moderate(node, id));
            default -> throw new MalformedFrameException(ErrorCode.MALFORMED, "type is missing or unknown", id);
        };
    }

    private static ClientFrame act(@Nullable String id, Deed deed) throws MalformedFrameException {
        if (id == null) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "id is missing", null);
        }
        return new ClientFrame.Act(id, deed);
    }

    private static Deed moderate(JsonNode node, @Nullable String id) throws MalformedFrameException {
        Deed.@Nullable Action action = null;
        for (Deed.Action known : Deed.Action.values()) {
            if (known.wire().equals(node.path("action").asString(""))) {
                action = known;
            }
        }
        if (action == null) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "action is missing or unknown", id);
        }
        @Nullable UUID subject = null;
        if (action.personal()) {
            try {
                subject = UUID.fromString(node.path("subject").asString(""));
            } catch (IllegalArgumentException e) {
                throw new MalformedFrameException(ErrorCode.MALFORMED, "subject must be a person's id", id);
            }
        }
        @Nullable Integer seconds = null;
        if (action == Deed.Action.SLOW) {
            long asked = number(node, "seconds", id);
            if (asked < 1 || asked > MessageRules.SLOW_LIMIT_SECONDS) {
                throw new MalformedFrameException(
                        ErrorCode.MALFORMED, "seconds must be 1 to " + MessageRules.SLOW_LIMIT_SECONDS, id);
            }
            seconds = (int) asked;
        }
        @Nullable Instant until = null;
        if (action == Deed.Action.MUTE || action == Deed.Action.BAN) {
            until = time(node, "until", id);
        }
        return new Deed.Moderate(action, subject, until, seconds, reason(node, id));
    }

    private static @Nullable Instant time(JsonNode node, String field, @Nullable String id)
            throws MalformedFrameException {
        if (absent(node, field)) {
            return null;
        }
        try {
            Instant time = OffsetDateTime.parse(node.path(field).asString("")).toInstant();
            if (time.isBefore(Instant.EPOCH) || time.isAfter(LATEST)) {
                throw new DateTimeException("out of range");
            }
            return time.truncatedTo(ChronoUnit.MILLIS);
        } catch (DateTimeException e) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, field + " must be a time of RFC 3339", id);
        }
    }

    private static @Nullable String reason(JsonNode node, @Nullable String id) throws MalformedFrameException {
        if (absent(node, "reason")) {
            return null;
        }
        JsonNode reason = node.path("reason");
        if (!reason.isString()
                || reason.stringValue().length() > MessageRules.REASON_LIMIT
                || !MessageRules.validText(reason.stringValue())) {
            throw new MalformedFrameException(
                    ErrorCode.MALFORMED, "reason must be 1 to " + MessageRules.REASON_LIMIT + " characters", id);
        }
        return reason.stringValue();
    }

    private static List<Link> links(JsonNode node, @Nullable String id) throws MalformedFrameException {
        if (absent(node, "links")) {
            return List.of();
        }
        JsonNode array = node.path("links");
        if (!array.isArray() || array.size() > MessageRules.LINK_LIMIT) {
            throw new MalformedFrameException(
                    ErrorCode.MALFORMED, "links must be at most " + MessageRules.LINK_LIMIT, id);
        }
        List<Link> links = new ArrayList<>();
        for (JsonNode each : array) {
            String url = each.path("url").asString("");
            @Nullable
            String title = absent(each, "title") ? null : each.path("title").asString("");
            if (!Link.validUrl(url) || (title != null && !Link.validTitle(title))) {
                throw new MalformedFrameException(
                        ErrorCode.MALFORMED, "a link needs an http or https url, and a title of one line or none", id);
            }
            links.add(new Link(url, title));
        }
        return links;
    }

    private static boolean on(JsonNode node, @Nullable String id) throws MalformedFrameException {
        if (absent(node, "on")) {
            return true;
        }
        if (!node.path("on").isBoolean()) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "on must be true or false", id);
        }
        return node.path("on").booleanValue();
    }

    private static boolean absent(JsonNode node, String field) {
        return node.path(field).isMissingNode() || node.path(field).isNull();
    }

    private static @Nullable Long optionalNumber(JsonNode node, String field, @Nullable String id)
            throws MalformedFrameException {
        return absent(node, field) ? null : number(node, field, id);
    }

    private static void message(ObjectNode node, ServerFrame.Message message) {
        node.put("text", message.text());
        if (message.replyTo() != null) {
            node.put("reply_to", message.replyTo());
        }
        if (!message.links().isEmpty()) {
            var links = node.putArray("links");
            message.links()
                    .forEach(link -> links.addObject().put("url", link.url()).put("title", link.title()));
        }
        if (!message.mentions().isEmpty()) {
            var mentions = node.putArray("mentions");
            message.mentions().forEach(person -> mentions.add(person.toString()));
        }
        if (message.editedAt() != null) {
            node.put("edited_at", message.editedAt().toString());
        }
        if (message.deleted()) {
            node.put("deleted", true);
        }
    }

    private static ObjectNode entry(ObjectNode node, ServerFrame.Entry entry) {
        node.put("id", entry.id()).put("seq", entry.seq());
        node.set("user", person(entry.user()));
        return node;
    }

    private static ObjectNode person(Person person) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("id", person.id().toString())
                .put("name", person.name());
    }

    private static String text(JsonNode node, @Nullable String id) throws MalformedFrameException {
        JsonNode text = node.path("text");
        if (!text.isString() || !MessageRules.validText(text.stringValue())) {
            throw new MalformedFrameException(
                    ErrorCode.BAD_TEXT, "text must be 1 to " + MessageRules.TEXT_LIMIT + " characters", id);
        }
        return text.stringValue();
    }

    private static String emoji(JsonNode node, @Nullable String id) throws MalformedFrameException {
        JsonNode emoji = node.path("emoji");
        if (!emoji.isString() || !MessageRules.validEmoji(emoji.stringValue())) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, "emoji must be one emoji", id);
        }
        return emoji.stringValue();
    }

    private static long number(JsonNode node, String field, @Nullable String id) throws MalformedFrameException {
        JsonNode number = node.path(field);
        if (!number.isIntegralNumber() || !number.canConvertToLong() || number.longValue() < 0) {
            throw new MalformedFrameException(ErrorCode.MALFORMED, field + " must be a number from 0", id);
        }
        return number.longValue();
    }
}
