package org.lectern.chat.live;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.Person;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * One connection in a room. Its state is touched on its outlet's loop only.
 *
 * <p>While it is still being given what it missed, live entries are held back; afterwards those that the replay did not
 * contain follow. Every entry is the successor of the one before, or is dropped because it was sent already.
 */
public final class Attendee {

    private final Person person;
    private final boolean staff;
    private final int shard;
    private final Outlet outlet;
    private final Post post;
    private final long limitBytes;

    /** Live entries during the replay; null before the first and afterwards. */
    private @Nullable Deque<Frame> held;

    private long heldBytes;
    private boolean heldTooMuch;
    private long sent;
    private boolean replaying = true;
    private boolean unflushed;
    private int lanePosition = -1;
    private long laneSeen;
    private long pendingBefore;
    private boolean reads;
    private boolean stalled;
    private boolean hasBeenGreeted;
    private volatile boolean closed;
    private final Sinks.Empty<Void> greeted = Sinks.empty();

    /** A connection that has been sent nothing yet. */
    Attendee(Person person, boolean staff, int shard, Outlet outlet, Post post, long limitBytes) {
        this.person = person;
        this.staff = staff;
        this.shard = shard;
        this.outlet = outlet;
        this.post = post;
        this.limitBytes = limitBytes;
    }

    /** Who it is. */
    public Person person() {
        return person;
    }

    /** Whether they came as staff, whom nobody bans. */
    public boolean staff() {
        return staff;
    }

    /** The room's shard that it counts to. */
    public int shard() {
        return shard;
    }

    /** Whether it was told to go, or has gone. */
    public boolean closed() {
        return closed;
    }

    /** Completes when the welcome is on its way, or when there will be none because the connection was told to go. */
    public Mono<Void> greeted() {
        return greeted.asMono();
    }

    /** On the loop: whether the above is so, without waiting for it. */
    public boolean hasBeenGreeted() {
        return hasBeenGreeted;
    }

    /** Sends a frame outside the room's sequence, from any thread. */
    public void send(Frame frame) {
        post.send(this, frame);
    }

    /** Ends the connection with a code, from any thread, after what the caller sent before. */
    public void close(CloseCode code) {
        outlet.loop().execute(() -> {
            post.deliver();
            closeHere(code);
        });
    }

    /** The connection is gone; nothing more is sent. */
    public void gone() {
        closed = true;
        greeted.tryEmitEmpty();
    }

    Outlet outlet() {
        return outlet;
    }

    /** On the loop: where the lane keeps it; negative when it is in none. */
    int lanePosition() {
        return lanePosition;
    }

    void lanePosition(int position) {
        lanePosition = position;
    }

    /** On the loop: how many frames of its lane it has been given, those before its time included. */
    long laneSeen() {
        return laneSeen;
    }

    void laneSeen(long frames) {
        laneSeen = frames;
    }

    /** On the loop: queues a frame; whether this is the first since the last flush. */
    boolean put(Frame frame) {
        if (closed) {
            return false;
        }
        outlet.write(frame.bytes());
        boolean first = !unflushed;
        unflushed = true;
        return first;
    }

    /** On the loop. */
    void flush() {
        unflushed = false;
        if (!closed) {
            outlet.flush();
            checkPace();
        }
    }

    /** On the loop: the first frame, and from where the sequence goes on. */
    void welcome(Frame welcome, long from) {
        if (!closed) {
            sent = from;
            outlet.write(welcome.bytes());
            outlet.flush();
            greeted.tryEmitEmpty();
            // Those that waited went first.
            hasBeenGreeted = true;
        }
    }

    /** On the loop: what was missed, as much of it as may be written at once; whether that was all. */
    boolean replay(List<Frame> frames) {
        long bytes = 0;
        for (Frame frame : frames) {
            if (closed || bytes > limitBytes / 4) {
                break;
            }
            if (frame.seq() > sent) {
                sendEntry(frame);
                bytes += frame.length();
            }
        }
        outlet.flush();
        return closed || frames.getLast().seq() <= sent;
    }

    /** On the loop: whether more of a replay may be written now. */
    boolean ready() {
        return outlet.pendingBytes() < limitBytes / 2;
    }

    /** On the loop: the last number that was sent. */
    long sent() {
        return sent;
    }

    /**
     * On the loop: what was missed has been sent; go on live. False when more came meanwhile than may be held back: it
     * was let go, and has to be replayed too.
     */
    boolean live(@Nullable Frame presence) {
        if (closed) {
            return true;
        }
        if (heldTooMuch) {
            heldTooMuch = false;
            return false;
        }
        replaying = false;
        if (held != null) {
            held.forEach(this::sendEntry);
            held = null;
            heldBytes = 0;
        }
        if (presence != null && !closed) {
            outlet.write(presence.bytes());
        }
        outlet.flush();
        checkPace();
        return true;
    }

    /** On the loop: what is due in the room. */
    void deliver(Burst burst) {
        if (closed) {
            return;
        }
        List<Frame> entries = burst.entries();
        if (replaying) {
            entries.forEach(this::hold);
            return;
        }
        boolean congested = outlet.pendingBytes() > limitBytes / 2;
        if (!entries.isEmpty()) {
            if (entries.getFirst().seq() == sent + 1) {
                outlet.write(burst.entryBytes());
                sent = entries.getLast().seq();
            } else {
                entries.forEach(this::sendEntry);
            }
        }
        // Presence is shed first.
        if (burst.hasPassing() && !congested && !closed) {
            outlet.write(burst.passingBytes());
        }
        outlet.flush();
        checkPace();
    }

    /**
     * On the loop, during a burst: whether the next slice would come too early for this connection. One that read
     * nothing during a whole patience is not waited for until it reads again.
     */
    boolean holdsBack(boolean patienceEnded) {
        long pending = closed ? 0 : outlet.pendingBytes();
        if (pending < pendingBefore) {
            pendingBefore = pending;
            reads = true;
            stalled = false;
        }
        boolean halfFull = pending > limitBytes / 2;
        if (patienceEnded) {
            stalled = halfFull && !reads;
            reads = false;
        }
        return halfFull && !stalled;
    }

    private void hold(Frame frame) {
        if (heldTooMuch) {
            return;
        }
        if (held == null) {
            held = new ArrayDeque<>();
        }
        held.addLast(frame);
        heldBytes += frame.length();
        if (heldBytes > limitBytes / 4) {
            heldTooMuch = true;
            held = null;
            heldBytes = 0;
        }
    }

    private void sendEntry(Frame frame) {
        if (closed || frame.seq() <= sent) {
            return;
        }
        if (frame.seq() != sent + 1) {
            // Never expected; a client must not see a gap, so it comes back and resumes.
            closeHere(CloseCode.RESTARTED);
            return;
        }
        outlet.write(frame.bytes());
        sent = frame.seq();
    }

    private void checkPace() {
        long pending = outlet.pendingBytes();
        if (pending > limitBytes) {
            closeHere(CloseCode.TOO_SLOW);
        }
        pendingBefore = Math.max(pendingBefore, pending);
    }

    private void closeHere(CloseCode code) {
        if (!closed) {
            closed = true;
            held = null;
            outlet.close(code);
            greeted.tryEmitEmpty();
        }
    }
}
