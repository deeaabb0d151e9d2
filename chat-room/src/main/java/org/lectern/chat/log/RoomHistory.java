package org.lectern.chat.log;

import static org.lectern.chat.log.Columns.required;
import static org.lectern.chat.log.Columns.time;

import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Person;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads rooms as they are now: each message once, in its present state. Lists are newest first, by keyset. As fresh as
 * the session of the Reactor context needs, where nothing else is said.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
public class RoomHistory {

    private static final String MESSAGES = """
            select m.seq, m.client_id, m.user_id, m.user_name, m.target, m.text, m.detail::text as detail, m.edited_at,
                   m.deleted_at, m.at, m.pinned_at is not null as pinned,
                   (select head from chat_room r where r.context_id = m.context_id) as as_of,
                   (select count(*) from chat_entry r
                    where r.context_id = m.context_id and r.target = m.seq and r.kind = 'message'
                        and r.deleted_at is null) as replies,
                   (select json_agg(json_build_object('emoji', emoji, 'count', people, 'mine', mine) order by since)::text
                    from (select emoji, count(*) as people, bool_or(user_id = :me) as mine, min(at) as since
                          from chat_reaction x where x.context_id = m.context_id and x.target = m.seq
                          group by emoji) as each) as reactions
            from chat_entry m
            where m.context_id = :context and m.kind = 'message'
            """;

    /** Marks of a hit in the excerpt that PostgreSQL makes; removed from texts before, so that nobody can forge them. */
    private static final char BEGIN = '\u0001';

    private static final char END = '\u0002';

    private final Shards shards;
    private final IdGenerator ids;
    private final Clock clock;
    private final JsonMapper json;
    private final EntryDetails details;

    RoomHistory(Shards shards, IdGenerator ids, Clock clock, JsonMapper json) {
        this.shards = shards;
        this.ids = ids;
        this.clock = clock;
        this.json = json;
        this.details = new EntryDetails(json);
    }

    /** Messages before a number, newest first. */
    public Flux<MessageState> before(ContextId room, UUID me, long seq, int limit) {
        return newest(room, me, "", spec -> spec, seq, limit);
    }

    /** Messages after a number, oldest first, from the primary. */
    public Flux<MessageState> after(ContextId room, UUID me, long seq, int limit) {
        return shards.read(
                room,
                Freshness.PRIMARY,
                sql -> messages(sql, room, me, " and m.seq > :seq order by m.seq limit :limit")
                        .bind("seq", seq)
                        .bind("limit", limit)
                        .map(this::state)
                        .all());
    }

    /** One message; empty when there is none with this number. */
    public Mono<MessageState> find(ContextId room, UUID me, long seq) {
        return shards.read(
                        room,
                        Freshness.SESSION,
                        sql -> messages(sql, room, me, " and m.seq = :seq")
                                .bind("seq", seq)
                                .map(this::state)
                                .one())
                .next();
    }

    /** The answers of a thread before a number, newest first. */
    public Flux<MessageState> thread(ContextId room, UUID me, long root, long seq, int limit) {
        return newest(room, me, " and m.target = :root", spec -> spec.bind("root", root), seq, limit);
    }

    /** The pinned messages before a number, newest first. */
    public Flux<MessageState> pins(ContextId room, UUID me, long seq, int limit) {
        return newest(room, me, " and m.pinned_at is not null", spec -> spec, seq, limit);
    }

    /**
     * Messages before a number that have all of the words, newest first.
     *
     * @param words as people type them: words, {@code "a phrase"}, {@code -without}, {@code this or that}
     */
    public Flux<Hit> search(ContextId room, UUID me, String words, long seq, int limit) {
        return shards.read(
                room,
                Freshness.SESSION,
                sql -> sql.sql(MESSAGES.replaceFirst("(?s)from chat_entry m\\s+where", """
                                , ts_headline('simple', translate(m.text, chr(1) || chr(2), ''), query,
                                              'MaxFragments=1, MinWords=8, MaxWords=30, StartSel=' || chr(1) || ', StopSel='
                                                  || chr(2)) as excerpt
                                from chat_entry m, websearch_to_tsquery('simple', :words) as query
                                where\
                                """)
                                + " and m.text is not null and to_tsvector('simple', m.text) @@ query"
                                + " and m.seq < :seq order by m.seq desc limit :limit")
                        .bind("context", room.value())
                        .bind("me", me)
                        .bind("words", words)
                        .bind("seq", seq)
                        .bind("limit", limit)
                        .map(row -> hit(state(row), required(row, "excerpt", String.class)))
                        .all());
    }

