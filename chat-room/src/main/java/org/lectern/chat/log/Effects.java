package org.lectern.chat.log;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Deed;
import org.lectern.db.shard.ShardTransaction;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What new entries change beside the sequence: the state of the messages they are about, who may write, the audit log. In
 * the transaction that inserted them; one statement for each kind of change, however many there are.
 */
final class Effects {

    private final ShardTransaction transaction;
    private final IdGenerator ids;
    private final JsonMapper json;
    private final boolean slow;
    private final List<NewEntry> fresh;
    private final Judge judge;

    /**
     * Effects of a batch.
     *
     * @param slow whether the room was in slow mode
     * @param fresh what was inserted, in order
     * @param judge who permitted it, and knows who wrote what
     */
    Effects(
            ShardTransaction transaction,
            IdGenerator ids,
            JsonMapper json,
            boolean slow,
            List<NewEntry> fresh,
            Judge judge) {
        this.transaction = transaction;
        this.ids = ids;
        this.json = json;
        this.slow = slow;
        this.fresh = fresh;
        this.judge = judge;
    }

    Mono<Void> apply() {
        List<Mono<Void>> steps = new ArrayList<>();
        edits(steps);
        reactions(steps);
        pins(steps);
        deletions(steps);
        moderation(steps);
        paces(steps);
        audit(steps);
        return Flux.concat(steps).then();
    }

    /** Nothing of what stood there before stays: the message and all its edits have the last text. */
    private void edits(List<Mono<Void>> steps) {
        Map<Long, NewEntry> last = new LinkedHashMap<>();
        for (NewEntry entry : fresh) {
            if (entry.deed() instanceof Deed.Edit edit) {
                last.put(edit.target(), entry);
            }
        }
        if (!last.isEmpty()) {
            steps.add(done(in("""
                    with latest as (
                        select * from unnest(:targets::bigint[], :texts::text[], :times::timestamptz[])
                            as l (target, text, at)),
                    earlier as (
                        update chat_entry e set text = latest.text
                        from latest
                        where e.context_id = :context and e.target = latest.target and e.kind = 'edit'
                            and e.text is distinct from latest.text)
                    update chat_entry m set text = latest.text, edited_at = latest.at
                    from latest where m.context_id = :context and m.seq = latest.target
                    """)
                    .bind("targets", last.keySet().toArray(Long[]::new))
                    .bind(
                            "texts",
                            last.values().stream()
                                    .map(each -> ((Deed.Edit) each.deed()).text())
                                    .toArray(String[]::new))
                    .bind(
                            "times",
                            times(last.values().stream().map(NewEntry::at).toList()))));
        }
    }

    private void reactions(List<Mono<Void>> steps) {
        record Key(long target, String emoji, UUID user) {}
        Map<Key, NewEntry> set = new LinkedHashMap<>();
        Map<Key, NewEntry> cleared = new LinkedHashMap<>();
        for (NewEntry entry : fresh) {
            if (entry.deed() instanceof Deed.React react) {
                Key key = new Key(react.target(), react.emoji(), entry.user().id());
                (react.on() ? set : cleared).put(key, entry);
                (react.on() ? cleared : set).remove(key);
            }
        }
        if (!set.isEmpty()) {
            steps.add(done(in("""
                    insert into chat_reaction (context_id, target, emoji, user_id, logical_shard, at)
                    select :context, target, emoji, user_id, :logicalShard, at
                    from unnest(:targets::bigint[], :emoji::text[], :users::uuid[], :times::timestamptz[])
                        as r (target, emoji, user_id, at)
                    on conflict do nothing
                    """)
                    .bind("logicalShard", (short) transaction.logicalShard())
                    .bind("targets", set.keySet().stream().map(Key::target).toArray(Long[]::new))
                    .bind("emoji", set.keySet().stream().map(Key::emoji).toArray(String[]::new))
                    .bind("users", set.keySet().stream().map(Key::user).toArray(UUID[]::new))
                    .bind("times", times(set.values().stream().map(NewEntry::at).toList()))));
        }
        if (!cleared.isEmpty()) {
            steps.add(done(in("""
                    delete from chat_reaction r
                    using unnest(:targets::bigint[], :emoji::text[], :users::uuid[]) as c (target, emoji, user_id)
                    where r.context_id = :context and r.target = c.target and r.emoji = c.emoji and r.user_id = c.user_id
                    """)
                    .bind("targets", cleared.keySet().stream().map(Key::target).toArray(Long[]::new))
                    .bind("emoji", cleared.keySet().stream().map(Key::emoji).toArray(String[]::new))
                    .bind("users", cleared.keySet().stream().map(Key::user).toArray(UUID[]::new))));
        }
    }

