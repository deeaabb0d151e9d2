package org.lectern.chat.live;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.log.BatchWritten;
import org.lectern.chat.log.NewEntry;
import org.lectern.chat.log.RoomLog;
import org.lectern.chat.log.Written;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.room.Placement;
import org.lectern.db.ContextId;
import org.lectern.infra.batching.QueueFullException;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.cluster.ClusterNode;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.cluster.NodeCalls;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataIntegrityViolationException;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

/**
 * Who writes for a room. The room's owner among the live nodes batches what all nodes took, so that a busy room costs one
 * commit at a time and nobody queues for its row. A node that is not the owner gathers what it took and passes it on; when
 * the owner is gone, slow or of another opinion, it commits the same messages itself.
 *
 * <p>That is correct without any agreement: the sequence is given inside the commit, and a message that was written
 * already, by whomever, is found again by its id and answered with the number it has. So ownership saves time only.
 *
 * <p>Messages of one node into one room keep their order: they pass one batcher, which decides for each batch where it
 * goes.
 */
final class Writers {

    private static final Logger log = LoggerFactory.getLogger(Writers.class);

    private static final String SUBJECT = "chat.write";
    private static final Duration COMMIT_LIMIT = Duration.ofSeconds(15);

    /** How long an owner may take; longer than a commit under load, much shorter than a client's patience. */
    private static final Duration OWNER_LIMIT = Duration.ofSeconds(1);

    /** For how long an owner that did not answer is passed over. */
    private static final long PASSED_OVER_NANOS = Duration.ofSeconds(2).toNanos();

    private static final String UNFIT = "the room's owner found an entry that the database does not take";

    private final ChatSettings settings;
    private final RoomLog roomLog;
    private final Membership membership;
    private final NodeCalls calls;
    private final BiConsumer<ContextId, BatchWritten> committed;
    private final Counter passedOn;
    private final Counter writtenInstead;

    /** By room: what was taken here, on its way to the owner. */
    private final ConcurrentMap<ContextId, SmartBatcher<NewEntry, Written>> taken = new ConcurrentHashMap<>();

    /** By room: what this node commits. */
    private final ConcurrentMap<ContextId, SmartBatcher<NewEntry, Written>> commits = new ConcurrentHashMap<>();

    private final ConcurrentMap<String, Long> passedOver = new ConcurrentHashMap<>();

    /**
     * Writers of a node.
     *
     * @param committed hears of every batch that this node committed, after the commit
     */
    Writers(
            ChatSettings settings,
            RoomLog roomLog,
            Membership membership,
            NodeCalls calls,
            BiConsumer<ContextId, BatchWritten> committed,
            MeterRegistry metrics) {
        this.settings = settings;
        this.roomLog = roomLog;
        this.membership = membership;
        this.calls = calls;
        this.committed = committed;
        this.passedOn = metrics.counter("lectern.chat.owner.passed");
        this.writtenInstead = metrics.counter("lectern.chat.owner.missed");
        metrics.gauge("lectern.chat.writers", commits, ConcurrentMap::size);
        metrics.gauge("lectern.chat.waiting", this, Writers::waiting);
    }

    /** Where live nodes put rooms now, as this node sees it. */
    Placement placement() {
        return new Placement(
                membership.live(NodeRole.CHAT).stream().map(ClusterNode::id).toList());
    }

    /** Writes an entry by way of the room's owner; completes after the commit. */
    CompletableFuture<Written> write(ContextId room, NewEntry entry) {
        @Nullable SmartBatcher<NewEntry, Written> onTheirWay = taken.get(room);
        @Nullable SmartBatcher<NewEntry, Written> atHome = commits.get(room);
        // While something is still on one way, what follows takes the same: a change of owner must not let a later
        // message of a person overtake an earlier one.
        boolean waitsHere = atHome != null && !atHome.idle();
        if ((onTheirWay == null || onTheirWay.idle())
                && (waitsHere || ownerElsewhere(room).isEmpty())) {
            return commits(room).submit(entry, limit(entry));
        }
        return taken.computeIfAbsent(room, this::takenFor).submit(entry, limit(entry));
    }

    /** Serves other nodes as the owner of rooms, until disposed. */
    Disposable serve() {
        return calls.answer(SUBJECT, this::asked);
    }

    /** Whether everything taken was committed or refused. */
    boolean settled() {
        return taken.values().stream().allMatch(SmartBatcher::idle)
                && commits.values().stream().allMatch(SmartBatcher::idle);
    }

    /** Forgets rooms that nobody writes into. A writer in use may go too: its successor waits for the room's row. */
    void sweep() {
        if (taken.size() > 1_000) {
            taken.values().removeIf(SmartBatcher::idle);
        }
        if (commits.size() > 1_000) {
            commits.values().removeIf(SmartBatcher::idle);
        }
        passedOver.values().removeIf(until -> until - System.nanoTime() < 0);
    }