    /** How a room is for a person: its rules, what it forbids this one, and what they have not read. */
    public Mono<RoomView> view(ContextId room, UUID me) {
        return shards.read(
                        room,
                        Freshness.SESSION,
                        sql -> sql.sql("""
                        select r.slow_seconds, coalesce(r.announce, false) as announce, coalesce(r.head, 0) as head,
                               coalesce(m.seq, 0) as read, s.kind is not null as muted, s.until as muted_until,
                               (select count(*) from (select from chat_entry e
                                    where e.context_id = :context and e.seq > coalesce(m.seq, 0) and e.kind = 'message'
                                        and e.user_id <> :me and e.deleted_at is null limit 1000) as new) as unread,
                               (select count(*) from chat_notification n
                                    where n.context_id = :context and n.user_id = :me
                                        and n.seq > coalesce(m.seq, 0)) as mentions,
                               (select count(*) from chat_entry p
                                    where p.context_id = :context and p.pinned_at is not null) as pins
                        from (values (1)) as one (row)
                        left join chat_room r on r.context_id = :context
                        left join chat_read m on m.context_id = :context and m.user_id = :me
                        left join chat_sanction s on s.context_id = :context and s.user_id = :me and s.kind = 'mute'
                            and (s.until is null or s.until > :now)
                        """)
                                .bind("context", room.value())
                                .bind("me", me)
                                .bind("now", OffsetDateTime.now(clock))
                                .map(row -> new RoomView(
                                        new RoomRules(
                                                row.get("slow_seconds", Integer.class),
                                                required(row, "announce", Boolean.class)),
                                        required(row, "head", Long.class),
                                        required(row, "read", Long.class),
                                        required(row, "unread", Long.class),
                                        required(row, "mentions", Long.class),
                                        required(row, "pins", Long.class),
                                        required(row, "muted", Boolean.class),
                                        time(row, "muted_until")))
                                .one())
                .next();
    }

    /** Messages before a number that mention a person, newest first. */
    public Flux<MessageState> mentions(ContextId room, UUID me, long seq, int limit) {
        return newest(
                room,
                me,
                " and m.seq in (select n.seq from chat_notification n"
                        + " where n.context_id = :context and n.user_id = :me)",
                spec -> spec,
                seq,
                limit);
    }

    /** Members whose name, or one of its words, begins so, by name. */
    public Flux<Person> members(ContextId room, String prefix, int limit) {
        String pattern = prefix.toLowerCase(Locale.ROOT)
                .replace("\\", "\\\\")
                .replace("%", "\\%")
                .replace("_", "\\_");
        return shards.read(
                room,
                Freshness.SESSION,
                sql -> sql.sql("""
                        select user_id, name from member
                        where context_id = :context and name is not null
                            and (lower(name collate "und-x-icu") like :begins
                                or lower(name collate "und-x-icu") like :within)
                        order by name, user_id limit :limit
                        """)
                        .bind("context", room.value())
                        .bind("begins", pattern + "%")
                        .bind("within", "% " + pattern + "%")
                        .bind("limit", limit)
                        .map(row -> new Person(required(row, "user_id", UUID.class), row.get("name", String.class)))
                        .all());
    }