    private void pins(List<Mono<Void>> steps) {
        Map<Long, @Nullable Instant> last = new LinkedHashMap<>();
        for (NewEntry entry : fresh) {
            if (entry.deed() instanceof Deed.Pin pin) {
                last.put(pin.target(), pin.on() ? entry.at() : null);
            }
        }
        if (!last.isEmpty()) {
            steps.add(done(in("""
                    update chat_entry m set pinned_at = p.at
                    from unnest(:targets::bigint[], :times::timestamptz[]) as p (target, at)
                    where m.context_id = :context and m.seq = p.target
                    """)
                    .bind("targets", last.keySet().toArray(Long[]::new))
                    .bind("times", times(new ArrayList<>(last.values())))));
        }
    }

    /** Nothing of a deleted text stays: neither in the message nor in its edits. The entries stay, or there were gaps. */
    private void deletions(List<Mono<Void>> steps) {
        Map<Long, NewEntry> deleted = new LinkedHashMap<>();
        for (NewEntry entry : fresh) {
            if (entry.deed() instanceof Deed.Delete delete) {
                deleted.put(delete.target(), entry);
            }
        }
        if (!deleted.isEmpty()) {
            steps.add(done(in("""
                    with gone as (
                        select * from unnest(:targets::bigint[], :times::timestamptz[]) as g (target, at)),
                    emptied as (
                        update chat_entry m set text = null, detail = null, fingerprint = null, deleted_at = gone.at,
                            pinned_at = null
                        from gone where m.context_id = :context and m.seq = gone.target),
                    edits as (
                        update chat_entry e set text = null, fingerprint = null
                        from gone where e.context_id = :context and e.target = gone.target and e.kind = 'edit'),
                    heard as (
                        delete from chat_notification n using gone
                        where n.context_id = :context and n.seq = gone.target)
                    delete from chat_reaction r using gone where r.context_id = :context and r.target = gone.target
                    """)
                    .bind("targets", deleted.keySet().toArray(Long[]::new))
                    .bind(
                            "times",
                            times(deleted.values().stream().map(NewEntry::at).toList()))));
        }
    }

    private void moderation(List<Mono<Void>> steps) {
        for (NewEntry entry : fresh) {
            if (entry.deed() instanceof Deed.Moderate moderate) {
                steps.add(
                        switch (moderate.action()) {
                            case MUTE -> sanction(entry, moderate, "mute");
                            case BAN -> sanction(entry, moderate, "ban");
                            case UNMUTE -> pardon(moderate, "mute");
                            case UNBAN -> pardon(moderate, "ban");
                            case SLOW ->
                                done(bound(
                                        in("update chat_room set slow_seconds = :seconds where context_id = :context"),
                                        "seconds",
                                        moderate.seconds(),
                                        Integer.class));
                            case ANNOUNCE ->
                                done(in("update chat_room set announce = true where context_id = :context"));
                            case OPEN -> done(in("""
                                        with forgotten as (delete from chat_pace where context_id = :context)
                                        update chat_room set announce = false, slow_seconds = null
                                        where context_id = :context
                                        """));
                        });
            }
        }
    }

    private Mono<Void> sanction(NewEntry entry, Deed.Moderate moderate, String kind) {
        GenericExecuteSpec insert = in("""
                with guarded as (update chat_room set guarded = true where context_id = :context)
                insert into chat_sanction (context_id, user_id, kind, logical_shard, until, reason, by_user, at)
                values (:context, :subject, :kind, :logicalShard, :until, :reason, :by, :at)
                on conflict (context_id, user_id, kind) do update
                    set until = excluded.until, reason = excluded.reason, by_user = excluded.by_user, at = excluded.at
                """)
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("kind", kind)
                .bind("by", entry.user().id())
                .bind("at", entry.at().atOffset(ZoneOffset.UTC));
        insert = bound(insert, "subject", moderate.subject(), UUID.class);
        insert = bound(insert, "until", offset(moderate.until()), OffsetDateTime.class);
        return done(bound(insert, "reason", moderate.reason(), String.class));
    }

