package org.lectern.chat.live;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.EventLoop;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.log.BatchWritten;
import org.lectern.chat.log.NewEntry;
import org.lectern.chat.log.RoomHead;
import org.lectern.chat.log.RoomLog;
import org.lectern.chat.log.Written;
import org.lectern.chat.protocol.FrameCodec;
import org.lectern.chat.protocol.Person;
import org.lectern.chat.protocol.ServerFrame;
import org.lectern.chat.room.Placement;
import org.lectern.db.ContextId;
import org.lectern.infra.cluster.FanOut;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.cluster.NodeCalls;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.SignalSource;
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
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The rooms of this node: written to by anybody, alive while somebody here listens. Once every repair interval the heads
 * of all live rooms are compared with the database, which mends whatever fan-out lost.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
public class LiveRooms implements SmartLifecycle, SignalSource {

    private static final Logger log = LoggerFactory.getLogger(LiveRooms.class);

    private static final String ENTRIES = "chat.entries";
    private static final String PRESENCE = "chat.presence";
    private static final int IDLE_TICKS = 30;

    private final ChatSettings settings;
    private final RoomLog roomLog;
    private final FanOut fanOut;
    private final Membership membership;
    private final Clock clock;
    private final FrameCodec codec = new FrameCodec();
    private final JsonMapper json;
    private final ConcurrentMap<ContextId, Held> rooms = new ConcurrentHashMap<>();
    private final Writers writers;
    private final ConcurrentMap<ContextId, Map<UUID, Long>> marks = new ConcurrentHashMap<>();
    private final ConcurrentMap<EventLoop, Post> posts = new ConcurrentHashMap<>();
    private final AtomicInteger sockets = new AtomicInteger();
    private final Counter written;
    private final Counter shardsMoved;
    private final Counter pageReads;
    private Placement placement;
    private final Counter fanOutFailures;
    private final DistributionSummary batchSize;

    private volatile boolean running;
    private volatile Disposable.Composite work = Disposables.composite();
    private volatile Scheduler timer = Schedulers.newSingle("chat-timer", true);

    LiveRooms(
            ChatSettings settings,
            RoomLog roomLog,
            FanOut fanOut,
            Membership membership,
            NodeCalls calls,
            Clock clock,
            JsonMapper json,
            MeterRegistry metrics) {
        this.settings = settings;
        this.roomLog = roomLog;
        this.fanOut = fanOut;
        this.membership = membership;
        this.clock = clock;
        this.json = json;
        this.writers = new Writers(settings, roomLog, membership, calls, this::committed, metrics);
        this.placement = writers.placement();
        this.written = metrics.counter("lectern.chat.messages");
        this.pageReads = metrics.counter("lectern.chat.pages.read");
        this.shardsMoved = metrics.counter("lectern.chat.shards.moved");
        this.fanOutFailures = metrics.counter("lectern.chat.fanout.failures");
        this.batchSize = DistributionSummary.builder("lectern.chat.batch.size").register(metrics);
        metrics.gauge("lectern.chat.sockets", sockets);
        metrics.gaugeMapSize("lectern.chat.rooms", List.of(), rooms);
        metrics.gauge(
                "lectern.chat.entrances.waiting",
                rooms,
                all -> all.values().stream()
                        .mapToInt(held -> held.room().entering())
                        .sum());
    }

    /**
     * Writes an entry; emitted after its commit. Errors with {@link org.lectern.infra.batching.QueueFullException} when
     * too much waits, else with what the database said.
     */
    public Mono<Written> write(ContextId room, NewEntry entry) {
        return Mono.fromFuture(() -> writers.write(room, entry))
                .doOnNext(unused -> typed(room, entry.user().id()));
    }

    /** A connection that is to be brought in. */
    public Attendee attendee(Person person, boolean staff, int shard, Outlet outlet) {
        Post post = posts.computeIfAbsent(outlet.loop(), Post::new);
        return new Attendee(person, staff, shard, outlet, post, settings.socketLimitBytes());
    }

    /**
     * Brings a connection in; the answer completes when it is live, errors when the room cannot be read.
     *
     * @param epoch the incarnation that the client knows, where it said so
     * @param since the last number the client has; null for from now on
     */
    public Mono<Void> join(ContextId room, Attendee attendee, @Nullable Long epoch, @Nullable Long since) {
        return Mono.defer(() -> {
            LiveRoom live = hold(room);
            sockets.incrementAndGet();
            return live.join(attendee, epoch, since);
        });
    }

    /** Takes a connection out that was brought in, also when that failed. Once for each. */
    public void leave(ContextId room, Attendee attendee) {
        sockets.decrementAndGet();
        rooms.computeIfPresent(room, (unused, held) -> {
            held.room().leave(attendee);
            return new Held(held.room(), held.users() - 1, 0);
        });
    }

