package org.lectern.chat.log;

import static org.lectern.chat.log.Columns.required;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Deed;
import org.lectern.db.shard.ShardTransaction;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import reactor.core.publisher.Mono;

/**
 * Looks up what the {@link Judge} has to know of a batch, under the room's lock. Only what the batch needs is asked: one
 * that only says things, in a room without rules, asks nothing at all.
 */
final class Facts {

    private final DatabaseClient sql;
    private final UUID room;
    private final LockedRoom locked;
    private final List<NewEntry> batch;

    private Facts(ShardTransaction transaction, LockedRoom locked, List<NewEntry> batch) {
        this.sql = transaction.sql();
        this.room = transaction.context().value();
        this.locked = locked;
        this.batch = batch;
    }

    /** A judge for this batch. */
    static Mono<Judge> judge(
            ShardTransaction transaction, LockedRoom locked, List<NewEntry> batch, Duration editWindow) {
        return new Facts(transaction, locked, batch).judge(editWindow);
    }

    /** Those positions of the batch whose ids are known: they are answered as before, whatever the rules are now. */
    static Mono<Set<Integer>> known(ShardTransaction transaction, List<NewEntry> batch) {
        return transaction
                .sql()
                .sql("""
                        select a.n from unnest(:users::uuid[], :ids::text[]) with ordinality as a (user_id, client_id, n)
                        join chat_entry e
                            on e.context_id = :context and e.user_id = a.user_id and e.client_id = a.client_id
                        """)
                .bind("context", transaction.context().value())
                .bind("users", batch.stream().map(each -> each.user().id()).toArray(UUID[]::new))
                .bind("ids", batch.stream().map(NewEntry::id).toArray(String[]::new))
                .map(row -> required(row, "n", Long.class).intValue() - 1)
                .all()
                .collect(HashSet::new, Set::add);
    }

    private Mono<Judge> judge(Duration editWindow) {
        return targets()
                .flatMap(targets -> sanctions()
                        .flatMap(sanctions -> paces().flatMap(paces -> teaching()
                                .flatMap(teaching -> pins().map(pins -> new Judge(
                                        locked.rules(), targets, sanctions, paces, teaching, pins, editWindow))))));
    }

    private Mono<Map<Long, Judge.Target>> targets() {
        Long[] about = batch.stream()
                .map(each -> each.deed().about())
                .filter(Objects::nonNull)
                .distinct()
                .toArray(Long[]::new);
        if (about.length == 0) {
            return Mono.just(Map.of());
        }
        return in("""
                select m.seq, m.user_id, m.at, m.target, m.pinned_at is not null as pinned,
                       array(select distinct emoji from chat_reaction r
                             where r.context_id = m.context_id and r.target = m.seq) as emoji
                from chat_entry m
                where m.context_id = :context and m.seq = any(:about) and m.kind = 'message' and m.deleted_at is null
                """)
                .bind("about", about)
                .map(row -> Map.entry(
                        required(row, "seq", Long.class),
                        new Judge.Target(
                                required(row, "user_id", UUID.class),
                                required(row, "at", OffsetDateTime.class).toInstant(),
                                row.get("target", Long.class),
                                required(row, "pinned", Boolean.class),
                                Set.of(required(row, "emoji", String[].class)))))
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Map<Judge.Sanctioned, Instant>> sanctions() {
        if (!locked.guarded()) {
            return Mono.just(Map.of());
        }
        return in("select user_id, kind, until from chat_sanction where context_id = :context and user_id = any(:users)")
                .bind("users", users(batch.stream()))
                .map(row -> {
                    @Nullable OffsetDateTime until = row.get("until", OffsetDateTime.class);
                    return Map.entry(
                            new Judge.Sanctioned(
                                    required(row, "user_id", UUID.class), required(row, "kind", String.class)),
                            until == null ? Instant.MAX : until.toInstant());
                })
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Map<UUID, Instant>> paces() {
        if (locked.rules().slowSeconds() == null) {
            return Mono.just(new HashMap<>());
        }
        return in("select user_id, at from chat_pace where context_id = :context and user_id = any(:users)")
                .bind("users", users(batch.stream().filter(each -> each.deed() instanceof Deed.Say)))
                .map(row -> Map.entry(
                        required(row, "user_id", UUID.class),
                        required(row, "at", OffsetDateTime.class).toInstant()))
                .all()
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Set<UUID>> teaching() {
        UUID[] subjects = batch.stream()
                .map(each -> each.deed() instanceof Deed.Moderate moderate ? moderate.subject() : null)
                .filter(Objects::nonNull)
                .distinct()
                .toArray(UUID[]::new);
        if (subjects.length == 0) {
            return Mono.just(Set.of());
        }
        return in("""
                select user_id from member where context_id = :context and user_id = any(:subjects)
                    and roles && array['instructor', 'ta', 'administrator']
                """)
                .bind("subjects", subjects)
                .map(row -> required(row, "user_id", UUID.class))
                .all()
                .collect(HashSet::new, Set::add);
    }

    private Mono<Integer> pins() {
        if (batch.stream().noneMatch(each -> each.deed() instanceof Deed.Pin)) {
            return Mono.just(0);
        }
        return in("select count(*) as pins from chat_entry where context_id = :context and pinned_at is not null")
                .map(row -> required(row, "pins", Long.class).intValue())
                .one();
    }

    private GenericExecuteSpec in(String statement) {
        return sql.sql(statement).bind("context", room);
    }

    private static UUID[] users(Stream<NewEntry> entries) {
        return entries.map(each -> each.user().id()).distinct().toArray(UUID[]::new);
    }
}
