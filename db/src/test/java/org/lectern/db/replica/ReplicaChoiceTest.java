package org.lectern.db.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ReplicaChoiceTest {

    /** The weights that Lectern is described with: of thirteen reads five, five and three. */
    @Test
    void eachAnswersItsShareOfTheReads() {
        Map<Integer, Integer> chosen = new HashMap<>();
        for (int read = 0; read < 1300; read++) {
            chosen.merge(choose(List.of(5, 5, 3), read / 1300.0), 1, Integer::sum);
        }
        assertThat(chosen).isEqualTo(Map.of(0, 500, 1, 500, 2, 300));
    }

    @Property(tries = 200)
    void whoHasNoWeightIsNeverChosenAndWhoHasSomeIsChosenAsOftenAsItSays(
            @ForAll @Size(min = 1, max = 6) List<@IntRange(max = 9) Integer> weights) {
        int total = weights.stream().mapToInt(Integer::intValue).sum();
        int reads = Math.max(1, total) * 20;
        Map<Integer, Integer> chosen = new HashMap<>();
        for (int read = 0; read < reads; read++) {
            // In the middle of its part of the whole, so that no rounding decides.
            int number = choose(weights, (read + 0.5) / reads);
            if (number >= 0) {
                chosen.merge(number, 1, Integer::sum);
            }
        }
        for (int number = 0; number < weights.size() && total > 0; number++) {
            assertThat(chosen.getOrDefault(number, 0)).isEqualTo(weights.get(number) * 20);
        }
    }

    private static int choose(List<Integer> weights, double point) {
        List<Integer> numbers = IntStream.range(0, weights.size()).boxed().toList();
        return ReplicaChoice.weighted(numbers, weights::get, point).orElse(-1);
    }
}
