package org.lectern.chat.live;

import io.micrometer.core.instrument.Counter;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.log.Entrance;
import org.lectern.chat.log.RoomHead;
import org.lectern.chat.log.RoomLog;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.FrameCodec;
import org.lectern.chat.protocol.ServerFrame;
import org.lectern.db.ContextId;
import org.lectern.infra.batching.SmartBatcher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/**
 * A room as this node delivers it.
 *
 * <h2>Order</h2>
 *
 * Entries reach a node by three ways: from its own commits, from other nodes by fan-out, and from the database. All of
 * them end in {@link #accept}, which delivers an entry when it is the successor of the last delivered one, drops it when
 * it was delivered already, and keeps it for a moment otherwise. When a gap has stayed open for the reorder window it is
 * read from the database. That is safe because a number is given inside the commit: whoever sees n in the database sees
 * every smaller number. So it does not matter what fan-out loses, doubles or overtakes, or whether it works at all.
 *
 * <h2>Joining</h2>
 *
 * A connection is first added to its lane, holding back what comes live, and only then is the head looked at. Every
 * entry up to that head is replayed; every later one is delivered after the connection was added, and so is held. The
 * numbers sort out what is in both.
 *
 * <h2>Threads</h2>
 *
 * What is guarded by this object's monitor takes microseconds and does no I/O. Connections belong to their event loops;
 * a delivered entry is offered to one {@link Lane} for each loop while the monitor is held, so all lanes see one order.
 */
final class LiveRoom {

    private static final Logger log = LoggerFactory.getLogger(LiveRoom.class);
    private static final int PAGE = 1_000;
    private static final int EARLY_LIMIT = 10_000;
    private static final int ENTRANCES_WAITING = 20_000;
    private static final int ENTRANCES_AT_ONCE = 500;
    private static final Duration PACE_CHECK = Duration.ofMillis(20);

    private final ContextId id;
    private final RoomLog roomLog;
    private final FrameCodec codec;
    private final Scheduler timer;
    private final Duration reorderWindow;
    private final int hotEntries;
    private final long sliceBytes;
    private final Counter pageReads;

    private final ConcurrentMap<EventLoop, Lane> lanes = new ConcurrentHashMap<>();
    private final Set<Attendee> attendees = ConcurrentHashMap.newKeySet();
    private final ConcurrentMap<Long, Mono<List<Frame>>> pages = new ConcurrentHashMap<>();
    private final PresenceBoard presence = new PresenceBoard();

    /** How people come in, asked for together by those who come together. */
    private final SmartBatcher<UUID, Entrance> entrances;

    // Guarded by this.
    private boolean open;
    private long epoch;
    private long delivered;
    private final TreeMap<Long, Frame> early = new TreeMap<>();
    private final Deque<Frame> hot = new ArrayDeque<>();
    private boolean gapTimer;
    private @Nullable Mono<Void> fetch;
    private @Nullable Mono<Void> opening;
    private @Nullable Frame lastPresence;

    LiveRoom(
            ContextId id,
            RoomLog roomLog,
            FrameCodec codec,
            Scheduler timer,
            ChatSettings settings,
            Counter pageReads) {
        this.id = id;
        this.roomLog = roomLog;
        this.codec = codec;
        this.timer = timer;
        this.reorderWindow = settings.reorderWindow();
        this.hotEntries = settings.hotEntries();
        this.pageReads = pageReads;
        this.sliceBytes = settings.socketLimitBytes() / 4;
        this.entrances = new SmartBatcher<>(
                ENTRANCES_WAITING,
                ENTRANCES_AT_ONCE,
                people -> roomLog.entrances(id, people).toFuture(),
                unused -> false);
    }

    Collection<Attendee> attendees() {
        return attendees;
    }

    PresenceBoard presence() {
        return presence;
    }

    /** What this node has delivered; null until the room was read for the first time. */
    synchronized @Nullable RoomHead head() {
        return open ? new RoomHead(epoch, delivered) : null;
    }

    /** Takes encoded entries from wherever they come, in any order. */
    void accept(long ofEpoch, List<Frame> frames) {
        synchronized (this) {
            if (open && ofEpoch != epoch) {
                // Another incarnation: the comparison with the database will tell which one holds.
                return;
            }
            for (Frame frame : frames) {
                if (!open || frame.seq() > delivered) {
                    early.putIfAbsent(frame.seq(), frame);
                }
            }
            deliverEarly();
            if (early.size() > EARLY_LIMIT) {
                early.clear();
            }
            if (open && !early.isEmpty() && !gapTimer) {
                gapTimer = true;
                var unused = timer.schedule(this::gapStayed, reorderWindow.toMillis(), TimeUnit.MILLISECONDS);
            }
        }
    }

    /** Tells everybody here who else is; newcomers hear it too. */
    void broadcastPresence(Frame frame) {
        synchronized (this) {
            lastPresence = frame;
            lanes.values().forEach(lane -> lane.offer(List.of(frame)));
        }
    }

