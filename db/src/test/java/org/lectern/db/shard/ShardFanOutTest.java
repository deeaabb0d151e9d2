package org.lectern.db.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.lectern.db.shard.ShardFanOut.Merged;

class ShardFanOutTest {

    /** Each shard's first rows are enough for the first rows of all. */
    @Property(tries = 300)
    void mergeOfTheShardsFirstRowsIsWhatOneShardWouldAnswer(
            @ForAll @Size(max = 6) List<@Size(max = 20) List<Integer>> shards,
            @ForAll @IntRange(min = 1, max = 25) int limit) {
        List<Integer> all = new ArrayList<>();
        List<Merged<Integer>> answers = new ArrayList<>();
        for (List<Integer> shard : shards) {
            all.addAll(shard);
            answers.add(new Merged<>(shard.stream().sorted().limit(limit).toList(), Set.of()));
        }
        answers.add(new Merged<>(List.of(), Set.of(new PhysicalShardId(99))));
        Merged<Integer> merged = ShardFanOut.merge(answers, Comparator.naturalOrder(), limit);
        assertThat(merged.items()).isEqualTo(all.stream().sorted().limit(limit).toList());
        assertThat(merged.missing()).containsExactly(new PhysicalShardId(99));
    }
}