    /** Somebody is writing. */
    public void typing(ContextId room, UUID person) {
        @Nullable Held held = rooms.get(room);
        if (held != null) {
            held.room().presence().typing(person, System.nanoTime());
        }
    }

    /** Somebody has seen everything up to a number; stored with the next tick. */
    public void read(ContextId room, UUID person, long seq) {
        // Atomic with the removal that stores them, so that no mark is put into a map that was taken out.
        marks.compute(room, (unused, present) -> {
            Map<UUID, Long> ofRoom = present == null ? new HashMap<>() : present;
            ofRoom.merge(person, seq, Math::max);
            return ofRoom;
        });
    }

    /** Every connection of this node. */
    public List<Attendee> everybody() {
        List<Attendee> all = new ArrayList<>();
        rooms.values().forEach(held -> all.addAll(held.room().attendees()));
        return all;
    }

    /** Whether every message taken has been committed or refused. */
    public boolean settled() {
        return writers.settled();
    }

    /** The frame of something that concerns one connection only. */
    public Frame encoded(ServerFrame frame) {
        return Frame.of(0, codec.encode(frame));
    }

    /** Frames as JSON. */
    public FrameCodec codec() {
        return codec;
    }

    /** Each node tells its own: nobody else sees its sockets. */
    @Override
    public boolean ofThisNode() {
        return true;
    }

    /** The fullest shard of each live room, as far as this node's sockets go. */
    @Override
    public Flux<Signal> measure() {
        return Flux.fromIterable(rooms.entrySet()).map(entry -> {
            Map<Integer, Integer> shards = new HashMap<>();
            entry.getValue().room().attendees().forEach(each -> shards.merge(each.shard(), 1, Integer::sum));
            int fullest =
                    shards.values().stream().mapToInt(Integer::intValue).max().orElse(0);
            return new Signal(Signal.Kind.SHARD_SOCKETS, entry.getKey().toString(), fullest, clock.instant());
        });
    }

    @Override
    public int getPhase() {
        return SmartLifecycle.DEFAULT_PHASE - 3072;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        running = true;
        if (timer.isDisposed()) {
            timer = Schedulers.newSingle("chat-timer", true);
        }
        work = Disposables.composite();
        work.add(fanOut.listen(ENTRIES, this::heardEntries));
        work.add(fanOut.listen(PRESENCE, this::heardPresence));
        work.add(writers.serve());
        work.add(membership.views().publishOn(timer).subscribe(unused -> count(writers.placement())));
        work.add(Flux.interval(settings.repairInterval(), timer)
                .onBackpressureDrop()
                .concatMap(
                        unused -> compare().onErrorResume(e -> {
                            log.warn("heads could not be compared with the database: {}", e.toString());
                            return Mono.empty();
                        }),
                        1)
                .subscribe());
        work.add(Flux.interval(Duration.ofSeconds(1), timer)
                .onBackpressureDrop()
                .concatMap(
                        unused -> Mono.fromRunnable(this::tick)
                                .then(storeMarks())
                                .onErrorResume(e -> {
                                    log.warn("presence or read marks: {}", e.toString());
                                    return Mono.empty();
                                }),
                        1)
                .subscribe());
    }

    @Override
    public void stop() {
        running = false;
        work.dispose();
        timer.dispose();
    }

    private LiveRoom hold(ContextId id) {
        Held held = rooms.compute(
                id,
                (unused, present) -> present == null
                        ? new Held(new LiveRoom(id, roomLog, codec, timer, settings, pageReads), 1, 0)
                        : new Held(present.room(), present.users() + 1, 0));
        return held.room();
    }

    /** After the commit: encoded once, to those here at once, to the others by fan-out. */
    private void committed(ContextId room, BatchWritten batch) {
        if (batch.entries().isEmpty()) {
            return;
        }
        written.increment(batch.entries().size());
        batchSize.record(batch.entries().size());
        List<Frame> frames = batch.entries().stream()
                .map(entry -> Frame.of(entry.seq(), codec.encode(entry)))
                .toList();
        @Nullable Held held = rooms.get(room);
        if (held != null) {
            held.room().accept(batch.epoch(), frames);
        }
        publish(ENTRIES, room, packed(batch.epoch(), frames));
    }

    private void publish(String channel, ContextId room, byte[] payload) {
        fanOut.publish(channel, room.toString(), payload).subscribe(unused -> {}, e -> fanOutFailures.increment());
    }

    private void heardEntries(String key, byte[] payload) {
        @Nullable Held held = rooms.get(ContextId.parse(key));
        if (held != null) {
            ByteBuffer buffer = ByteBuffer.wrap(payload);
            long epoch = buffer.getLong();
            @Nullable RoomHead head = held.room().head();
            // Who publishes hears it too: what was delivered already is not even read.
            held.room().accept(epoch, unpacked(buffer, head != null && head.epoch() == epoch ? head.seq() : -1));
        }
    }

