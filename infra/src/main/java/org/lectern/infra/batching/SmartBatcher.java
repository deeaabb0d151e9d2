package org.lectern.infra.batching;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Groups writes by the pace of what they wait for, not by a clock (natural batching).
 *
 * <p>An item that finds nothing in flight is committed at once, alone: at low load nothing is delayed. While a commit is
 * in flight, what arrives gathers; when it ends, all that gathered (up to the batch limit) goes as the next batch at
 * once. So the batch grows by itself with load, since a slower commit gathers more, and no item ever waits for a timer
 * (but where a longest rest is given).
 *
 * <p>Contract:
 *
 * <ul>
 *   <li>Batches of one batcher never overlap, and items are committed in the order in which they were submitted.
 *   <li>At most {@code queueLimit} items wait; past it {@link #submit} fails with {@link QueueFullException} at once.
 *   <li>A batch that fails fails its own items only. If the error is one that a single bad item can cause
 *       ({@code isolatable}), the batch is halved and tried again, until the bad item stands alone and fails alone. Where
 *       some items are to go first then, these are tried before the others, whatever the order of submission.
 *   <li>An item whose result was cancelled before its commit (or the next try of it) began is left out; after that,
 *       cancelling changes nothing.
 * </ul>
 *
 * <p>Thread-safe and lock-free. The commit function is called on the thread that submits or that ends the previous
 * commit, and must not block; it answers one result for each item, in order.
 *
 * @param <T> what is written
 * @param <R> what the writer of one item learns
 */
public final class SmartBatcher<T, R> {

    private record Waiting<T, R>(T item, CompletableFuture<R> result) {}

    private final int queueLimit;
    private final int batchLimit;
    private final Function<List<T>, CompletionStage<List<R>>> commit;
    private final Predicate<Throwable> isolatable;
    private final Queue<Waiting<T, R>> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicBoolean inFlight = new AtomicBoolean();
    private final Duration longestRest;
    private final Predicate<T> firstAfterFailure;

    /**
     * A batcher with nothing in flight, which never rests.
     *
     * @param queueLimit how many items may wait
     * @param batchLimit how many items go together at most
     * @param commit writes a batch: all of it or nothing
     * @param isolatable whether an error may be the fault of one item, so that trying halves makes sense; what it
     *     accepts must have left nothing behind
     */
    public SmartBatcher(
            int queueLimit,
            int batchLimit,
            Function<List<T>, CompletionStage<List<R>>> commit,
            Predicate<Throwable> isolatable) {
        this(queueLimit, batchLimit, commit, isolatable, Duration.ZERO);
    }

    /**
     * The same for what had better be cheap than quick: after a batch of several items it rests for as long as their commit
     * took, so that under load each commit carries about twice as many. It does not rest when a full batch waits already. What
     * comes while nothing is in flight and nothing rests still goes at once.
     *
     * @param longestRest the most that a batch waits for more company; zero for never
     */
    public SmartBatcher(
            int queueLimit,
            int batchLimit,
            Function<List<T>, CompletionStage<List<R>>> commit,
            Predicate<Throwable> isolatable,
            Duration longestRest) {
        this(queueLimit, batchLimit, commit, isolatable, longestRest, unused -> false);
    }

    /**
     * The same for items of which some must not fail with the others.
     *
     * @param firstAfterFailure when a batch fails in which there are both, those for which this is true are tried before
     *     and without the others
     */
    public SmartBatcher(
            int queueLimit,
            int batchLimit,
            Function<List<T>, CompletionStage<List<R>>> commit,
            Predicate<Throwable> isolatable,
            Duration longestRest,
            Predicate<T> firstAfterFailure) {
        if (queueLimit < 1 || batchLimit < 1) {
            throw new IllegalArgumentException("limits must be positive");
        }
        this.queueLimit = queueLimit;
        this.batchLimit = batchLimit;
        this.commit = commit;
        this.isolatable = isolatable;
        this.longestRest = longestRest;
        this.firstAfterFailure = firstAfterFailure;
    }

    /** Hands an item over; the result completes after the commit that carried it. */
    public CompletableFuture<R> submit(T item) {
        return submit(item, queueLimit);
    }

    /**
     * As {@link #submit(Object)}, with a limit of this item's own: what frees something may still be taken when nothing
     * else is.
     *
     * @param ownLimit how many items may wait, this one included
     */
    public CompletableFuture<R> submit(T item, int ownLimit) {
        CompletableFuture<R> result = new CompletableFuture<>();
        if (waiting.incrementAndGet() > ownLimit) {
            waiting.decrementAndGet();
            result.completeExceptionally(new QueueFullException(ownLimit));
            return result;
        }
        queue.add(new Waiting<>(item, result));
        drain();
        return result;
    }

    /** How many items wait for a commit to begin. */
    public int waiting() {
        return waiting.get();
    }

    /** Whether nothing waits and nothing is in flight. */
    public boolean idle() {
        return waiting.get() == 0 && !inFlight.get();
    }

    private void drain() {
        // A commit that is done when it returns continues this loop; one that is not continues it when it ends.
        while (!queue.isEmpty() && inFlight.compareAndSet(false, true)) {
            List<Waiting<T, R>> batch = next();
            CompletableFuture<Boolean> ended = new CompletableFuture<>();
            long begun = System.nanoTime();
            run(batch, () -> rest(batch.size(), System.nanoTime() - begun, ended));
            if (!ended.isDone()) {
                var unused = ended.whenComplete((yes, never) -> {
                    inFlight.set(false);
                    drain();
                });
                return;
            }
            inFlight.set(false);
        }
    }

    private void rest(int items, long tookNanos, CompletableFuture<Boolean> ended) {
        boolean enough = items < 2 || waiting.get() >= batchLimit;
        long nanos = enough ? 0 : Math.min(tookNanos, longestRest.toNanos());
        if (nanos == 0) {
            ended.complete(true);
        } else {
            ended.completeOnTimeout(true, nanos, TimeUnit.NANOSECONDS);
        }
    }

    private List<Waiting<T, R>> next() {
        List<Waiting<T, R>> batch = new ArrayList<>();
        while (batch.size() < batchLimit) {
            @Nullable Waiting<T, R> head = queue.poll();
            if (head == null) {
                break;
            }
            waiting.decrementAndGet();
            if (!head.result().isDone()) {
                batch.add(head);
            }
        }
        return batch;
    }

    /** Commits a batch, by halves if need be, and then says so. */
    private void run(List<Waiting<T, R>> batch, Runnable ended) {
        if (batch.isEmpty()) {
            ended.run();
            return;
        }
        var unused = attempt(batch).whenComplete((results, error) -> {
            if (error == null && results.size() == batch.size()) {
                for (int i = 0; i < results.size(); i++) {
                    batch.get(i).result().complete(results.get(i));
                }
                ended.run();
                return;
            }
            Throwable cause = error == null
                    ? new IllegalStateException(results.size() + " results for " + batch.size() + " items")
                    : unwrapped(error);
            if (batch.size() > 1 && error != null && isolatable.test(cause)) {
                inParts(batch, ended);
            } else {
                batch.forEach(each -> each.result().completeExceptionally(cause));
                ended.run();
            }
        });
    }

    /** Tries a batch that failed again, in two parts. */
    private void inParts(List<Waiting<T, R>> batch, Runnable ended) {
        List<Waiting<T, R>> first = new ArrayList<>();
        List<Waiting<T, R>> second = new ArrayList<>();
        batch.forEach(each -> (firstAfterFailure.test(each.item()) ? first : second).add(each));
        if (first.isEmpty() || second.isEmpty()) {
            int half = batch.size() / 2;
            run(wanted(batch.subList(0, half)), () -> run(wanted(batch.subList(half, batch.size())), ended));
        } else {
            run(wanted(first), () -> run(wanted(second), ended));
        }
    }

    /** Without those that were given up since. */
    private static <T, R> List<Waiting<T, R>> wanted(List<Waiting<T, R>> batch) {
        return batch.stream().filter(each -> !each.result().isDone()).toList();
    }

    private CompletableFuture<List<R>> attempt(List<Waiting<T, R>> batch) {
        try {
            return commit.apply(batch.stream().map(Waiting::item).toList()).toCompletableFuture();
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static Throwable unwrapped(Throwable error) {
        @Nullable Throwable cause = error.getCause();
        return error instanceof CompletionException && cause != null ? cause : error;
    }
}
