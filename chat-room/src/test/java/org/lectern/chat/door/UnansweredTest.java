package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** An end that waits for answers. */
class UnansweredTest {

    private static final int ROUNDS = 10_000;

    private final AtomicInteger ends = new AtomicInteger();
    private final Unanswered unanswered = new Unanswered(ends::incrementAndGet);

    @Test
    void itEndsAtOnceWhenAllIsAnswered() {
        assertThat(unanswered.begin()).isTrue();
        unanswered.answered();
        assertThat(ends).hasValue(0);
        unanswered.endWhenAnswered();
        assertThat(ends).hasValue(1);
        assertThat(unanswered.begin()).isFalse();
    }

    @Test
    void itEndsWithTheLastAnswer() {
        assertThat(unanswered.begin()).isTrue();
        assertThat(unanswered.begin()).isTrue();
        unanswered.endWhenAnswered();
        assertThat(unanswered.begin()).isFalse();
        unanswered.answered();
        assertThat(ends).hasValue(0);
        unanswered.answered();
        assertThat(ends).hasValue(1);
    }

    @Test
    void nothingThatBeganIsLeftUnansweredWhenItEndsMeanwhile() throws Exception {
        Contest[] contests = Stream.generate(Contest::new).limit(ROUNDS).toArray(Contest[]::new);
        AtomicInteger beginner = new AtomicInteger();
        AtomicInteger ender = new AtomicInteger();
        try (ExecutorService other = Executors.newSingleThreadExecutor()) {
            Future<?> begins = other.submit(() -> {
                for (int round = 0; round < ROUNDS; round++) {
                    meet(beginner, ender, round);
                    contests[round].begin();
                }
            });
            for (int round = 0; round < ROUNDS; round++) {
                meet(ender, beginner, round);
                contests[round].unanswered.endWhenAnswered();
            }
            begins.get(30, TimeUnit.SECONDS);
        }
        assertThat(Stream.of(contests)
                        .mapToInt(each -> each.brokenPromises.get())
                        .sum())
                .isZero();
        assertThat(Stream.of(contests).allMatch(each -> each.ends.get() > 0)).isTrue();
    }

    /** Both threads leave a round's meeting within nanoseconds of each other. */
    private static void meet(AtomicInteger here, AtomicInteger there, int round) {
        here.set(round + 1);
        for (int looks = 0; there.get() <= round; looks++) {
            if (looks < 10_000) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(1);
            }
        }
    }

    private static final class Contest {
        final AtomicInteger open = new AtomicInteger();
        final AtomicInteger ends = new AtomicInteger();
        final AtomicInteger brokenPromises = new AtomicInteger();
        final Unanswered unanswered = new Unanswered(() -> {
            ends.incrementAndGet();
            brokenPromises.addAndGet(open.get());
        });

        void begin() {
            if (unanswered.begin()) {
                // What is permitted to begin must not have been ended before.
                brokenPromises.addAndGet(ends.get());
                open.incrementAndGet();
                open.decrementAndGet();
                unanswered.answered();
            }
        }
    }
}