    /**
     * Brings a connection in: welcome, what it missed, then live.
     *
     * @param knownEpoch the incarnation that the client knows, where it said so
     * @param since the last number that the client has; null for from now on
     */
    Mono<Void> join(Attendee attendee, @Nullable Long knownEpoch, @Nullable Long since) {
        EventLoop loop = attendee.outlet().loop();
        Lane lane = lanes.computeIfAbsent(loop, each -> new Lane(each, sliceBytes));
        attendees.add(attendee);
        // How the person comes in is looked at when the room is open, so that a ban is either seen there or comes as an
        // entry.
        Mono<Entrance> entrance =
                Mono.fromFuture(() -> entrances.submit(attendee.person().id()));
        return opened().then(entrance).flatMap(found -> {
            if (found.banned() && !attendee.staff()) {
                attendee.close(CloseCode.BANNED);
                return Mono.<Void>empty();
            }
            return on(loop, () -> lane.add(attendee)).then(joined(attendee, knownEpoch, since, found.read()));
        });
    }

    private Mono<Void> joined(Attendee attendee, @Nullable Long knownEpoch, @Nullable Long since, long read) {
        EventLoop loop = attendee.outlet().loop();
        return Mono.defer(this::headNow)
                // A client that is ahead of this node got its entries from another one.
                .flatMap(now -> since != null && since > now.seq() ? refreshed() : Mono.just(now))
                .flatMap(now -> {
                    boolean known = knownEpoch == null || knownEpoch == now.epoch();
                    long from = since != null && known && since <= now.seq() ? since : now.seq();
                    Frame welcome = Frame.of(
                            0, codec.encode(new ServerFrame.Welcome(now.epoch(), now.seq(), attendee.shard(), read)));
                    return on(loop, () -> attendee.welcome(welcome, from)).then(replay(attendee, now.seq()));
                })
                .then(live(attendee));
    }

    /** The connection is gone. */
    void leave(Attendee attendee) {
        attendee.gone();
        attendees.remove(attendee);
        EventLoop loop = attendee.outlet().loop();
        loop.execute(() -> {
            @Nullable Lane lane = lanes.get(loop);
            if (lane != null) {
                lane.remove(attendee);
            }
        });
    }

    /** Compares with the room's head in the database and fetches what is missing here. */
    Mono<Void> catchUp(RoomHead truth) {
        synchronized (this) {
            if (!open) {
                return Mono.empty();
            }
            if (truth.epoch() != epoch) {
                restart(truth);
                return Mono.empty();
            }
            return truth.seq() > delivered ? fetch() : Mono.empty();
        }
    }

    private synchronized Mono<Void> opened() {
        if (open) {
            return Mono.empty();
        }
        if (opening == null) {
            opening = roomLog.head(id)
                    .doOnNext(this::open)
                    .doOnError(unused -> forgetOpening())
                    .then()
                    .cache();
        }
        return opening;
    }

    private synchronized void forgetOpening() {
        opening = null;
    }

    private synchronized void open(RoomHead head) {
        epoch = head.epoch();
        delivered = head.seq();
        open = true;
        opening = null;
        early.headMap(delivered, true).clear();
        deliverEarly();
    }

    private Mono<RoomHead> headNow() {
        @Nullable RoomHead now = head();
        return now == null ? Mono.error(new IllegalStateException("the room is not open")) : Mono.just(now);
    }

    private Mono<RoomHead> refreshed() {
        return roomLog.head(id).flatMap(this::catchUp).then(Mono.defer(this::headNow));
    }

    private synchronized @Nullable Frame presenceNow() {
        return lastPresence;
    }

    /** The database has another incarnation: everybody here starts anew. Guarded by this. */
    private void restart(RoomHead truth) {
        log.warn("room {} began anew: epoch {} instead of {}", id, truth.epoch(), epoch);
        epoch = truth.epoch();
        delivered = truth.seq();
        early.clear();
        hot.clear();
        attendees.forEach(attendee -> attendee.close(CloseCode.RESTARTED));
    }

    /** Guarded by this. */
    private void deliverEarly() {
        if (!open || early.isEmpty() || early.firstKey() > delivered + 1) {
            return;
        }
        List<Frame> ready = new ArrayList<>();
        while (!early.isEmpty() && early.firstKey() <= delivered + 1) {
            Map.Entry<Long, Frame> first = early.pollFirstEntry();
            if (first.getKey() == delivered + 1) {
                delivered++;
                ready.add(first.getValue());
                heed(first.getValue());
                hot.addLast(first.getValue());
                if (hot.size() > hotEntries) {
                    hot.removeFirst();
                }
            }
        }
        if (!lanes.isEmpty() && !attendees.isEmpty()) {
            lanes.values().forEach(lane -> lane.offer(ready));
        }
    }

