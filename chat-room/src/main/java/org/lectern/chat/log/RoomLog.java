package org.lectern.chat.log;

import static org.lectern.chat.log.Columns.required;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.ServerFrame;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.ActivityLog;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * The rooms' entries. A batch locks its room's row, so that batches of a room, from whatever node, come one after the
 * other; it numbers what is new from the head and advances the head, all in one commit. Hence the sequence has no gaps,
 * and a reader that sees number n sees every smaller one.
 *
 * <p>Entries whose id is known are answered with the number they have. That is looked up under the lock, by a statement
 * that begins after the lock is held, so that two nodes that get the same message at the same time agree. Whether a new
 * one is permitted is judged under the same lock ({@link Judge}), so a mute or a ban holds on every node from its commit
 * on, whatever a node has in memory.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
public class RoomLog {

    /** For how long the heads of a shard are waited for; those of the others are compared without them. */
    private static final Duration HEADS_DEADLINE = Duration.ofSeconds(2);

    /** The most names that are looked up among the members for one batch. */
    private static final int NAMES_LIMIT = 5000;

    private static final String LOCK = """
            select epoch, head, slow_seconds, announce, guarded from chat_room
            where context_id = :context for update
            """;

    private static final String CREATE = """
            insert into chat_room (context_id, logical_shard, epoch, created_at)
            values (:context, :logicalShard, :epoch, :now) on conflict (context_id) do nothing
            """;

    private static final String APPEND = """
            with asked as (
                select a.* from unnest(:ids::text[], :users::uuid[], :names::text[], :kinds::text[], :targets::bigint[],
                                       :texts::text[], :details::text[], :prints::uuid[], :times::timestamptz[])
                    with ordinality
                    as a (client_id, user_id, user_name, kind, target, text, detail, fingerprint, at, n)),
            known as (
                select a.n, e.seq, coalesce(e.kind = a.kind and e.fingerprint = a.fingerprint, true) as same
                from asked a join chat_entry e
                    on e.context_id = :context and e.user_id = a.user_id and e.client_id = a.client_id),
            fresh as (
                select a.*, :head + row_number() over (order by a.n) as seq
                from asked a where a.n not in (select n from known)),
            added as (
                insert into chat_entry (context_id, seq, logical_shard, kind, client_id, user_id, user_name, target, text,
                                        detail, fingerprint, at)
                select :context, seq, :logicalShard, kind, client_id, user_id, user_name, target, text, detail::jsonb,
                       fingerprint, at
                from fresh),
            moved as (
                update chat_room set head = :head + (select count(*) from fresh)
                where context_id = :context and exists (select from fresh))
            select n, seq, same from known
            """;

    private static final String ENTRIES = """
            select seq, kind, client_id, user_id, user_name, target, text, detail::text as detail, edited_at, deleted_at, at
            from chat_entry
            """;

    private final Shards shards;
    private final ShardFanOut fanOut;
    private final ActivityLog activities;
    private final Jobs jobs;
    private final IdGenerator ids;
    private final Clock clock;
    private final EntryDetails details;
    private final JsonMapper json;
    private final Duration editWindow;

    RoomLog(
            Shards shards,
            ShardFanOut fanOut,
            ActivityLog activities,
            Jobs jobs,
            IdGenerator ids,
            Clock clock,
            JsonMapper json,
            ChatSettings settings) {
        this.shards = shards;
        this.fanOut = fanOut;
        this.activities = activities;
        this.jobs = jobs;
        this.ids = ids;
        this.clock = clock;
        this.json = json;
        this.details = new EntryDetails(json);
        this.editWindow = settings.editWindow();
    }

    /**
     * Writes entries in one commit. Emitted after the commit; on an error nothing was written, or, when the connection
     * broke during the commit, the same call finds out by the entries' ids.
     */
    public Mono<BatchWritten> append(ContextId room, List<NewEntry> entries) {
        return Mono.defer(() -> {
            // Texts are read before the room is locked: nobody else's batch waits for that.
            Map<Identity, Mentions> named = named(entries);
            return shards.write(
                    room, transaction -> lock(transaction).flatMap(held -> append(transaction, held, entries, named)));
        });
    }

