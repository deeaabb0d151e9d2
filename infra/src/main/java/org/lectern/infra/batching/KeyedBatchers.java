package org.lectern.infra.batching;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Function;
import reactor.core.publisher.Mono;

/**
 * A {@link SmartBatcher} for each key, such as a course: what belongs together goes together, and no key waits for
 * another one's commit. Those that have nothing to do are let go once there are many.
 *
 * <p>Thread-safe. Two batchers of one key may exist for the moment in which an idle one is let go, so what must exclude
 * itself needs a lock of its own where it writes.
 *
 * @param <K> what items are gathered by
 * @param <T> what is written
 * @param <R> what the writer of one item learns
 */
public final class KeyedBatchers<K, T, R> {

    private final int kept;
    private final Function<K, SmartBatcher<T, R>> begun;
    private final ConcurrentMap<K, SmartBatcher<T, R>> batchers = new ConcurrentHashMap<>();

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
                batchers.values().removeIf(SmartBatcher::idle);
            }
            return batchers.computeIfAbsent(key, begun).submit(item);
        });
    }

    /** How many items of all keys wait for a commit to begin. */
    public int waiting() {
        return batchers.values().stream().mapToInt(SmartBatcher::waiting).sum();
    }
}
