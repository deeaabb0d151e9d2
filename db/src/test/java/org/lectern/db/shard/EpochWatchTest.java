package org.lectern.db.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

class EpochWatchTest {

    private final List<Sinks.One<Integer>> asked = new ArrayList<>();
    private final EpochWatch<Integer> watch = new EpochWatch<>(() -> {
        Sinks.One<Integer> answer = Sinks.one();
        asked.add(answer);
        return answer.asMono();
    });

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
}