    /** What entries may mention, where they may; of a batch with too many names, what comes last mentions nobody. */
    private static Map<Identity, Mentions> named(List<NewEntry> entries) {
        Map<Identity, Mentions> named = new HashMap<>();
        Set<String> names = new HashSet<>();
        for (NewEntry entry : entries) {
            if (names.size() < NAMES_LIMIT && entry.deed() instanceof Deed.Say say) {
                Mentions mentions = Mentions.in(say.text());
                names.addAll(mentions.candidates());
                named.putIfAbsent(Identity.of(entry), mentions);
            }
        }
        return named;
    }

    /** Whether the database refused a batch for what is in one of its entries; the others may be written without it. */
    public static boolean unfit(Throwable failure) {
        return failure instanceof DataIntegrityViolationException
                // Class 22: data exceptions, such as a character that no text may have.
                || (failure.getCause() instanceof R2dbcException refused
                        && refused.getSqlState() != null
                        && refused.getSqlState().startsWith("22"));
    }

    /** The room's head, locked until the transaction ends; the room is made if there is none. */
    public Mono<RoomHead> locked(ShardTransaction transaction) {
        return lock(transaction).map(LockedRoom::head);
    }

    private Mono<LockedRoom> lock(ShardTransaction transaction) {
        Mono<LockedRoom> lock = transaction
                .sql()
                .sql(LOCK)
                .bind("context", transaction.context().value())
                .map(row -> new LockedRoom(headIn(row), rulesIn(row), required(row, "guarded", Boolean.class)))
                .one();
        return lock.switchIfEmpty(Mono.defer(() -> transaction
                .sql()
                .sql(CREATE)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                // Rises with time, so that a room made anew is never taken for the one before.
                .bind("epoch", clock.millis())
                .bind("now", OffsetDateTime.now(clock))
                .fetch()
                .rowsUpdated()
                .then(lock)));
    }

    private Mono<BatchWritten> append(
            ShardTransaction transaction, LockedRoom held, List<NewEntry> entries, Map<Identity, Mentions> named) {
        // The same id twice in one batch: the second is answered like a resend of the first.
        Map<Identity, Integer> positions = new HashMap<>();
        List<NewEntry> distinct = new ArrayList<>();
        for (NewEntry entry : entries) {
            positions.computeIfAbsent(Identity.of(entry), unused -> {
                distinct.add(entry);
                return distinct.size() - 1;
            });
        }
        return judged(transaction, held, distinct).flatMap(judged -> {
            List<NewEntry> permitted = judged.permitted(distinct);
            if (permitted.isEmpty()) {
                return Mono.just(outcomes(held, entries, positions, distinct, judged, List.of(), List.of()));
            }
            List<Mentions> texts = permitted.stream()
                    .map(entry -> named.getOrDefault(Identity.of(entry), Mentions.NONE))
                    .toList();
            return mentions(transaction, texts)
                    .flatMap(mentions -> insert(transaction, held, judged.judge(), permitted, mentions)
                            .flatMap(outcomes -> {
                                BatchWritten written =
                                        outcomes(held, entries, positions, distinct, judged, outcomes, mentions);
                                return effects(transaction, held, judged.judge(), permitted, outcomes)
                                        .then(activities.record(transaction, chatted(written.entries())))
                                        .then(notify(transaction, written.entries()))
                                        .thenReturn(written);
                            }));
        });
    }

    /** Plain talk in a room without rules needs no look at anything. */
    private Mono<Judged> judged(ShardTransaction transaction, LockedRoom held, List<NewEntry> distinct) {
        boolean free = !held.guarded() && held.rules().equals(RoomRules.OPEN);
        if (free && distinct.stream().allMatch(each -> each.deed() instanceof Deed.Say say && say.replyTo() == null)) {
            return Mono.just(new Judged(
                    new Judge(RoomRules.OPEN, Map.of(), Map.of(), Map.of(), Set.of(), 0, editWindow), Map.of()));
        }
        return Facts.known(transaction, distinct)
                .flatMap(known -> Facts.judge(transaction, held, distinct, editWindow)
                        .map(judge -> {
                            Map<Integer, Written.Refused> refused = new HashMap<>();
                            for (int i = 0; i < distinct.size(); i++) {
                                Written.@Nullable Refused verdict =
                                        known.contains(i) ? null : judge.judge(distinct.get(i));
                                if (verdict != null) {
                                    refused.put(i, verdict);
                                }
                            }
                            return new Judged(judge, refused);
                        }));
    }

