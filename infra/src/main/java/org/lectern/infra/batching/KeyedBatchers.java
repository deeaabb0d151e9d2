package org.lectern.infra.batching;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import reactor.core.publisher.Mono;

/**
 * A {@link SmartBatcher} for each key, such as a course: what belongs together goes together, and no key waits for
 * another one's commit. Those that have nothing to do are let go once there are many.
 *
 * <p>Thread-safe. A key never has two batchers at a time, so its batches do not overlap within this process.
 *
 * @param <K> what items are gathered by
 * @param <T> what is written
 * @param <R> what the writer of one item learns
 */
public final class KeyedBatchers<K, T, R> {

    private final int kept;
    private final Function<K, SmartBatcher<T, R>> begun;
    private final ConcurrentMap<K, Entry<T, R>> batchers = new ConcurrentHashMap<>();

    /**
     * A key's batcher.
     *
     * @param entering how many items are on their way to it; while there are any it is not idle, whatever it says itself
     */
    private record Entry<T, R>(SmartBatcher<T, R> batcher, AtomicInteger entering) {

        boolean idle() {
            return entering.get() == 0 && batcher.idle();
        }
    }

    /**
     * Nothing gathered yet.
     *
     * @param kept how many batchers stay before idle ones are let go
     * @param begun makes the batcher of a key
     */
    public KeyedBatchers(int kept, Function<K, SmartBatcher<T, R>> begun) {
        this.kept = kept;
        this.begun = begun;
    }

    /**
     * Hands an item to its key's batcher when subscribed.
     *
     * @return the item's result after the commit that carried it; errors with {@link QueueFullException} when too many wait
     */
    public Mono<R> submit(K key, T item) {
        return Mono.fromFuture(() -> {
            if (batchers.size() > kept) {
                letGo();
            }
            Entry<T, R> entry = entered(key);
            try {
                // Outside the map's locks: it may commit at once, and answer, on this thread.
                return entry.batcher().submit(item);
            } finally {
                entry.entering().decrementAndGet();
            }
        });
    }

    /** The key's batcher, which stays at least until the caller is no longer entering. */
    private Entry<T, R> entered(K key) {
        return batchers.compute(key, (same, known) -> {
            Entry<T, R> entry = known == null ? new Entry<>(begun.apply(same), new AtomicInteger()) : known;
            entry.entering().incrementAndGet();
            return entry;
        });
    }

    /** Under each key's lock, so that nobody enters between the look and the removal. */
    private void letGo() {
        batchers.forEach((key, entry) -> {
            if (entry.idle()) {
                batchers.computeIfPresent(key, (same, known) -> known.idle() ? null : known);
            }
        });
    }

    /** How many items of all keys wait for a commit to begin. */
    public int waiting() {
        return batchers.values().stream()
                .mapToInt(entry -> entry.batcher().waiting())
                .sum();
    }
}
