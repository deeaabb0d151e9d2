package org.lectern.infra.jobs;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The slots of one lane on this node and the few messages that wait for them. A message either starts at once, waits
 * (most urgent first, at most as many as the lane keeps ready), or pushes out the least urgent one that waits: so a full lane never
 * holds up the messages of other lanes behind it. What waits for long is left to other nodes. Thread-safe; nothing in here blocks.
 */
final class LaneWorkers {

    /** So long a message may wait here while every slot is busy; then others may have it, whose slots are not. */
    static final Duration IN_HAND = Duration.ofSeconds(5);

    /** So long a job that was handed back for that is left to other nodes, unless a slot comes free here before. */
    static final Duration LEFT = Duration.ofSeconds(5);

    private final Lane lane;
    private final Clock clock;
    private int ready;
    private long finished;
    private final Consumer<Delivery> starter;
    private final Consumer<Delivery> handBack;
    private final Consumer<Delivery> copies;
    private final ReentrantLock lock = new ReentrantLock();
    private final TreeSet<Delivery> waiting = new TreeSet<>(Comparator.comparing(Delivery::ticket, JobTicket.ORDER));
    private final Set<UUID> known = new HashSet<>();
    private final Map<UUID, Instant> leftUntil = new HashMap<>();
    private int size;
    private int running;
    private boolean closed;

    /**
     * A message in hand.
     *
     * @param ticket what it says
     * @param queue where it came from
     * @param acknowledge takes it off the broker; harmless when the connection is gone
     * @param came when it came here
     */
    record Delivery(JobTicket ticket, String queue, Runnable acknowledge, Instant came) {}

    /**
     * Opens a lane.
     *
     * @param ready how many messages may wait beside those that run
     * @param starter begins a job on a thread of its own
     * @param handBack returns a message that there is no place for
     * @param copies takes a message whose job is here already
     */
    LaneWorkers(
            Lane lane,
            Clock clock,
            int size,
            int ready,
            Consumer<Delivery> starter,
            Consumer<Delivery> handBack,
            Consumer<Delivery> copies) {
        this.lane = lane;
        this.clock = clock;
        this.copies = copies;
        this.size = size;
        this.ready = ready;
        this.starter = starter;
        this.handBack = handBack;
    }

    Lane lane() {
        return lane;
    }

    /** How many messages may wait here beside the jobs that run. */
    int ready() {
        lock.lock();
        try {
            return ready;
        } finally {
            lock.unlock();
        }
    }

    /** Changes how many messages may wait here; those that do already stay. */
    void keepReady(int messages) {
        lock.lock();
        try {
            ready = messages;
        } finally {
            lock.unlock();
        }
    }

    /** How many jobs have ended here since the start. */
    long finished() {
        lock.lock();
        try {
            return finished;
        } finally {
            lock.unlock();
        }
    }

    /** Takes a message. */
    void offer(Delivery delivery) {
        Delivery start = null;
        Delivery tooMuch = null;
        boolean copy = false;
        lock.lock();
        try {
            if (closed) {
                tooMuch = delivery;
            } else if (known.contains(delivery.ticket().id())) {
                copy = true;
            } else if (running < size) {
                known.add(delivery.ticket().id());
                running++;
                start = delivery;
            } else if (left(delivery.ticket().id())) {
                tooMuch = delivery;
            } else {
                known.add(delivery.ticket().id());
                waiting.add(delivery);
                if (waiting.size() > ready) {
                    tooMuch = waiting.removeLast();
                    known.remove(tooMuch.ticket().id());
                }
            }
        } finally {
            lock.unlock();
        }
        if (copy) {
            copies.accept(delivery);
        }
        if (start != null) {
            starter.accept(start);
        }
        if (tooMuch != null) {
            handBack.accept(tooMuch);
        }
    }

    /** Takes messages again after {@link #close}, where a node is stopped and started. */
    void open() {
        lock.lock();
        try {
            closed = false;
        } finally {
            lock.unlock();
        }
    }

    /** A slot is free again: the most urgent message that waits gets it. */
    void finished(UUID id) {
        lock.lock();
        try {
            known.remove(id);
            leftUntil.clear();
            running--;
            finished++;
        } finally {
            lock.unlock();
        }
        fill();
    }

    /** Changes the number of slots; what runs goes on. */
    void resize(int workers) {
        lock.lock();
        try {
            size = workers;
        } finally {
            lock.unlock();
        }
        fill();
    }

    private void fill() {
        Delivery next = next();
        while (next != null) {
            starter.accept(next);
            next = next();
        }
    }

    private @Nullable Delivery next() {
        lock.lock();
        try {
            if (closed || running >= size || waiting.isEmpty()) {
                return null;
            }
            running++;
            return waiting.removeFirst();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes out what has waited for long while every slot is busy: where one node is full another may be idle. For a while
     * it is not taken back here, so that others come first.
     */
    Collection<Delivery> leaveToOthers() {
        Instant now = clock.instant();
        lock.lock();
        try {
            leftUntil.values().removeIf(until -> !until.isAfter(now));
            if (running < size) {
                return List.of();
            }
            Instant before = now.minus(IN_HAND);
            List<Delivery> longest = waiting.stream()
                    .filter(delivery -> delivery.came().isBefore(before))
                    .toList();
            for (Delivery delivery : longest) {
                waiting.remove(delivery);
                known.remove(delivery.ticket().id());
                leftUntil.put(delivery.ticket().id(), now.plus(LEFT));
            }
            return longest;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Whether every slot is busy and something is left to other nodes. Nothing is to be published for this lane then: it
     * would be in hand when a slot comes free, before the better ones that are left.
     */
    boolean leavesToOthers() {
        lock.lock();
        try {
            return running >= size && leftUntil.keySet().stream().anyMatch(this::left);
        } finally {
            lock.unlock();
        }
    }

    /** Whether a job runs or waits here. */
    boolean has(UUID id) {
        lock.lock();
        try {
            return known.contains(id);
        } finally {
            lock.unlock();
        }
    }

    private boolean left(UUID id) {
        Instant until = leftUntil.get(id);
        return until != null && until.isAfter(clock.instant());
    }

    /** Takes no more messages; answers those that waited. */
    Collection<Delivery> close() {
        lock.lock();
        try {
            closed = true;
            List<Delivery> left = List.copyOf(waiting);
            waiting.clear();
            left.forEach(delivery -> known.remove(delivery.ticket().id()));
            return left;
        } finally {
            lock.unlock();
        }
    }

    int size() {
        lock.lock();
        try {
            return size;
        } finally {
            lock.unlock();
        }
    }

    int running() {
        lock.lock();
        try {
            return running;
        } finally {
            lock.unlock();
        }
    }

    /** The messages that wait here. */
    List<JobTicket> held() {
        lock.lock();
        try {
            return waiting.stream().map(Delivery::ticket).toList();
        } finally {
            lock.unlock();
        }
    }
}
