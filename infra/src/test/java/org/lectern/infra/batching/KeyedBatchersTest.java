package org.lectern.infra.batching;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class KeyedBatchersTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Map<String, List<CompletableFuture<List<Integer>>>> commits = new ConcurrentHashMap<>();
    private final List<String> begun = new ArrayList<>();

    private final KeyedBatchers<String, Integer, Integer> batchers = new KeyedBatchers<>(2, key -> {
        begun.add(key);
        return new SmartBatcher<>(
                10,
                10,
                items -> {
                    CompletableFuture<List<Integer>> commit = new CompletableFuture<>();
                    commits.computeIfAbsent(key, unused -> new ArrayList<>()).add(commit);
                    return commit.thenApply(answers -> items);
                },
                unused -> false);
    });

    @Test
    void noKeyWaitsForAnother() {
        var held = batchers.submit("a", 1).toFuture();
        var next = batchers.submit("a", 2).toFuture();
        var other = batchers.submit("b", 3).toFuture();
        assertThat(batchers.waiting()).isEqualTo(1);

        end("b", 0);
        assertThat(other).isCompletedWithValue(3);
        assertThat(held).isNotDone();

        end("a", 0);
        assertThat(held).isCompletedWithValue(1);
        assertThat(next).as("goes with the next commit").isNotDone();
        end("a", 1);
        assertThat(next).isCompletedWithValue(2);
        assertThat(batchers.waiting()).isZero();
    }

    @Test
    void whatIsIdleIsLetGoOnceThereAreManyAndWhatIsBusyStays() {
        var busy = batchers.submit("a", 1).toFuture();
        for (String key : List.of("b", "c", "d")) {
            var done = batchers.submit(key, 2).toFuture();
            end(key, 0);
            assertThat(done).isCompleted();
        }
        var again = batchers.submit("a", 3).toFuture();
        end("a", 0);
        end("a", 1);
        assertThat(busy).isCompletedWithValue(1);
        assertThat(again).isCompletedWithValue(3);
        assertThat(begun).as("one batcher of the busy key").containsOnlyOnce("a");

        var unused = batchers.submit("b", 4).toFuture();
        assertThat(begun).as("the idle one was let go").filteredOn("b"::equals).hasSize(2);
    }

    @Test
    void whatWasLetGoGetsNoMoreItems() throws Exception {
        AtomicInteger latest = new AtomicInteger();
        AtomicInteger outdated = new AtomicInteger();
        KeyedBatchers<String, Integer, Integer> hasty = new KeyedBatchers<>(0, key -> {
            int own = latest.incrementAndGet();
            return new SmartBatcher<>(
                    10,
                    10,
                    items -> {
                        if (latest.get() != own) {
                            outdated.incrementAndGet();
                        }
                        return CompletableFuture.completedFuture(items);
                    },
                    unused -> false);
        });
        try (ExecutorService people = Executors.newFixedThreadPool(4)) {
            List<Callable<Void>> each = Collections.nCopies(4, () -> {
                for (int i = 0; i < 50_000; i++) {
                    assertThat(hasty.submit("a", i).toFuture()).succeedsWithin(PATIENCE);
                }
                return null;
            });
            for (Future<Void> done : people.invokeAll(each)) {
                done.get();
            }
        }
        assertThat(latest).as("there was something to let go").hasValueGreaterThan(100);
        assertThat(outdated).hasValue(0);
    }

    private void end(String key, int commit) {
        List<CompletableFuture<List<Integer>>> of = commits.getOrDefault(key, List.of());
        of.get(commit).complete(List.of());
    }
}
