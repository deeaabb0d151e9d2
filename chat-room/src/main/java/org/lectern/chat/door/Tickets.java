package org.lectern.chat.door;

import io.micrometer.core.instrument.MeterRegistry;
import io.r2dbc.spi.Readable;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.log.RoomLog;
import org.lectern.chat.protocol.Person;
import org.lectern.chat.room.ShardRules;
import org.lectern.db.ContextId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.batching.BatchCommit;
import org.lectern.infra.batching.KeyedBatchers;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Tickets: 256 random bits, of which only a digest is stored. Issuing reserves a seat: all requests for a room that come
 * while one is under way are answered by the next transaction together, under the room's lock, so that a course that
 * comes all at once is seated exactly. Consuming deletes the row, so that a ticket opens one socket, on whatever node;
 * those of a room go together too, since they would queue for the row that counts this node's seats anyway.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class Tickets {

    private static final int QUEUE_LIMIT = 20_000;
    private static final int BATCH_LIMIT = 500;

    /** Past so many rooms those are forgotten that nobody is coming into just now. */
    private static final int ROOMS_KEPT = 1_000;

    /** What became of a request for a ticket. */
    sealed interface Issued {

        /** A ticket and the shard of its seat. */
        record Ticket(String secret, int shard) implements Issued {}

        /** Every permitted shard holds its limit. */
        record RoomFull() implements Issued {}

        /** This person was banned from the room. */
        record Banned() implements Issued {}
    }

    private final Shards shards;
    private final RoomLog roomLog;
    private final Seats seats;
    private final ChatSettings settings;
    private final ShardRules rules;
    private final Clock clock;
    private final SecureRandom random;
    private final KeyedBatchers<ContextId, LaunchSession, Issued> desks = new KeyedBatchers<>(ROOMS_KEPT, this::desk);
    private final KeyedBatchers<ContextId, Visitor, Optional<Guest>> turnstiles =
            new KeyedBatchers<>(ROOMS_KEPT, this::turnstile);

    Tickets(
            Shards shards,
            RoomLog roomLog,
            Seats seats,
            ChatSettings settings,
            Clock clock,
            SecureRandom random,
            MeterRegistry metrics) {
        this.shards = shards;
        this.roomLog = roomLog;
        this.seats = seats;
        this.settings = settings;
        this.rules = settings.shardRules();
        this.clock = clock;
        this.random = random;
        metrics.gauge("lectern.chat.tickets.waiting", desks, KeyedBatchers::waiting);
        metrics.gauge("lectern.chat.sockets.waiting", turnstiles, KeyedBatchers::waiting);
    }

    /** Reserves a seat in the session's own room. */
    Mono<Issued> issue(LaunchSession session) {
        return desks.submit(session.context(), session);
    }

    private SmartBatcher<LaunchSession, Issued> desk(ContextId room) {
        return new SmartBatcher<>(
                QUEUE_LIMIT,
                BATCH_LIMIT,
                sessions -> BatchCommit.of(shards.write(room, transaction -> issue(transaction, sessions))),
                unused -> false);
    }

    private Mono<List<Issued>> issue(ShardTransaction transaction, List<LaunchSession> sessions) {
        OffsetDateTime now = OffsetDateTime.now(clock);
        // Under the lock, in a statement that begins after it is held: what another desk gave is seen.
        return roomLog.locked(transaction)
                .then(found(transaction, sessions, now))
                .flatMap(found -> seat(transaction, sessions, found, now));
    }

    /** Takes away what has expired, and says in the same round trip how full the room is and who may not come in. */
    private static Mono<Found> found(ShardTransaction transaction, List<LaunchSession> sessions, OffsetDateTime now) {
        return transaction
                .sql()
                .sql("""
                        with expired as (
                            delete from chat_ticket t using (
                                select digest from chat_ticket
                                where context_id = :context and expires_at < :now for update skip locked) e
                            where t.context_id = :context and t.digest = e.digest
                            returning t.digest),
                        seats as (
                            select shard, sockets as taken from chat_seat
                            where context_id = :context and seen_at > :valid
                            union all
                            select shard, 1 from chat_ticket
                            where context_id = :context and digest not in (select digest from expired))
                        select r.shards, coalesce(s.shard, 0) as shard, coalesce(sum(s.taken), 0) as taken,
                            array(select user_id from chat_sanction
                                  where context_id = :context and user_id = any(:users) and kind = 'ban'
                                      and (until is null or until > :now)) as banned
                        from chat_room r left join seats s on true
                        where r.context_id = :context
                        group by r.shards, s.shard
                        """)
                .bind("context", transaction.context().value())
                .bind("now", now)
                .bind("valid", now.minus(Seats.VALID))
                .bind("users", sessions.stream().map(LaunchSession::userId).toArray(UUID[]::new))
                .map(row -> new ShardFound(
                        required(row, "shards", Integer.class),
                        required(row, "shard", Integer.class),
                        required(row, "taken", Integer.class),
                        Set.of(required(row, "banned", UUID[].class))))
                .all()
                .collectList()
                .map(Tickets::together);
    }

    /** A row of what was found: the room's number of shards, one of them with its seats, and the room's banned. */
    private record ShardFound(int shards, int shard, int taken, Set<UUID> banned) {}

    /**
     * How a room is found by those who come.
     *
     * @param shards how many shards it has
     * @param taken seats taken by shard, also by those who stayed in shards that it has no more
     * @param banned those of them who are banned
     */
    private record Found(int shards, List<Integer> taken, Set<UUID> banned) {}

    private static Found together(List<ShardFound> rows) {
        // There is one row at least: the room is locked.
        ShardFound first = rows.getFirst();
        int used = rows.stream().mapToInt(row -> row.shard() + 1).max().orElse(1);
        int[] taken = new int[Math.max(first.shards(), used)];
        rows.forEach(row -> taken[row.shard()] += row.taken());
        return new Found(first.shards(), Arrays.stream(taken).boxed().toList(), first.banned());
    }

    private Mono<List<Issued>> seat(
            ShardTransaction transaction, List<LaunchSession> sessions, Found before, OffsetDateTime now) {
        int[] taken = before.taken().stream().mapToInt(Integer::intValue).toArray();
        int shards = before.shards();
        List<Issued> answers = new ArrayList<>();
        List<LaunchSession> seated = new ArrayList<>();
        List<Issued.Ticket> tickets = new ArrayList<>();
        String room = transaction.context().toString();
        for (LaunchSession session : sessions) {
            if (before.banned().contains(session.userId()) && !session.staff()) {
                answers.add(new Issued.Banned());
                continue;
            }
            switch (rules.place(room, session.userId().toString(), shards, taken)) {
                case ShardRules.Placement.Full full -> answers.add(new Issued.RoomFull());
                case ShardRules.Placement.Seat seat -> {
                    shards = seat.shards();
                    taken = Arrays.copyOf(taken, Math.max(taken.length, shards));
                    taken[seat.shard()]++;
                    Issued.Ticket ticket = new Issued.Ticket(secret(), seat.shard());
                    answers.add(ticket);
                    tickets.add(ticket);
                    seated.add(session);
                }
            }
        }
        if (tickets.isEmpty()) {
            return Mono.just(answers);
        }
        DatabaseClient sql = transaction.sql();
        Mono<Long> insert = sql.sql("""
                        insert into chat_ticket (context_id, digest, logical_shard, session_id, user_id, user_name,
                            roles, session_expires_at, shard, expires_at)
                        select :context, decode(t.digest, 'base64'), :logicalShard, t.session_id, t.user_id, t.user_name,
                            t.roles, t.session_expires_at, t.shard, :expires
                        from unnest(:digests::text[], :sessions::uuid[], :users::uuid[], :names::text[], :roles::text[],
                                    :ends::timestamptz[], :shards::smallint[])
                            as t (digest, session_id, user_id, user_name, roles, session_expires_at, shard)
                        """)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("expires", now.plus(settings.ticketLifetime()))
                .bind(
                        "digests",
                        tickets.stream()
                                .map(ticket -> text(digest(ticket.secret())))
                                .toArray(String[]::new))
                .bind("sessions", seated.stream().map(LaunchSession::id).toArray(UUID[]::new))
                .bind("users", seated.stream().map(LaunchSession::userId).toArray(UUID[]::new))
                .bind("names", seated.stream().map(LaunchSession::name).toArray(String[]::new))
                .bind("roles", seated.stream().map(Tickets::roles).toArray(String[]::new))
                .bind(
                        "ends",
                        seated.stream()
                                .map(session -> session.expiresAt().atOffset(ZoneOffset.UTC))
                                .toArray(OffsetDateTime[]::new))
                .bind(
                        "shards",
                        tickets.stream().map(ticket -> (short) ticket.shard()).toArray(Short[]::new))
                .fetch()
                .rowsUpdated();
        if (shards == before.shards()) {
            return insert.thenReturn(answers);
        }
        return insert.then(sql.sql("update chat_room set shards = :shards where context_id = :context")
                        .bind("shards", (short) shards)
                        .bind("context", transaction.context().value())
                        .fetch()
                        .rowsUpdated())
                .thenReturn(answers);
    }

    /**
     * Lets a ticket's holder in, once; empty when there is no such ticket, it was used, or it has expired. The seat of
     * the ticket becomes a seat of this node in the same commit, and before it the holder's place takes it: who asks how
     * many are here never learns of fewer than were let in. Whatever comes then, the caller frees the place.
     */
    Mono<Guest> consume(ContextId room, String secret, Seats.Place place) {
        return Mono.defer(() -> turnstiles.submit(room, new Visitor(text(digest(secret)), place)))
                .flatMap(Mono::justOrEmpty);
    }

    /** One who comes with a ticket, of which this is the digest. */
    private record Visitor(String digest, Seats.Place place) {}

    private SmartBatcher<Visitor, Optional<Guest>> turnstile(ContextId room) {
        return new SmartBatcher<>(
                QUEUE_LIMIT,
                BATCH_LIMIT,
                visitors -> BatchCommit.of(shards.write(room, transaction -> consume(transaction, visitors))
                        // Some may have gone before they had their seat, and a number written meanwhile may have had
                        // them.
                        .doOnNext(guests ->
                                guests.forEach(guest -> guest.ifPresent(each -> seats.check(room, each.shard()))))),
                unused -> false);
    }

    private Mono<List<Optional<Guest>>> consume(ShardTransaction transaction, List<Visitor> visitors) {
        OffsetDateTime now = OffsetDateTime.now(clock);
        SortedMap<Integer, Integer> seated = seats.taken(transaction.context());
        // Only this turnstile seats people of the room here, so nobody sits down between the count and the commit; who
        // gets up meanwhile has the number written again. Seats are locked in the order in which that is done
        // everywhere.
        return transaction
                .sql()
                .sql("""
                        with mine as (
                            delete from chat_ticket t using (
                                select digest from chat_ticket where context_id = :context
                                    and digest = any(select decode(d, 'base64') from unnest(:digests::text[]) as d)
                                order by digest for update) m
                            where t.context_id = :context and t.digest = m.digest
                            returning t.*),
                        seated as (
                            insert into chat_seat (context_id, shard, node_id, logical_shard, sockets, seen_at)
                            select :context, mine.shard, :node, :logicalShard, count(*) + coalesce(max(h.sockets), 0), :now
                            from mine left join unnest(:shards::smallint[], :counts::integer[]) as h (shard, sockets)
                                on h.shard = mine.shard
                            where mine.expires_at > :now
                            group by mine.shard order by mine.shard
                            on conflict (context_id, shard, node_id)
                            do update set sockets = excluded.sockets, seen_at = excluded.seen_at)
                        select encode(digest, 'base64') as digest, session_id, user_id, user_name, roles,
                            session_expires_at, shard
                        from mine where expires_at > :now
                        """)
                .bind("context", transaction.context().value())
                .bind("digests", visitors.stream().map(Visitor::digest).toArray(String[]::new))
                .bind("node", seats.node())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind(
                        "shards",
                        seated.keySet().stream().map(Integer::shortValue).toArray(Short[]::new))
                .bind("counts", seated.values().toArray(Integer[]::new))
                .bind("now", now)
                .map(row -> Map.entry(required(row, "digest", String.class), guest(row)))
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue)
                .map(guests -> {
                    // Who comes twice with one ticket gets in once.
                    List<Optional<Guest>> answers = visitors.stream()
                            .map(visitor -> Optional.ofNullable(guests.remove(visitor.digest())))
                            .toList();
                    for (int i = 0; i < answers.size(); i++) {
                        Seats.Place place = visitors.get(i).place();
                        answers.get(i).ifPresent(guest -> place.take(guest.shard()));
                    }
                    return answers;
                });
    }

    private String secret() {
        byte[] bytes = new byte[32];
        random.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static String text(byte[] digest) {
        return Base64.getEncoder().encodeToString(digest);
    }

    private static byte[] digest(String secret) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static String roles(LaunchSession session) {
        return session.roles().stream().map(CourseRole::name).sorted().collect(Collectors.joining(","));
    }

    private static Guest guest(Readable row) {
        Set<CourseRole> roles = EnumSet.noneOf(CourseRole.class);
        for (String role : required(row, "roles", String.class).split(",", -1)) {
            if (!role.isEmpty()) {
                roles.add(CourseRole.valueOf(role));
            }
        }
        return new Guest(
                required(row, "session_id", UUID.class),
                new Person(required(row, "user_id", UUID.class), row.get("user_name", String.class)),
                roles,
                required(row, "session_expires_at", OffsetDateTime.class).toInstant(),
                required(row, "shard", Integer.class));
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        @Nullable T value = row.get(column, type);
        return Objects.requireNonNull(value, column);
    }
}
