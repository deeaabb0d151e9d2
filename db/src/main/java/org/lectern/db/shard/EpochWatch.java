package org.lectern.db.shard;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Asks a server over and over whether the map has changed, on behalf of all reads that begin meanwhile: at most one question
 * is under way. A read needs an answer to a question that was asked <em>after</em> the read began, so it never joins the one
 * that is under way, but the next. However many reads there are, there is one small statement for each round trip.
 *
 * <p>Thread-safe, without locks.
 */
final class EpochWatch<T> {

    private final Supplier<Mono<T>> question;
    private final Duration patience;
    private final AtomicReference<Rounds<T>> rounds = new AtomicReference<>(new Rounds<>(null, null));

    /**
     * @param patience for how long a question waits for its answer; who asked then gets a {@code TimeoutException}, and the
     *     next question is asked. A server that is cut off would else hold all reads for as long as TCP believes in it
     */
    EpochWatch(Supplier<Mono<T>> question, Duration patience) {
        this.question = question;
        this.patience = patience;
    }

    /** The answer to a question that is asked after the subscription. */
    Mono<T> now() {
        return Mono.defer(() -> {
            while (true) {
                Rounds<T> seen = rounds.get();
                if (seen.waiting() != null) {
                    return seen.waiting().answer;
                }
                Round<T> mine = new Round<>();
                Round<T> running = seen.running();
                Mono<T> asked = Mono.defer(question).timeout(patience);
                mine.answer = (running == null
                                ? asked
                                : running.answer.onErrorComplete().then(Mono.defer(() -> {
                                    begin(mine);
                                    return asked;
                                })))
                        .doFinally(signal -> end(mine))
                        .cache();
                Rounds<T> next = running == null ? new Rounds<>(mine, null) : new Rounds<>(running, mine);
                if (rounds.compareAndSet(seen, next)) {
                    return mine.answer;
                }
            }
        });
    }

    private void begin(Round<T> mine) {
        rounds.set(new Rounds<>(mine, null));
    }

    /** If one waits, it begins by itself because this one has ended. */
    private void end(Round<T> mine) {
        Rounds<T> seen = rounds.get();
        if (seen.running() == mine && seen.waiting() == null) {
            rounds.compareAndSet(seen, new Rounds<>(null, null));
        }
    }

    private static final class Round<T> {
        private Mono<T> answer = Mono.empty();
    }

    private record Rounds<T>(
            @Nullable Round<T> running, @Nullable Round<T> waiting) {}
}