    /** Who is muted or banned now, newest first. */
    public Flux<Sanction> sanctions(ContextId room) {
        return shards.read(
                room,
                Freshness.PRIMARY,
                sql -> sql.sql("""
                        select s.user_id, m.name, s.kind, s.until, s.reason, s.by_user, s.at
                        from chat_sanction s left join member m on m.context_id = s.context_id and m.user_id = s.user_id
                        where s.context_id = :context and (s.until is null or s.until > :now)
                        order by s.at desc, s.user_id limit 1000
                        """)
                        .bind("context", room.value())
                        .bind("now", OffsetDateTime.now(clock))
                        .map(row -> new Sanction(
                                new Person(required(row, "user_id", UUID.class), row.get("name", String.class)),
                                required(row, "kind", String.class),
                                time(row, "until"),
                                row.get("reason", String.class),
                                required(row, "by_user", UUID.class),
                                required(row, "at", OffsetDateTime.class).toInstant()))
                        .all());
    }

    /** What staff did before an entry of the log, newest first. */
    public Flux<AuditEntry> audit(ContextId room, @Nullable UUID before, int limit) {
        return shards.read(
                room,
                Freshness.PRIMARY,
                sql -> sql.sql("""
                        select id, user_id, user_name, action, subject, target, detail::text as detail, at from chat_audit
                        where context_id = :context and id < :before order by id desc limit :limit
                        """)
                        .bind("context", room.value())
                        .bind("before", before == null ? new UUID(-1, -1) : before)
                        .bind("limit", limit)
                        .map(row -> {
                            JsonNode detail = json.readTree(required(row, "detail", String.class));
                            return new AuditEntry(
                                    required(row, "id", UUID.class),
                                    new Person(
                                            required(row, "user_id", UUID.class), row.get("user_name", String.class)),
                                    required(row, "action", String.class),
                                    row.get("subject", UUID.class),
                                    row.get("target", Long.class),
                                    detail.has("reason") ? detail.path("reason").asString() : null,
                                    detail.has("until")
                                            ? Instant.parse(detail.path("until").asString())
                                            : null,
                                    detail.has("seconds")
                                            ? detail.path("seconds").asInt()
                                            : null,
                                    required(row, "at", OffsetDateTime.class).toInstant());
                        })
                        .all());
    }

    /** Notes in the audit log that somebody took a copy of the room. */
    public Mono<Void> exported(ContextId room, Person by) {
        return shards.write(
                        room,
                        transaction -> Audit.record(
                                        transaction,
                                        ids,
                                        List.of(new Audit.Line(
                                                by, "export", null, null, json.createObjectNode(), clock.instant())))
                                .thenReturn(true))
                .then();
    }

    /** Those of a kind before a number, newest first. */
    private Flux<MessageState> newest(
            ContextId room, UUID me, String which, UnaryOperator<GenericExecuteSpec> binds, long seq, int limit) {
        return shards.read(
                room,
                Freshness.SESSION,
                sql -> binds.apply(
                                messages(sql, room, me, which + " and m.seq < :seq order by m.seq desc limit :limit"))
                        .bind("seq", seq)
                        .bind("limit", limit)
                        .map(this::state)
                        .all());
    }

    private static GenericExecuteSpec messages(DatabaseClient sql, ContextId room, UUID me, String which) {
        return sql.sql(MESSAGES + which).bind("context", room.value()).bind("me", me);
    }

    private MessageState state(Readable row) {
        @Nullable String reactions = row.get("reactions", String.class);
        List<MessageState.Reactions> all = new ArrayList<>();
        if (reactions != null) {
            for (JsonNode each : json.readTree(reactions)) {
                all.add(new MessageState.Reactions(
                        each.path("emoji").asString(),
                        each.path("count").asInt(),
                        each.path("mine").asBoolean()));
            }
        }
        return new MessageState(
                details.message(row),
                all,
                required(row, "replies", Long.class).intValue(),
                required(row, "pinned", Boolean.class),
                required(row, "as_of", Long.class));
    }

    private static Hit hit(MessageState message, String excerpt) {
        StringBuilder plain = new StringBuilder();
        List<Hit.Mark> marks = new ArrayList<>();
        int begin = -1;
        for (int i = 0; i < excerpt.length(); i++) {
            char c = excerpt.charAt(i);
            if (c == BEGIN) {
                begin = plain.length();
            } else if (c == END && begin >= 0) {
                marks.add(new Hit.Mark(begin, plain.length()));
                begin = -1;
            } else {
                plain.append(c);
            }
        }
        return new Hit(message, plain.toString(), marks);
    }
}
