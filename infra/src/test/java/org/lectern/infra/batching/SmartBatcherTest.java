package org.lectern.infra.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Straight through at low load, gathered while a commit is in flight, bounded, and one bad item fails alone. */
class SmartBatcherTest {

    private final List<List<Integer>> batches = new CopyOnWriteArrayList<>();
    private final List<CompletableFuture<List<Integer>>> commits = new CopyOnWriteArrayList<>();

    @Test
    void aLoneItemIsCommittedAtOnce() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 50);
        give(batcher, 1);
        assertThat(batches).containsExactly(List.of(1));
        end(0);
        give(batcher, 2);
        assertThat(batches).containsExactly(List.of(1), List.of(2));
    }

    @Test
    void whatArrivesDuringACommitGoesTogetherWhenItEnds() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 50);
        IntStream.rangeClosed(1, 10).forEach(item -> give(batcher, item));
        assertThat(batches).containsExactly(List.of(1));
        end(0);
        assertThat(batches.get(1)).containsExactly(2, 3, 4, 5, 6, 7, 8, 9, 10);
        end(1);
        assertThat(batcher.idle()).isTrue();
    }

    @Test
    void onlyAfterABatchOfSeveralItRestsForAsLongAsThatTook() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 50, Duration.ofHours(1));
        give(batcher, 1);
        give(batcher, 2);
        give(batcher, 3);
        end(0);
        assertThat(batches).as("one that was alone is not rested from").containsExactly(List.of(1), List.of(2, 3));
        Duration took = Duration.ofMillis(500);
        await().pollDelay(took).until(() -> true);
        end(1);
        give(batcher, 4);
        give(batcher, 5);
        assertThat(batches).hasSize(2);
        await().atMost(Duration.ofSeconds(10)).until(() -> commits.size() == 3);
        assertThat(batches.get(2)).as("what came meanwhile goes together").containsExactly(4, 5);
        end(2);
        await().atMost(Duration.ofSeconds(10)).until(batcher::idle);
    }

    @Test
    void itDoesNotRestWhenAFullBatchWaits() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 2, Duration.ofHours(1));
        IntStream.rangeClosed(1, 6).forEach(item -> give(batcher, item));
        end(0);
        Duration took = Duration.ofMillis(500);
        await().pollDelay(took).until(() -> true);
        end(1);
        assertThat(batches).containsExactly(List.of(1), List.of(2, 3), List.of(4, 5));
    }

    @Test
    void whenABatchOfBothKindsFailsThoseThatGoFirstAreTriedWithoutTheOthers() {
        SmartBatcher<Integer, Integer> batcher =
                new SmartBatcher<>(100, 50, this::commit, unused -> true, Duration.ZERO, item -> item % 2 == 0);
        give(batcher, 0);
        IntStream.rangeClosed(1, 5).forEach(item -> give(batcher, item));
        end(0);
        fail(1);
        assertThat(batches.get(2)).containsExactly(2, 4);
        end(2);
        assertThat(batches.get(3)).containsExactly(1, 3, 5);
        fail(3);
        assertThat(batches.get(4)).as("of one kind: by halves").containsExactly(1);
    }

    @Test
    void whatIsCancelledWhileItsBatchFailsIsNotTriedAgain() {
        SmartBatcher<Integer, Integer> batcher = new SmartBatcher<>(100, 50, this::commit, unused -> true);
        give(batcher, 0);
        give(batcher, 1);
        CompletableFuture<Integer> unwanted = batcher.submit(2);
        give(batcher, 3);
        end(0);
        unwanted.cancel(false);
        fail(1);
        end(2);
        assertThat(batches).containsExactly(List.of(0), List.of(1, 2, 3), List.of(1), List.of(3));
    }

    @Test
    void aBatchKeepsToItsLimitAndTheRestFollows() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 4);
        IntStream.rangeClosed(0, 9).forEach(item -> give(batcher, item));
        for (int i = 0; i < 4; i++) {
            end(i);
        }
        assertThat(batches).containsExactly(List.of(0), List.of(1, 2, 3, 4), List.of(5, 6, 7, 8), List.of(9));
    }

    @Test
    void pastTheLimitItSaysTryLaterAndLosesNothingThatWasTaken() {
        SmartBatcher<Integer, Integer> batcher = manual(3, 50);
        List<CompletableFuture<Integer>> results =
                IntStream.rangeClosed(0, 4).mapToObj(batcher::submit).toList();
        assertThat(results.get(4)).isCompletedExceptionally();
        assertThat(results.get(4).exceptionNow()).isInstanceOf(QueueFullException.class);
        end(0);
        end(1);
        assertThat(results.subList(0, 4)).allMatch(result -> result.state() == CompletableFuture.State.SUCCESS);
        assertThat(batcher.submit(9)).isNotDone();
    }

    @Test
    void whatHasALimitOfItsOwnIsStillTakenWhenOthersAreNot() {
        SmartBatcher<Integer, Integer> batcher = manual(2, 50);
        IntStream.rangeClosed(0, 2).forEach(item -> give(batcher, item));
        assertThat(batcher.submit(3).exceptionNow()).isInstanceOf(QueueFullException.class);
        CompletableFuture<Integer> deletion = batcher.submit(4, 3);
        assertThat(batcher.submit(5, 3).exceptionNow()).isInstanceOf(QueueFullException.class);
        end(0);
        end(1);
        assertThat(deletion.state()).isEqualTo(CompletableFuture.State.SUCCESS);
    }

    @Test
    void aFailedBatchFailsItsOwnAndTheNextGoesOn() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 50);
        CompletableFuture<Integer> first = batcher.submit(1);
        CompletableFuture<Integer> second = batcher.submit(2);
        commits.get(0).completeExceptionally(new IllegalStateException("the database is away"));
        assertThat(first.exceptionNow()).hasMessage("the database is away");
        end(1);
        assertThat(second).isCompletedWithValue(2);
    }

    @Test
    void aCancelledItemIsLeftOut() {
        SmartBatcher<Integer, Integer> batcher = manual(100, 50);
        give(batcher, 1);
        CompletableFuture<Integer> unwanted = batcher.submit(2);
        CompletableFuture<Integer> wanted = batcher.submit(3);
        unwanted.cancel(false);
        end(0);
        end(1);
        assertThat(batches.get(1)).containsExactly(3);
        assertThat(wanted).isCompletedWithValue(3);
    }

    @Property(tries = 200)
    void oneBadItemFailsAloneHoweverLargeTheBatch(@ForAll @Size(min = 1, max = 60) List<Boolean> good) {
        AtomicBoolean open = new AtomicBoolean();
        CompletableFuture<List<Integer>> gate = new CompletableFuture<>();
        List<Integer> written = new ArrayList<>();
        SmartBatcher<Integer, Integer> batcher = new SmartBatcher<>(
                1000,
                1000,
                batch -> {
                    if (open.compareAndSet(false, true)) {
                        return gate;
                    }
                    if (batch.stream().anyMatch(item -> !good.get(item))) {
                        return CompletableFuture.failedFuture(new IllegalArgumentException("bad item"));
                    }
                    written.addAll(batch);
                    return CompletableFuture.completedFuture(batch);
                },
                IllegalArgumentException.class::isInstance);
        give(batcher, -1);
        List<CompletableFuture<Integer>> results =
                IntStream.range(0, good.size()).mapToObj(batcher::submit).toList();
        gate.complete(List.of(-1));
        for (int i = 0; i < good.size(); i++) {
            assertThat(results.get(i).isCompletedExceptionally()).isNotEqualTo(good.get(i));
        }
        assertThat(written)
                .isEqualTo(IntStream.range(0, good.size())
                        .filter(good::get)
                        .boxed()
                        .toList());
    }

    @Property(tries = 20)
    void fromManyThreadsEveryItemIsCommittedOnceAndBatchesNeverOverlap(
            @ForAll @IntRange(min = 1, max = 64) int batchLimit) {
        List<Integer> written = new ArrayList<>();
        AtomicBoolean busy = new AtomicBoolean();
        AtomicBoolean overlapped = new AtomicBoolean();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            SmartBatcher<Integer, Integer> batcher = new SmartBatcher<>(
                    100_000,
                    batchLimit,
                    batch -> CompletableFuture.supplyAsync(
                            () -> {
                                if (!busy.compareAndSet(false, true)) {
                                    overlapped.set(true);
                                }
                                written.addAll(batch);
                                busy.set(false);
                                return batch;
                            },
                            threads),
                    unused -> false);
            List<CompletableFuture<Integer>> results = IntStream.range(0, 2_000)
                    .parallel()
                    .mapToObj(batcher::submit)
                    .toList();
            results.forEach(CompletableFuture::join);
        }
        assertThat(overlapped).isFalse();
        assertThat(written)
                .hasSize(2_000)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 2_000).boxed().toList());
    }

    private SmartBatcher<Integer, Integer> manual(int queueLimit, int batchLimit) {
        return manual(queueLimit, batchLimit, Duration.ZERO);
    }

    private SmartBatcher<Integer, Integer> manual(int queueLimit, int batchLimit, Duration longestRest) {
        return new SmartBatcher<>(queueLimit, batchLimit, this::commit, unused -> false, longestRest);
    }

    private static void give(SmartBatcher<Integer, Integer> batcher, int item) {
        var unused = batcher.submit(item);
    }

    private CompletionStage<List<Integer>> commit(List<Integer> batch) {
        batches.add(batch);
        CompletableFuture<List<Integer>> commit = new CompletableFuture<>();
        commits.add(commit);
        return commit;
    }

    private void fail(int commit) {
        commits.get(commit).completeExceptionally(new IllegalStateException("no"));
    }

    private void end(int commit) {
        commits.get(commit).complete(batches.get(commit));
    }
}
