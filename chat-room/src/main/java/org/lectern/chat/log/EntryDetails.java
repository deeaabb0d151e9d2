package org.lectern.chat.log;

import static org.lectern.chat.log.Columns.required;
import static org.lectern.chat.log.Columns.time;

import io.r2dbc.spi.Readable;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.Link;
import org.lectern.chat.protocol.Person;
import org.lectern.chat.protocol.ServerFrame;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What an entry has beside its common columns, as JSON in one column; and the entry that a row is. */
final class EntryDetails {

    private final JsonMapper json;

    EntryDetails(JsonMapper json) {
        this.json = json;
    }

    /** Null when there is nothing to keep. */
    @Nullable
    String write(Deed deed, List<UUID> mentions) {
        ObjectNode detail = json.createObjectNode();
        switch (deed) {
            case Deed.Say say -> {
                if (!say.links().isEmpty()) {
                    var links = detail.putArray("links");
                    say.links()
                            .forEach(link ->
                                    links.addObject().put("url", link.url()).put("title", link.title()));
                }
                if (!mentions.isEmpty()) {
                    var people = detail.putArray("mentions");
                    mentions.forEach(person -> people.add(person.toString()));
                }
            }
            case Deed.Edit edit -> {}
            case Deed.Delete delete -> {}
            case Deed.React react -> detail.put("emoji", react.emoji()).put("on", react.on());
            case Deed.Pin pin -> detail.put("on", pin.on());
            case Deed.Moderate moderate -> {
                detail.put("action", moderate.action().wire());
                if (moderate.subject() != null) {
                    detail.put("subject", moderate.subject().toString());
                }
                if (moderate.until() != null) {
                    detail.put("until", moderate.until().toString());
                }
                if (moderate.seconds() != null) {
                    detail.put("seconds", moderate.seconds());
                }
            }
        }
        return detail.isEmpty() ? null : detail.toString();
    }

    /** The entry that a row is, as it stands now. */
    ServerFrame.Entry entry(Readable row) {
        String id = required(row, "client_id", String.class);
        long seq = required(row, "seq", Long.class);
        Person user = new Person(required(row, "user_id", UUID.class), row.get("user_name", String.class));
        Instant at = required(row, "at", OffsetDateTime.class).toInstant();
        JsonNode detail = detail(row);
        String kind = required(row, "kind", String.class);
        return switch (kind) {
            case "message" -> message(row);
            case "edit" -> new ServerFrame.Edited(id, seq, user, target(row), text(row), at);
            case "delete" -> new ServerFrame.Deleted(id, seq, user, target(row), at);
            case "reaction" ->
                new ServerFrame.Reaction(
                        id,
                        seq,
                        user,
                        target(row),
                        detail.path("emoji").asString(),
                        detail.path("on").asBoolean(),
                        at);
            case "pin" ->
                new ServerFrame.Pinned(
                        id, seq, user, target(row), detail.path("on").asBoolean(), at);
            case "moderation" ->
                new ServerFrame.Moderation(
                        id,
                        seq,
                        user,
                        Deed.Action.valueOf(detail.path("action").asString().toUpperCase(Locale.ROOT)),
                        detail.has("subject")
                                ? UUID.fromString(detail.path("subject").asString())
                                : null,
                        detail.has("until") ? Instant.parse(detail.path("until").asString()) : null,
                        detail.has("seconds") ? detail.path("seconds").asInt() : null,
                        at);
            default -> throw new IllegalStateException("entry of unknown kind " + kind);
        };
    }

    /** The message that a row is, as it stands now. */
    ServerFrame.Message message(Readable row) {
        JsonNode detail = detail(row);
        List<Link> links = new ArrayList<>();
        for (JsonNode link : detail.path("links")) {
            links.add(new Link(
                    link.path("url").asString(),
                    link.path("title").isString() ? link.path("title").stringValue() : null));
        }
        List<UUID> mentions = new ArrayList<>();
        for (JsonNode person : detail.path("mentions")) {
            mentions.add(UUID.fromString(person.asString()));
        }
        return new ServerFrame.Message(
                required(row, "client_id", String.class),
                required(row, "seq", Long.class),
                new Person(required(row, "user_id", UUID.class), row.get("user_name", String.class)),
                text(row),
                required(row, "at", OffsetDateTime.class).toInstant(),
                row.get("target", Long.class),
                links,
                mentions,
                time(row, "edited_at"),
                row.get("deleted_at", OffsetDateTime.class) != null);
    }

    private JsonNode detail(Readable row) {
        @Nullable String detail = row.get("detail", String.class);
        return detail == null ? json.createObjectNode() : json.readTree(detail);
    }

    private static long target(Readable row) {
        return required(row, "target", Long.class);
    }

    /** Empty when it is gone. */
    private static String text(Readable row) {
        return Objects.requireNonNullElse(row.get("text", String.class), "");
    }
}
