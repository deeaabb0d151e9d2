package org.lectern.chat.live;

import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The connections of a room on one event loop. However many they are, what is due costs one task, one shared buffer and
 * one write for each connection.
 *
 * <h2>Coalescing</h2>
 *
 * A write to a socket costs far more than the bytes in it. So after a round the lane rests for three times as long as the
 * round took, 10 ms at most, and what comes meanwhile goes out together. A quiet room's message leaves at once, since a
 * round of a few connections takes microseconds; a room of thousands under load gathers.
 *
 * <h2>Pace</h2>
 *
 * A burst may be larger than what may wait for one connection. It goes out in slices of a quarter of that limit, and the
 * next slice waits for connections that are half full, because they are reading; but only so long, and not for one
 * that read nothing while it was waited for. So a burst closes nobody who reads, and who does not read delays the others
 * by no more than one patience before the limit closes it.
 */
final class Lane {

    private static final long REST_NANOS = 10_000_000L;
    private static final long PATIENCE_NANOS = 100_000_000L;
    private static final long LOOK_NANOS = 1_000_000L;

    private final EventLoop loop;
    private final long sliceBytes;
    private final Queue<Frame> due = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean scheduled = new AtomicBoolean();

    // On the loop only.
    private final List<Attendee> attendees = new ArrayList<>();
    private long notBefore = System.nanoTime();
    private long sliceAt;
    private boolean burst;

    /**
     * A lane without connections.
     *
     * @param sliceBytes how much goes out at once at most
     */
    Lane(EventLoop loop, long sliceBytes) {
        this.loop = loop;
        this.sliceBytes = sliceBytes;
    }

    /** From any thread; frames of one caller keep their order. */
    void offer(List<Frame> frames) {
        due.addAll(frames);
        if (scheduled.compareAndSet(false, true)) {
            loop.execute(this::drain);
        }
    }

    /** On the loop. One that has gone meanwhile stays out. */
    void add(Attendee attendee) {
        if (!attendee.closed()) {
            attendee.lanePosition(attendees.size());
            attendees.add(attendee);
        }
    }

    /** On the loop. */
    void remove(Attendee attendee) {
        int position = attendee.lanePosition();
        if (position < 0) {
            return;
        }
        Attendee last = attendees.removeLast();
        if (last != attendee) {
            attendees.set(position, last);
            last.lanePosition(position);
        }
        attendee.lanePosition(-1);
    }

    private void drain() {
        long now = System.nanoTime();
        if (now - notBefore < 0) {
            later(notBefore - now);
            return;
        }
        if (burst && mustWait(now)) {
            later(LOOK_NANOS);
            return;
        }
        scheduled.set(false);
        Burst next = Burst.of(due, sliceBytes);
        if (next.isEmpty()) {
            burst = false;
            return;
        }
        try {
            deliver(next);
        } finally {
            next.release();
        }
        long end = System.nanoTime();
        notBefore = end + Math.min(REST_NANOS, 3 * (end - now));
        sliceAt = end;
        burst = next.full();
        if (!due.isEmpty() && scheduled.compareAndSet(false, true)) {
            later(notBefore - end);
        }
    }

    private void deliver(Burst next) {
        // Whoever is closed on the way leaves the list by a task of its own, never during the walk.
        for (Attendee attendee : attendees) {
            attendee.deliver(next);
        }
    }

    /** Whether the next slice of a burst waits for somebody who is still reading the last ones. */
    private boolean mustWait(long now) {
        boolean patienceEnded = now - sliceAt > PATIENCE_NANOS;
        boolean wait = false;
        for (Attendee attendee : attendees) {
            wait |= attendee.holdsBack(patienceEnded);
        }
        return wait && !patienceEnded;
    }

    private void later(long nanos) {
        var unused = loop.schedule(this::drain, nanos, TimeUnit.NANOSECONDS);
    }
}