    private Mono<Void> pardon(Deed.Moderate moderate, String kind) {
        GenericExecuteSpec delete = in("""
                with pardoned as (
                    delete from chat_sanction where context_id = :context and user_id = :subject and kind = :kind)
                update chat_room set guarded = exists (
                    select from chat_sanction s
                    where s.context_id = :context and not (s.user_id = :subject and s.kind = :kind))
                where context_id = :context
                """).bind("kind", kind);
        return done(bound(delete, "subject", moderate.subject(), UUID.class));
    }

    private void paces(List<Mono<Void>> steps) {
        if (!slow) {
            return;
        }
        Map<UUID, Instant> said = new LinkedHashMap<>();
        for (NewEntry entry : fresh) {
            if (entry.deed() instanceof Deed.Say && !entry.staff()) {
                said.put(entry.user().id(), entry.at());
            }
        }
        if (!said.isEmpty()) {
            steps.add(done(in("""
                    insert into chat_pace (context_id, user_id, logical_shard, at)
                    select :context, user_id, :logicalShard, at
                    from unnest(:users::uuid[], :times::timestamptz[]) as p (user_id, at)
                    on conflict (context_id, user_id) do update set at = excluded.at
                    """)
                    .bind("logicalShard", (short) transaction.logicalShard())
                    .bind("users", said.keySet().toArray(UUID[]::new))
                    .bind("times", times(new ArrayList<>(said.values())))));
        }
    }

    private void audit(List<Mono<Void>> steps) {
        List<Audit.Line> lines = new ArrayList<>();
        for (NewEntry entry : fresh) {
            ObjectNode detail = json.createObjectNode();
            switch (entry.deed()) {
                case Deed.Say say -> {}
                case Deed.Edit edit -> {}
                case Deed.React react -> {}
                case Deed.Delete delete -> {
                    @Nullable UUID author = judge.author(delete.target());
                    if (!entry.user().id().equals(author)) {
                        reason(detail, delete.reason());
                        lines.add(new Audit.Line(entry.user(), "delete", author, delete.target(), detail, entry.at()));
                    }
                }
                case Deed.Pin pin ->
                    lines.add(new Audit.Line(
                            entry.user(), pin.on() ? "pin" : "unpin", null, pin.target(), detail, entry.at()));
                case Deed.Moderate moderate -> {
                    reason(detail, moderate.reason());
                    if (moderate.until() != null) {
                        detail.put("until", moderate.until().toString());
                    }
                    if (moderate.seconds() != null) {
                        detail.put("seconds", moderate.seconds());
                    }
                    lines.add(new Audit.Line(
                            entry.user(), moderate.action().wire(), moderate.subject(), null, detail, entry.at()));
                }
            }
        }
        if (!lines.isEmpty()) {
            steps.add(Audit.record(transaction, ids, lines));
        }
    }

    private static void reason(ObjectNode detail, @Nullable String reason) {
        if (reason != null) {
            detail.put("reason", reason);
        }
    }

    private GenericExecuteSpec in(String statement) {
        return transaction
                .sql()
                .sql(statement)
                .bind("context", transaction.context().value());
    }

    private static <T> GenericExecuteSpec bound(
            GenericExecuteSpec statement, String name, @Nullable T value, Class<T> type) {
        return value == null ? statement.bindNull(name, type) : statement.bind(name, value);
    }

    private static Mono<Void> done(GenericExecuteSpec statement) {
        return statement.fetch().rowsUpdated().then();
    }

    private static @Nullable OffsetDateTime offset(@Nullable Instant time) {
        return time == null ? null : time.atOffset(ZoneOffset.UTC);
    }

    private static @Nullable OffsetDateTime[] times(List<? extends @Nullable Instant> times) {
        return times.stream().map(Effects::offset).toArray(OffsetDateTime[]::new);
    }
}
