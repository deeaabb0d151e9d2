package org.lectern.chat.room;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.lectern.chat.room.Placement.Shard;

class PlacementTest {

    private static final int SHARDS = 4_000;

    private final List<Shard> shards = IntStream.range(0, SHARDS)
            .mapToObj(n -> new Shard(new UUID(n, 7L * n).toString(), n % 3))
            .toList();

    @Property(tries = 25)
    void aNodeThatJoinsOrDiesMovesAboutOneNthOfTheShardsAndNoOther(
            @ForAll @IntRange(min = 2, max = 12) int nodes, @ForAll int seed) {
        List<String> before = IntStream.range(0, nodes)
                .mapToObj(n -> new UUID(seed, n).toString())
                .toList();
        String newcomer = new UUID(seed, 99).toString();
        List<String> after = new ArrayList<>(before);
        after.add(newcomer);
        Placement small = new Placement(before);
        Placement large = new Placement(after);
        double share = (double) small.moved(large, shards) / SHARDS;
        assertThat(share).isBetween(0.7 / (nodes + 1), 1.3 / (nodes + 1));
        for (Shard shard : shards) {
            if (!small.home(shard).equals(large.home(shard))) {
                assertThat(large.home(shard)).contains(newcomer);
            }
        }
        // Leaving is joining backwards: exactly what the newcomer had moves, to where it was before.
        assertThat(large.moved(small, shards)).isEqualTo(small.moved(large, shards));
    }

    @Property(tries = 25)
    void theOrderInWhichNodesAreKnownDoesNotMatterAndNobodyGetsFarTooMuch(
            @ForAll @IntRange(min = 1, max = 12) int nodes, @ForAll int seed) {
        List<String> some = IntStream.range(0, nodes)
                .mapToObj(n -> new UUID(seed, n).toString())
                .toList();
        Placement placement = new Placement(some);
        assertThat(placement.moved(new Placement(some.reversed()), shards)).isZero();
        Map<String, Integer> load = new HashMap<>();
        shards.forEach(shard -> load.merge(placement.home(shard).orElseThrow(), 1, Integer::sum));
        assertThat(load.values()).allSatisfy(count -> assertThat(count).isLessThan(SHARDS * 14 / 10 / nodes));
    }

    @Property(tries = 1)
    void withoutNodesNothingHasAHome() {
        assertThat(new Placement(List.of()).owner("room")).isEmpty();
    }
}
