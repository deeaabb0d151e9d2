package org.lectern.db.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

class EpochWatchTest {

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final List<Sinks.One<Integer>> asked = new ArrayList<>();
    private final EpochWatch<Integer> watch = new EpochWatch<>(
            () -> {
                Sinks.One<Integer> answer = Sinks.one();
                asked.add(answer);
                return answer.asMono();
            },
            PATIENCE);

    @Test
    void whoComesDuringAQuestionGetsTheAnswerToTheNextOneAndAllShareIt() {
        CompletableFuture<@Nullable Integer> first = watch.now().toFuture();
        List<CompletableFuture<@Nullable Integer>> later = new ArrayList<>();
        for (int read = 0; read < 100; read++) {
            later.add(watch.now().toFuture());
        }
        assertThat(asked).hasSize(1);
        asked.getFirst().tryEmitValue(1);
        assertThat(first).isCompletedWithValue(1);
        assertThat(asked).hasSize(2);
        assertThat(later).noneMatch(CompletableFuture::isDone);
        CompletableFuture<@Nullable Integer> third = watch.now().toFuture();
        asked.get(1).tryEmitValue(2);
        assertThat(later).allMatch(read -> Integer.valueOf(2).equals(read.getNow(0)));
        asked.get(2).tryEmitValue(3);
        assertThat(third).isCompletedWithValue(3);
        assertThat(asked).hasSize(3);
    }

    @Test
    void questionThatFailsFailsOnlyThoseWhoAskedIt() {
        CompletableFuture<@Nullable Integer> first = watch.now().toFuture();
        CompletableFuture<@Nullable Integer> second = watch.now().toFuture();
        asked.getFirst().tryEmitError(new IllegalStateException("gone"));
        assertThat(first).isCompletedExceptionally();
        asked.get(1).tryEmitValue(2);
        assertThat(second).isCompletedWithValue(2);
    }

    @Test
    void readThatIsGivenUpTakesNobodyWithIt() {
        Mono<Integer> now = watch.now();
        now.subscribe().dispose();
        CompletableFuture<@Nullable Integer> second = watch.now().toFuture();
        asked.getFirst().tryEmitValue(1);
        asked.getLast().tryEmitValue(2);
        assertThat(second).isCompletedWithValue(2);
        CompletableFuture<@Nullable Integer> third = watch.now().toFuture();
        asked.getLast().tryEmitValue(3);
        assertThat(third).isCompletedWithValue(3);
    }

    /** A server that was cut off once held every read of its shard until TCP gave up. */
    @Test
    void questionWithoutAnAnswerEndsAndTheNextOneIsAsked() {
        StepVerifier.withVirtualTime(() -> {
                    Mono<Integer> first = watch.now();
                    return Mono.zip(
                            first.map(unused -> "answered")
                                    .onErrorResume(TimeoutException.class, late -> Mono.just("late")),
                            watch.now());
                })
                .expectSubscription()
                .expectNoEvent(PATIENCE.minusMillis(1))
                .then(() -> assertThat(asked).hasSize(1))
                .thenAwait(Duration.ofMillis(1))
                .then(() -> {
                    assertThat(asked).hasSize(2);
                    asked.getLast().tryEmitValue(2);
                })
                .assertNext(both -> {
                    assertThat(both.getT1()).isEqualTo("late");
                    assertThat(both.getT2()).isEqualTo(2);
                })
                .expectComplete()
                .verify(Duration.ofSeconds(60));
    }
}
