package org.lectern.chat.door;

import java.time.Clock;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.lectern.db.ContextId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * Sockets of this node by room and shard. Whoever issues tickets counts the seats of all nodes, so each node writes its
 * numbers when they change, and confirms them every few seconds; those of a node that died stop counting.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class Seats implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(Seats.class);

    /** Numbers that nobody confirmed for so long do not count. */
    static final Duration VALID = Duration.ofSeconds(30);

    private static final Duration CONFIRM = Duration.ofSeconds(10);
    private static final Duration WRITE = Duration.ofSeconds(1);

    private record Seat(ContextId room, int shard) {}

    private final Shards shards;
    private final Membership membership;
    private final Clock clock;

    /** By room and shard; the numbers of a room are replaced, never changed. */
    private final ConcurrentMap<ContextId, SortedMap<Integer, Integer>> taken = new ConcurrentHashMap<>();

    private final Set<Seat> changed = ConcurrentHashMap.newKeySet();
    private volatile Disposable.Composite work = Disposables.composite();
    private volatile boolean running;

    Seats(Shards shards, Membership membership, Clock clock) {
        this.shards = shards;
        this.membership = membership;
        this.clock = clock;
    }

    /** A place in the room for somebody who is coming and has no seat yet. */
    Place place(ContextId room) {
        return new Place(room);
    }

    /** Of one who comes: takes one seat at most, and gives it back once, also when told to before. Thread-safe. */
    final class Place {

        private static final int COMING = -1;
        private static final int GONE = -2;

        private final ContextId room;

        /** The shard of the seat, or one of the above. */
        private final AtomicInteger shard = new AtomicInteger(COMING);

        private Place(ContextId room) {
            this.room = room;
        }

        /** Sits down; for who has a seat or has gone nothing changes. */
        void take(int of) {
            // Counted first, so that whoever goes meanwhile has something to give back.
            Seats.this.take(room, of);
            if (!shard.compareAndSet(COMING, of)) {
                Seats.this.free(room, of);
            }
        }

        /** Leaves, for good. */
        void free() {
            int before = shard.getAndSet(GONE);
            if (before >= 0) {
                Seats.this.free(room, before);
            }
        }
    }

    private void take(ContextId room, int shard) {
        count(room, shard, 1);
    }

    private void free(ContextId room, int shard) {
        count(room, shard, -1);
    }

    private void count(ContextId room, int shard, int more) {
        taken.compute(room, (unused, before) -> {
            SortedMap<Integer, Integer> after = before == null ? new TreeMap<>() : new TreeMap<>(before);
            if (after.merge(shard, more, Integer::sum) <= 0) {
                after.remove(shard);
            }
            return after.isEmpty() ? null : Collections.unmodifiableSortedMap(after);
        });
        changed.add(new Seat(room, shard));
    }

    /** The stored number of a seat may be wrong: it is written again. */
    void check(ContextId room, int shard) {
        changed.add(new Seat(room, shard));
    }

    /** Seats of a shard that are taken here now. */
    int taken(ContextId room, int shard) {
        return taken(room).getOrDefault(shard, 0);
    }

    /** Seats of a room that are taken here now, by shard in order; those of which none is are left out. */
    SortedMap<Integer, Integer> taken(ContextId room) {
        return taken.getOrDefault(room, Collections.emptySortedMap());
    }

    String node() {
        return membership.self().id();
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        running = true;
        Scheduler timer = Schedulers.newSingle("chat-seats", true);
        work = Disposables.composite(timer);
        work.add(Flux.interval(WRITE, timer)
                .onBackpressureDrop()
                .concatMap(unused -> writeChanged(), 1)
                .subscribe());
        work.add(Flux.interval(CONFIRM, timer)
                .onBackpressureDrop()
                .concatMap(unused -> confirm(), 1)
                .subscribe());
    }

    @Override
    public void stop() {
        running = false;
        work.dispose();
    }

    private Mono<Void> writeChanged() {
        List<Seat> due = List.copyOf(changed);
        return Flux.fromIterable(due)
                .flatMap(
                        seat -> {
                            changed.remove(seat);
                            return write(seat).onErrorResume(e -> {
                                changed.add(seat);
                                log.debug("seats of {} could not be written; tried again", seat.room(), e);
                                return Mono.empty();
                            });
                        },
                        4)
                .then();
    }

    private Mono<Void> write(Seat seat) {
        return shards.write(seat.room(), transaction -> written(transaction, seat))
                .then();
    }

    private Mono<Long> written(ShardTransaction transaction, Seat seat) {
        int sockets = taken(seat.room(), seat.shard());
        var sql = sockets == 0
                ? transaction
                        .sql()
                        .sql("delete from chat_seat where context_id = :context and shard = :shard and node_id = :node")
                : transaction
                        .sql()
                        .sql("""
                                insert into chat_seat
                                    (context_id, shard, node_id, logical_shard, sockets, seen_at)
                                values (:context, :shard, :node, :logicalShard, :sockets, :now)
                                on conflict (context_id, shard, node_id)
                                do update set sockets = excluded.sockets, seen_at = excluded.seen_at
                                """)
                        .bind("logicalShard", (short) transaction.logicalShard())
                        .bind("sockets", sockets)
                        .bind("now", OffsetDateTime.now(clock));
        return sql.bind("context", seat.room().value())
                .bind("shard", (short) seat.shard())
                .bind("node", node())
                .fetch()
                .rowsUpdated()
                // The row may have been waited for while a commit seated more: too small a number lets too many in.
                .flatMap(rows ->
                        taken(seat.room(), seat.shard()) > sockets ? written(transaction, seat) : Mono.just(rows));
    }

    /** Rows that are locked are being written, which confirms them: to wait for them here could be a deadlock. */
    private Mono<Void> confirm() {
        if (taken.isEmpty()) {
            return Mono.empty();
        }
        return Flux.fromIterable(shards.physicalShards())
                .flatMap(
                        shard -> shards.writeOn(
                                        shard,
                                        sql -> sql.sql("""
                                                        update chat_seat s set seen_at = :now
                                                        from (
                                                            select context_id, shard from chat_seat
                                                            where node_id = :node
                                                                and logical_shard in (select logical_shard from owned_shard)
                                                            for update skip locked) f
                                                        where s.context_id = f.context_id and s.shard = f.shard
                                                            and s.node_id = :node
                                                        """)
                                                .bind("now", OffsetDateTime.now(clock))
                                                .bind("node", node())
                                                .fetch()
                                                .rowsUpdated())
                                .onErrorResume(e -> {
                                    log.debug("seats on {} could not be confirmed", shard, e);
                                    return Mono.empty();
                                }),
                        4)
                .then();
    }
}