    private static Mono<List<List<UUID>>> mentions(ShardTransaction transaction, List<Mentions> texts) {
        Set<String> names = new HashSet<>();
        texts.forEach(text -> names.addAll(text.candidates()));
        if (names.isEmpty()) {
            return Mono.just(texts.stream().map(unused -> List.<UUID>of()).toList());
        }
        return transaction
                .sql()
                .sql("""
                        select user_id, lower(name collate "und-x-icu") as name from member
                        where context_id = :context and lower(name collate "und-x-icu") = any(:names)
                        """)
                .bind("context", transaction.context().value())
                .bind("names", names.toArray(String[]::new))
                .map(row -> Map.entry(required(row, "name", String.class), required(row, "user_id", UUID.class)))
                .all()
                .collectMultimap(Map.Entry::getKey, Map.Entry::getValue)
                .map(members -> texts.stream().map(text -> text.found(members)).toList());
    }

    private Mono<List<Outcome>> insert(
            ShardTransaction transaction,
            LockedRoom held,
            Judge judge,
            List<NewEntry> entries,
            List<List<UUID>> mentions) {
        @Nullable String[] texts = new String[entries.size()];
        @Nullable String[] detail = new String[entries.size()];
        @Nullable Long[] targets = new Long[entries.size()];
        for (int i = 0; i < entries.size(); i++) {
            Deed deed = entries.get(i).deed();
            texts[i] = switch (deed) {
                case Deed.Say say -> say.text();
                case Deed.Edit edit -> edit.text();
                case Deed.Delete delete -> null;
                case Deed.React react -> null;
                case Deed.Pin pin -> null;
                case Deed.Moderate moderate -> null;
            };
            targets[i] = deed instanceof Deed.Say say ? judge.root(say) : deed.about();
            detail[i] = details.write(deed, mentions.get(i));
        }
        return transaction
                .sql()
                .sql(APPEND)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("head", held.head().seq())
                .bind("ids", entries.stream().map(NewEntry::id).toArray(String[]::new))
                .bind("users", entries.stream().map(each -> each.user().id()).toArray(UUID[]::new))
                .bind("names", entries.stream().map(each -> each.user().name()).toArray(String[]::new))
                .bind("kinds", entries.stream().map(NewEntry::kind).toArray(String[]::new))
                .bind("targets", targets)
                .bind("texts", texts)
                .bind("details", detail)
                .bind("prints", entries.stream().map(NewEntry::fingerprint).toArray(UUID[]::new))
                .bind(
                        "times",
                        entries.stream()
                                .map(each -> each.at().atOffset(ZoneOffset.UTC))
                                .toArray(OffsetDateTime[]::new))
                .map(row -> Map.entry(
                        required(row, "n", Long.class).intValue() - 1,
                        new Outcome(required(row, "seq", Long.class), true, required(row, "same", Boolean.class))))
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue)
                .map(known -> numbered(known, entries.size(), held.head().seq()));
    }

    /** What is not known is new, numbered from the head in the batch's order, as the statement does it. */
    private static List<Outcome> numbered(Map<Integer, Outcome> known, int entries, long head) {
        List<Outcome> outcomes = new ArrayList<>(entries);
        long seq = head;
        for (int i = 0; i < entries; i++) {
            @Nullable Outcome before = known.get(i);
            outcomes.add(before != null ? before : new Outcome(++seq, false, true));
        }
        return outcomes;
    }

    private Mono<Void> effects(
            ShardTransaction transaction,
            LockedRoom held,
            Judge judge,
            List<NewEntry> entries,
            List<Outcome> outcomes) {
        List<NewEntry> fresh = new ArrayList<>();
        for (int i = 0; i < entries.size(); i++) {
            if (!outcomes.get(i).before()) {
                fresh.add(entries.get(i));
            }
        }
        return new Effects(transaction, ids, json, held.rules().slowSeconds() != null, fresh, judge).apply();
    }

    private BatchWritten outcomes(
            LockedRoom held,
            List<NewEntry> asked,
            Map<Identity, Integer> positions,
            List<NewEntry> distinct,
            Judged judged,
            List<Outcome> outcomes,
            List<List<UUID>> mentions) {
        List<ServerFrame.Entry> entries = new ArrayList<>();
        List<Written> firsts = new ArrayList<>();
        int written = 0;
        for (int i = 0; i < distinct.size(); i++) {
            Written.@Nullable Refused refused = judged.refused().get(i);
            if (refused != null) {
                firsts.add(refused);
                continue;
            }
            NewEntry entry = distinct.get(i);
            Outcome outcome = outcomes.get(written);
            if (!outcome.before()) {
                entries.add(frame(entry, outcome.seq(), judged.judge(), mentions.get(written)));
            }
            firsts.add(
                    outcome.same()
                            ? new Written.Committed(outcome.seq(), outcome.before())
                            : new Written.Conflicting());
            written++;
        }
        List<Written> answers = new ArrayList<>();
        for (NewEntry entry : asked) {
            int position = Objects.requireNonNull(positions.get(Identity.of(entry)));
            boolean same =
                    distinct.get(position).deed().content().equals(entry.deed().content());
            answers.add(same ? firsts.get(position) : new Written.Conflicting());
        }
        return new BatchWritten(held.head().epoch(), answers, entries);
    }

    private static ServerFrame.Entry frame(NewEntry entry, long seq, Judge judge, List<UUID> mentions) {
        return switch (entry.deed()) {
            case Deed.Say say ->
                new ServerFrame.Message(
                        entry.id(),
                        seq,
                        entry.user(),
                        say.text(),
                        entry.at(),
                        judge.root(say),
                        say.links(),
                        mentions,
                        null,
                        false);
            case Deed.Edit edit ->
                new ServerFrame.Edited(entry.id(), seq, entry.user(), edit.target(), edit.text(), entry.at());
            case Deed.Delete delete ->
                new ServerFrame.Deleted(entry.id(), seq, entry.user(), delete.target(), entry.at());
            case Deed.React react ->
                new ServerFrame.Reaction(
                        entry.id(), seq, entry.user(), react.target(), react.emoji(), react.on(), entry.at());
            case Deed.Pin pin ->
                new ServerFrame.Pinned(entry.id(), seq, entry.user(), pin.target(), pin.on(), entry.at());
            case Deed.Moderate moderate ->
                new ServerFrame.Moderation(
                        entry.id(),
                        seq,
                        entry.user(),
                        moderate.action(),
                        moderate.subject(),
                        moderate.until(),
                        moderate.seconds(),
                        entry.at());
        };
    }

    private List<Activity> chatted(List<ServerFrame.Entry> entries) {
        return entries.stream()
                .filter(ServerFrame.Message.class::isInstance)
                .map(entry -> new Activity(
                        ids.generateId(),
                        entry.user().id(),
                        Activity.Verb.CHATTED,
                        Long.toString(entry.seq()),
                        entry.ts(),
                        Map.of()))
                .toList();
    }

    /** One job for all messages that mention somebody else; committed with them. */
    private Mono<Void> notify(ShardTransaction transaction, List<ServerFrame.Entry> entries) {
        List<Long> mentioning = entries.stream()
                .filter(ServerFrame.Message.class::isInstance)
                .map(ServerFrame.Message.class::cast)
                .filter(message -> message.mentions().stream()
                        .anyMatch(person -> !person.equals(message.user().id())))
                .map(ServerFrame.Message::seq)
                .toList();
        if (mentioning.isEmpty()) {
            return Mono.empty();
        }
        return jobs.submit(
                        transaction,
                        new JobRequest(
                                ids.generateId(),
                                JobType.NOTIFICATIONS,
                                MentionJob.KIND,
                                Lane.STANDARD,
                                0,
                                MentionJob.payload(json, mentioning),
                                null))
                .then();
    }

    /** The room's head as committed; makes the room if there is none, so that it has an epoch from the first look on. */
    public Mono<RoomHead> head(ContextId room) {
        return shards.read(
                        room,
                        Freshness.PRIMARY,
                        sql -> sql.sql("select epoch, head from chat_room where context_id = :context")
                                .bind("context", room.value())
                                .map(RoomLog::headIn)
                                .one())
                .next()
                .switchIfEmpty(Mono.defer(() -> shards.write(room, this::locked)));
    }

    /**
     * The heads of many rooms, with one query for each physical shard. Rooms that do not exist are left out, and so are those
     * of a shard that fails or takes longer than {@code HEADS_DEADLINE}, and those that are between two shards for as long: they
     * keep nobody from learning of the others.
     */
    public Mono<Map<ContextId, RoomHead>> heads(Collection<ContextId> rooms) {
        return fanOut.readOf(
                        rooms,
                        Freshness.PRIMARY,
                        HEADS_DEADLINE,
                        (contexts, sql) -> sql.sql(
                                        "select context_id, epoch, head from chat_room where context_id = any(:contexts)")
                                .bind(
                                        "contexts",
                                        contexts.stream().map(ContextId::value).toArray(UUID[]::new))
                                .map(row ->
                                        Map.entry(new ContextId(required(row, "context_id", UUID.class)), headIn(row)))
                                .all())
                .flatMapIterable(ShardFanOut.Merged::items)
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    /** Entries after a number, in order, from the primary. */
    public Flux<ServerFrame.Entry> after(ContextId room, long seq, int limit) {
        return shards.read(
                room,
                Freshness.PRIMARY,
                sql -> sql.sql(ENTRIES + " where context_id = :context and seq > :seq order by seq limit :limit")
                        .bind("context", room.value())
                        .bind("seq", seq)
                        .bind("limit", limit)
                        .map(details::entry)
                        .all());
    }

    /** How a person comes into a room: up to where they have read, and whether they are banned. */
    public Mono<Entrance> entrance(ContextId room, UUID user) {
        return entrances(room, List.of(user)).map(List::getFirst);
    }

    /** The same for many at once, in the order in which they are asked for. */
    public Mono<List<Entrance>> entrances(ContextId room, List<UUID> users) {
        return shards.read(
                        room,
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select coalesce(r.seq, 0) as read,
                                            exists (select from chat_sanction s
                                                    where s.context_id = :context and s.user_id = u.id and s.kind = 'ban'
                                                        and (s.until is null or s.until > :now)) as banned
                                        from unnest(:users::uuid[]) with ordinality as u (id, n)
                                            left join chat_read r on r.context_id = :context and r.user_id = u.id
                                        order by u.n
                                        """)
                                .bind("context", room.value())
                                .bind("users", users.toArray(UUID[]::new))
                                .bind("now", OffsetDateTime.now(clock))
                                .map(row -> new Entrance(
                                        required(row, "read", Long.class), required(row, "banned", Boolean.class)))
                                .all())
                .collectList();
    }

    /** Notes up to where people have read: not past the head, and a smaller number than is known changes nothing. */
    public Mono<Void> markRead(ContextId room, Map<UUID, Long> marks) {
        List<Map.Entry<UUID, Long>> ordered =
                marks.entrySet().stream().sorted(Map.Entry.comparingByKey()).toList();
        return shards.write(
                        room,
                        transaction -> transaction
                                .sql()
                                .sql("""
                                insert into chat_read as known (context_id, user_id, logical_shard, seq, at)
                                select :context, m.user_id, :logicalShard, least(m.seq, r.head), :now
                                from unnest(:users::uuid[], :seqs::bigint[]) as m (user_id, seq)
                                join chat_room r on r.context_id = :context
                                on conflict (context_id, user_id) do update set seq = excluded.seq, at = excluded.at
                                where known.seq < excluded.seq
                                """)
                                .bind("context", room.value())
                                .bind("logicalShard", (short) transaction.logicalShard())
                                .bind("now", OffsetDateTime.now(clock))
                                .bind(
                                        "users",
                                        ordered.stream().map(Map.Entry::getKey).toArray(UUID[]::new))
                                .bind(
                                        "seqs",
                                        ordered.stream()
                                                .map(Map.Entry::getValue)
                                                .toArray(Long[]::new))
                                .fetch()
                                .rowsUpdated())
                .then();
    }

    private static RoomHead headIn(Readable row) {
        return new RoomHead(required(row, "epoch", Long.class), required(row, "head", Long.class));
    }

    private static RoomRules rulesIn(Readable row) {
        return new RoomRules(row.get("slow_seconds", Integer.class), required(row, "announce", Boolean.class));
    }

    private record Outcome(long seq, boolean before, boolean same) {}

    private record Identity(UUID user, String id) {
        static Identity of(NewEntry entry) {
            return new Identity(entry.user().id(), entry.id());
        }
    }

    /**
     * A batch that was judged.
     *
     * @param refused what may not be written, by its position
     */
    private record Judged(Judge judge, Map<Integer, Written.Refused> refused) {
        List<NewEntry> permitted(List<NewEntry> distinct) {
            List<NewEntry> permitted = new ArrayList<>();
            for (int i = 0; i < distinct.size(); i++) {
                if (!refused.containsKey(i)) {
                    permitted.add(distinct.get(i));
                }
            }
            return permitted;
        }
    }
}
