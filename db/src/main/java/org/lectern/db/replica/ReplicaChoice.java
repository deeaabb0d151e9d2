package org.lectern.db.replica;

import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;

/** Chooses one of several by weight. Pure. */
final class ReplicaChoice {

    private ReplicaChoice() {}

    /**
     * One of the candidates, each as often as its weight says.
     *
     * @param point evenly distributed in [0, 1)
     */
    static <T> Optional<T> weighted(List<T> candidates, ToIntFunction<T> weight, double point) {
        long total = 0;
        for (T candidate : candidates) {
            total += weight.applyAsInt(candidate);
        }
        long passed = (long) (point * total);
        for (T candidate : candidates) {
            passed -= weight.applyAsInt(candidate);
            if (passed < 0) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }
}