    /** What an entry does here beside being shown. Guarded by this. */
    private void heed(Frame frame) {
        switch (codec.consequence(frame.json())) {
            case FrameCodec.Consequence.None none -> {}
            // The text is gone from the database, so who resumes must not get it from here.
            case FrameCodec.Consequence.Erased erased -> hot.clear();
            case FrameCodec.Consequence.Banned banned ->
                attendees.stream()
                        .filter(each -> each.person().id().equals(banned.person()) && !each.staff())
                        .forEach(each -> each.close(CloseCode.BANNED));
        }
    }

    private void gapStayed() {
        Mono<Void> repair;
        synchronized (this) {
            gapTimer = false;
            if (early.isEmpty()) {
                return;
            }
            repair = fetch();
        }
        repair.subscribe(unused -> {}, e -> log.debug("a gap in room {} stays until the next comparison", id, e));
    }

    /** Reads what follows the last delivered entry, until nothing does. One at a time. Guarded by this. */
    private Mono<Void> fetch() {
        if (fetch == null) {
            fetch = Mono.defer(() -> {
                        @Nullable RoomHead from = head();
                        return from == null
                                ? Mono.just(0)
                                : roomLog.after(id, from.seq(), PAGE)
                                        .map(this::frame)
                                        .collectList()
                                        .doOnNext(frames -> accept(from.epoch(), frames))
                                        .map(List::size);
                    })
                    .repeat()
                    .takeUntil(size -> size < PAGE)
                    .then()
                    .doFinally(unused -> fetched())
                    .cache();
        }
        return fetch;
    }

    private synchronized void fetched() {
        fetch = null;
    }

    private Frame frame(ServerFrame.Entry entry) {
        return Frame.of(entry.seq(), codec.encode(entry));
    }

    /** Sends what lies between what the connection has and the head at its joining, page by page, at its pace. */
    private Mono<Void> replay(Attendee attendee, long head) {
        EventLoop loop = attendee.outlet().loop();
        return Mono.defer(() -> value(loop, attendee::sent))
                .flatMap(sent -> sent >= head || attendee.closed()
                        ? Mono.just(0)
                        : missed(sent)
                                .map(frames -> frames.stream()
                                        .filter(frame -> frame.seq() <= head)
                                        .toList())
                                .flatMap(frames -> frames.isEmpty()
                                        ? Mono.just(0)
                                        : slices(attendee, frames).thenReturn(frames.size())))
                .repeat()
                .takeUntil(size -> size == 0)
                .then();
    }

    private Mono<Boolean> slices(Attendee attendee, List<Frame> frames) {
        return paced(attendee)
                .then(value(attendee.outlet().loop(), () -> attendee.replay(frames)))
                .repeat()
                .takeUntil(all -> all)
                .last();
    }

    /** Goes on live; when more came during the replay than could be held back, that is replayed first. */
    private Mono<Void> live(Attendee attendee) {
        return Mono.defer(() -> value(attendee.outlet().loop(), () -> attendee.live(presenceNow())))
                .flatMap(live -> live
                        ? Mono.empty()
                        : headNow().flatMap(now -> replay(attendee, now.seq())).then(Mono.defer(() -> live(attendee))));
    }

    private Mono<Boolean> paced(Attendee attendee) {
        EventLoop loop = attendee.outlet().loop();
        return Mono.defer(() -> value(loop, () -> attendee.closed() || attendee.ready()))
                .repeatWhen(rounds -> rounds.delayElements(PACE_CHECK, timer))
                .takeUntil(ready -> ready)
                .last();
    }

    /**
     * Entries after a number, from memory if they are there. Reads of the database are shared by all who need something
     * of the same thousand at the same time, so that a room that comes back at once costs a few.
     */
    private Mono<List<Frame>> missed(long since) {
        synchronized (this) {
            if (!hot.isEmpty() && hot.getFirst().seq() <= since + 1) {
                return Mono.just(
                        hot.stream().filter(frame -> frame.seq() > since).toList());
            }
        }
        long block = since / PAGE * PAGE;
        return Mono.defer(() -> pages.computeIfAbsent(
                        block,
                        from -> page(from)
                                .doFinally(unused -> pages.remove(from))
                                .cache()))
                .map(frames ->
                        frames.stream().filter(frame -> frame.seq() > since).toList())
                // A read that began before what is needed was committed.
                .flatMap(frames -> frames.isEmpty() ? page(since) : Mono.just(frames));
    }

    private Mono<List<Frame>> page(long after) {
        pageReads.increment();
        return roomLog.after(id, after, PAGE).map(this::frame).collectList();
    }

    private static Mono<Void> on(EventLoop loop, Runnable action) {
        return value(loop, () -> {
                    action.run();
                    return true;
                })
                .then();
    }

    private static <T> Mono<T> value(EventLoop loop, Supplier<T> supplier) {
        return Mono.create(sink -> loop.execute(() -> {
            try {
                sink.success(supplier.get());
            } catch (RuntimeException e) {
                sink.error(e);
            }
        }));
    }

    /** How many wait to be looked up as they come in. */
    int entering() {
        return entrances.waiting();
    }

    /** How many are here, for tests and metrics. */
    int size() {
        return attendees.size();
    }
}
