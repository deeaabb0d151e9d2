package org.lectern.chat.live;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Frames for single connections of one event loop, acknowledgements above all. A batch's commit answers hundreds at once:
 * one task writes them all, and each connection is flushed once.
 */
final class Post {

    private record Letter(Attendee to, Frame frame) {}

    private final Executor loop;
    private final Queue<Letter> due = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean scheduled = new AtomicBoolean();

    Post(Executor loop) {
        this.loop = loop;
    }

    /** From any thread; frames of one caller to one connection keep their order. */
    void send(Attendee to, Frame frame) {
        due.add(new Letter(to, frame));
        if (scheduled.compareAndSet(false, true)) {
            loop.execute(this::deliver);
        }
    }

    /** On the loop: writes all that was sent so far, though its task may still be on the way. */
    void deliver() {
        scheduled.set(false);
        List<Attendee> written = new ArrayList<>();
        for (@Nullable Letter letter = due.poll(); letter != null; letter = due.poll()) {
            if (letter.to().put(letter.frame())) {
                written.add(letter.to());
            }
        }
        written.forEach(Attendee::flush);
    }
}