    private double waiting() {
        return commits.values().stream().mapToInt(SmartBatcher::waiting).sum()
                + taken.values().stream().mapToInt(SmartBatcher::waiting).sum();
    }

    private Optional<String> ownerElsewhere(ContextId room) {
        String self = membership.self().id();
        return placement().owner(room.toString()).filter(owner -> {
            @Nullable Long until = passedOver.get(owner);
            return !owner.equals(self) && (until == null || until - System.nanoTime() < 0);
        });
    }

    private SmartBatcher<NewEntry, Written> takenFor(ContextId room) {
        return new SmartBatcher<>(
                settings.queueLimit(),
                settings.batchLimit(),
                batch -> ownerElsewhere(room)
                        .map(owner -> passedOn(owner, room, batch).toFuture())
                        .orElseGet(() -> committedHere(room, batch)),
                RoomLog::unfit);
    }

    private Mono<List<Written>> passedOn(String owner, ContextId room, List<NewEntry> batch) {
        return calls.ask(owner, SUBJECT, Parcel.packed(new Parcel.Order(room.toString(), batch)), OWNER_LIMIT)
                .map(answer -> outcomes(answer, batch.size()))
                .doOnNext(unused -> passedOn.increment(batch.size()))
                .onErrorResume(e -> {
                    if (e instanceof QueueFullException || RoomLog.unfit(e)) {
                        return Mono.error(e);
                    }
                    log.debug("the owner of room {} did not write; writing here", room, e);
                    writtenInstead.increment(batch.size());
                    passedOver.put(owner, System.nanoTime() + PASSED_OVER_NANOS);
                    return Mono.fromFuture(() -> committedHere(room, batch));
                });
    }

    private List<Written> outcomes(byte[] answer, int expected) {
        Parcel.Receipt receipt = Parcel.receipt(answer);
        Parcel.@Nullable Fault fault = receipt.fault();
        if (fault != null) {
            throw switch (fault) {
                case FULL -> new QueueFullException(settings.queueLimit());
                // The batch is halved and asked for again, until the unfit entry stands alone; what was written
                // meanwhile is found by its id.
                case UNFIT -> new DataIntegrityViolationException(UNFIT);
            };
        }
        @Nullable List<Written> outcomes = receipt.outcomes();
        if (outcomes == null || outcomes.size() != expected) {
            throw new IllegalStateException("not " + expected + " outcomes: " + outcomes);
        }
        return outcomes;
    }

    /** As the owner: together with what others took. */
    private Mono<byte[]> asked(byte[] question) {
        return Mono.fromCallable(() -> Parcel.order(question))
                .flatMap(order -> {
                    List<CompletableFuture<Written>> results = submitted(order.context(), order.entries());
                    return Mono.fromFuture(() -> all(results))
                            .timeout(OWNER_LIMIT)
                            // Whoever asked writes now: what has not begun here is left to them.
                            .doOnError(TimeoutException.class, e -> results.forEach(each -> each.cancel(false)));
                })
                .map(outcomes -> new Parcel.Receipt(outcomes, null))
                .onErrorResume(e -> {
                    Throwable cause = e instanceof CompletionException && e.getCause() != null ? e.getCause() : e;
                    if (cause instanceof QueueFullException) {
                        return Mono.just(new Parcel.Receipt(null, Parcel.Fault.FULL));
                    }
                    return RoomLog.unfit(cause)
                            ? Mono.just(new Parcel.Receipt(null, Parcel.Fault.UNFIT))
                            : Mono.error(e);
                })
                .map(Parcel::packed);
    }

    private CompletableFuture<List<Written>> committedHere(ContextId room, List<NewEntry> batch) {
        return all(submitted(room, batch));
    }

    private List<CompletableFuture<Written>> submitted(ContextId room, List<NewEntry> batch) {
        SmartBatcher<NewEntry, Written> own = commits(room);
        return batch.stream().map(entry -> own.submit(entry, limit(entry))).toList();
    }

    /** All outcomes; the first error when there is one, after all have ended. */
    private static CompletableFuture<List<Written>> all(List<CompletableFuture<Written>> results) {
        return CompletableFuture.allOf(results.toArray(CompletableFuture<?>[]::new))
                .thenApply(
                        unused -> results.stream().map(CompletableFuture::join).toList());
    }

    /** What takes something away may still come when nothing new is taken. */
    private int limit(NewEntry entry) {
        return entry.deed() instanceof Deed.Delete ? settings.deleteQueueLimit() : settings.queueLimit();
    }

    private SmartBatcher<NewEntry, Written> commits(ContextId room) {
        return commits.computeIfAbsent(
                room,
                unused -> new SmartBatcher<>(
                        settings.queueLimit(),
                        settings.batchLimit(),
                        batch -> roomLog.append(room, batch)
                                .timeout(COMMIT_LIMIT)
                                .doOnNext(done -> committed.accept(room, done))
                                .map(BatchWritten::outcomes)
                                .toFuture(),
                        RoomLog::unfit));
    }
}
