package org.lectern.chat.live;

import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections of a room on one event loop. However many they are, what is due costs one walk over them, one shared
 * buffer and one write for each connection.
 *
 * <h2>Laps</h2>
 *
 * A walk over all connections is a lap. What comes while one is under way joins it: the connections that are still to
 * come get it at once, the others in the next lap, which begins where this one ended. So in a room of thousands, where a lap
 * takes tens of milliseconds, a message waits for one lap and not for two. After a stretch of connections the loop looks
 * after others, who may be about to say the next thing.
 *
 * <h2>Coalescing</h2>
 *
 * A write to a socket costs far more than the bytes in it. So after a lap the lane rests for three times as long as the
 * lap took, 10 ms at most, and what comes meanwhile goes out together. A quiet room's message leaves at once, since a
 * lap over a few connections takes microseconds; a room of thousands under load gathers.
 *
 * <h2>Pace</h2>
 *
 * A burst may be larger than what may wait for one connection. A lap takes up a quarter of that limit at most, and the
 * next one waits for connections that are half full, because they are reading; but only so long, and not for one
 * that read nothing while it was waited for. So a burst closes nobody who reads, and who does not read delays the others
 * by no more than one patience before the limit closes it.
 */
final class Lane {

    private static final Logger log = LoggerFactory.getLogger(Lane.class);
    private static final long REST_NANOS = 10_000_000L;
    private static final long PATIENCE_NANOS = 100_000_000L;
    private static final long LOOK_NANOS = 1_000_000L;
    private static final int STRETCH = 256;

    private final EventLoop loop;
    private final long sliceBytes;
    private final Queue<Frame> due = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean scheduled = new AtomicBoolean();

    // On the loop only.
    private final List<Attendee> attendees = new ArrayList<>();
    private final Window window = new Window();
    private long notBefore = System.nanoTime();
    private long lapBegan;
    private long lapEnded;
    private long lapBytes;
    private boolean burst;

    /** Whose turn is next, and how many had theirs in this lap; none between laps. */
    private int next;

    private int walked;

    /**
     * A lane without connections.
     *
     * @param sliceBytes how much a lap takes up at most
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

    /** On the loop. One that has gone meanwhile stays out; what was taken up before is not for it. */
    void add(Attendee attendee) {
        if (!attendee.closed()) {
            attendee.lanePosition(attendees.size());
            attendee.laneSeen(window.end());
            attendees.add(attendee);
        }
    }

    /** On the loop, never during a walk: whoever is closed on the way leaves by a task of its own. */
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
        if (next >= attendees.size()) {
            next = 0;
        }
    }

    /** A walk that fails goes on after a rest, past whom it failed at: a lane that stopped would be silent for ever. */
    private void drain() {
        try {
            walk();
        } catch (RuntimeException | Error failure) {
            log.error("A walk over the connections of a room failed", failure);
            window.release();
            later(REST_NANOS);
        }
    }

    private void walk() {
        long now = System.nanoTime();
        if (walked == 0) {
            if (now - notBefore < 0) {
                later(notBefore - now);
                return;
            }
            if (burst && mustWait(now)) {
                later(LOOK_NANOS);
                return;
            }
            lapBegan = now;
            // What some have still to be given counts to this lap, so that nobody is given more than a lap takes up.
            lapBytes = window.bytes();
        }
        while (lapBytes < sliceBytes) {
            @Nullable Frame frame = due.poll();
            if (frame == null) {
                break;
            }
            window.add(frame);
            lapBytes += frame.length();
        }
        if (window.isEmpty()) {
            burst = false;
            idle(0);
            return;
        }
        stretch();
        if (walked < attendees.size()) {
            // By way of the timers, so that the loop reads from its sockets before it goes on.
            later(1);
            return;
        }
        endLap();
    }

    private void stretch() {
        for (int i = 0; i < STRETCH && walked < attendees.size(); i++) {
            Attendee attendee = attendees.get(next);
            next = next + 1 < attendees.size() ? next + 1 : 0;
            walked++;
            if (attendee.laneSeen() < window.end()) {
                Burst owed = window.since(attendee.laneSeen());
                attendee.laneSeen(window.end());
                attendee.deliver(owed);
            }
        }
    }

    private void endLap() {
        long end = System.nanoTime();
        walked = 0;
        long seen = window.end();
        for (Attendee attendee : attendees) {
            seen = Math.min(seen, attendee.laneSeen());
        }
        window.release();
        window.forget(seen);
        long rest = Math.min(REST_NANOS, 3 * (end - lapBegan));
        notBefore = end + rest;
        lapEnded = end;
        burst = lapBytes >= sliceBytes;
        if (window.isEmpty()) {
            idle(rest);
        } else {
            later(rest);
        }
    }

    /** Nothing is under way; what was offered meanwhile begins another lap. */
    private void idle(long rest) {
        scheduled.set(false);
        if (!due.isEmpty() && scheduled.compareAndSet(false, true)) {
            later(rest);
        }
    }

    /** Whether the next lap waits for somebody who is still reading what the last ones brought. */
    private boolean mustWait(long now) {
        boolean patienceEnded = now - lapEnded > PATIENCE_NANOS;
        boolean wait = false;
        for (Attendee attendee : attendees) {
            wait |= attendee.holdsBack(patienceEnded);
        }
        return wait && !patienceEnded;
    }

    private void later(long nanos) {
        var unused = loop.schedule(this::drain, nanos, TimeUnit.NANOSECONDS);
    }

    /** The frames that not everybody has, numbered from the lane's beginning, and what of them goes out together. */
    private static final class Window {

        private final List<Frame> frames = new ArrayList<>();
        /** By number of the first one, in each of which all up to the end are; made where asked for. */
        private final Map<Long, Burst> bursts = new HashMap<>();

        private long begin;

        /** The number that the next frame will have. */
        long end() {
            return begin + frames.size();
        }

        boolean isEmpty() {
            return frames.isEmpty();
        }

        long bytes() {
            return frames.stream().mapToLong(Frame::length).sum();
        }

        /** What was shared until now ends too early for those who come after this. */
        void add(Frame frame) {
            release();
            frames.add(frame);
        }

        /** What somebody who has seen so many is owed. */
        Burst since(long seen) {
            return bursts.computeIfAbsent(
                    seen, from -> Burst.of(frames.subList(Math.toIntExact(from - begin), frames.size())));
        }

        /** Gives the shared buffers up; whoever writes them has references of their own. */
        void release() {
            bursts.values().forEach(Burst::release);
            bursts.clear();
        }

        /** Everybody has what is before this number. */
        void forget(long seen) {
            frames.subList(0, Math.toIntExact(seen - begin)).clear();
            begin = seen;
        }
    }
}
