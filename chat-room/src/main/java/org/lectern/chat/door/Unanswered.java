package org.lectern.chat.door;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * What a client did and has not been answered, and an end that waits for the answers. Once the end was run, nothing that
 * was begun is without its answer, and nothing more begins. Thread-safe.
 */
final class Unanswered {

    private final AtomicInteger count = new AtomicInteger();
    private final Runnable end;
    private volatile boolean ending;

    /**
     * Nothing is under way.
     *
     * @param end run when all is answered after {@link #endWhenAnswered}; it may be run more than once
     */
    Unanswered(Runnable end) {
        this.end = end;
    }

    /** Whether one more may begin; if so, {@link #answered} follows. */
    boolean begin() {
        // Counted first: whoever ends either sees this one, or is seen here.
        count.incrementAndGet();
        if (ending) {
            answered();
            return false;
        }
        return true;
    }

    /** One that had begun was answered. */
    void answered() {
        if (count.decrementAndGet() == 0 && ending) {
            end.run();
        }
    }

    /** Lets nothing more begin, and ends when what has begun is answered. */
    void endWhenAnswered() {
        ending = true;
        if (count.get() == 0) {
            end.run();
        }
    }

    /** Whether nothing more begins. */
    boolean ending() {
        return ending;
    }
}