    private void heardPresence(String key, byte[] payload) {
        @Nullable Held held = rooms.get(ContextId.parse(key));
        if (held == null) {
            return;
        }
        try {
            PresenceBoard.Summary summary = json.readValue(payload, PresenceBoard.Summary.class);
            if (!summary.node().equals(membership.self().id())) {
                held.room().presence().heard(summary, System.nanoTime());
            }
        } catch (JacksonException e) {
            log.debug("a presence summary cannot be read", e);
        }
    }

    private Mono<Void> compare() {
        Collection<ContextId> live = List.copyOf(rooms.keySet());
        if (live.isEmpty()) {
            return Mono.empty();
        }
        return roomLog.heads(live)
                // What is committed and on its way need not be fetched.
                .delayElement(settings.reorderWindow(), timer)
                .flatMapIterable(Map::entrySet)
                .flatMap(
                        truth -> {
                            @Nullable Held held = rooms.get(truth.getKey());
                            return held == null ? Mono.empty() : held.room().catchUp(truth.getValue());
                        },
                        8)
                .then();
    }

    private void tick() {
        long now = System.nanoTime();
        String node = membership.self().id();
        rooms.forEach((id, held) -> {
            LiveRoom room = held.room();
            PresenceBoard.@Nullable Summary summary = room.presence().toSay(node, room.attendees(), now);
            if (summary != null) {
                publish(PRESENCE, id, json.writeValueAsBytes(summary));
            }
            ServerFrame.@Nullable Presence presence = room.presence().toShow(now);
            if (presence != null) {
                room.broadcastPresence(encoded(presence));
            }
            if (held.users() == 0) {
                rooms.computeIfPresent(
                        id,
                        (unused, still) -> still.users() > 0
                                ? still
                                : still.idleTicks() >= IDLE_TICKS
                                        ? null
                                        : new Held(still.room(), 0, still.idleTicks() + 1));
            }
        });
        writers.sweep();
    }

    /** How many of the shards that are live here have another home since the cluster changed. */
    private void count(Placement next) {
        long moved = placement.moved(next, shards());
        placement = next;
        if (moved > 0) {
            shardsMoved.increment((double) moved);
            log.info("{} shards with sockets here have another home now", moved);
        }
    }

    private Set<Placement.Shard> shards() {
        Set<Placement.Shard> shards = new HashSet<>();
        rooms.forEach((room, held) -> held.room()
                .attendees()
                .forEach(each -> shards.add(new Placement.Shard(room.toString(), each.shard()))));
        return shards;
    }

    /** Each room by itself: where writing fails the marks go back, unless newer ones came meanwhile. */
    private Mono<Void> storeMarks() {
        return Flux.fromIterable(List.copyOf(marks.keySet()))
                .flatMap(
                        room -> {
                            @Nullable Map<UUID, Long> ofRoom = marks.remove(room);
                            return ofRoom == null
                                    ? Mono.empty()
                                    : roomLog.markRead(room, ofRoom).onErrorResume(e -> {
                                        log.debug("read marks of room {} could not be stored; tried again", room, e);
                                        ofRoom.forEach((person, seq) -> read(room, person, seq));
                                        return Mono.empty();
                                    });
                        },
                        4)
                .then();
    }

    private void typed(ContextId room, UUID person) {
        @Nullable Held held = rooms.get(room);
        if (held != null) {
            held.room().presence().wrote(person);
        }
    }

    static byte[] packed(long epoch, List<Frame> frames) {
        int size = 8;
        List<byte[]> texts = new ArrayList<>(frames.size());
        for (Frame frame : frames) {
            byte[] text = frame.json();
            texts.add(text);
            size += 12 + text.length;
        }
        ByteBuffer buffer = ByteBuffer.allocate(size).putLong(epoch);
        for (int i = 0; i < frames.size(); i++) {
            buffer.putLong(frames.get(i).seq()).putInt(texts.get(i).length).put(texts.get(i));
        }
        return buffer.array();
    }

    private static List<Frame> unpacked(ByteBuffer buffer, long delivered) {
        List<Frame> frames = new ArrayList<>();
        while (buffer.hasRemaining()) {
            long seq = buffer.getLong();
            int length = buffer.getInt();
            if (seq <= delivered) {
                buffer.position(buffer.position() + length);
                continue;
            }
            byte[] text = new byte[length];
            buffer.get(text);
            frames.add(Frame.of(seq, text));
        }
        return frames;
    }

    /** What a live room has delivered, for tests. */
    @Nullable
    RoomHead head(ContextId room) {
        @Nullable Held held = rooms.get(room);
        return held == null ? null : held.room().head();
    }

    /**
     * A room and how many use it.
     *
     * @param idleTicks for how many ticks nobody has
     */
    private record Held(LiveRoom room, int users, int idleTicks) {}
}
