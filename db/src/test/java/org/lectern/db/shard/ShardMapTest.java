package org.lectern.db.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.lectern.db.shard.ShardMap.Row;

class ShardMapTest {

    @Test
    void itsEpochIsTheHighestOfItsRows() {
        ShardMap map = ShardMap.of(3, List.of(new Row(2, 1, 7), new Row(0, 0, 1), new Row(1, 1, 1)));
        assertThat(map.epoch()).isEqualTo(7);
        assertThat(map.physicalOf(2)).isEqualTo(1);
        assertThat(map.epochOf(1)).isEqualTo(1);
        assertThat(map.countOn(1)).isEqualTo(2);
        assertThat(map.highestPhysical()).isEqualTo(1);
    }

    @Test
    void isRefusedWhenItIsNotWhole() {
        assertThatIllegalArgumentException().isThrownBy(() -> ShardMap.of(2, List.of(new Row(0, 0, 1))));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardMap.of(2, List.of(new Row(0, 0, 1), new Row(0, 1, 1))));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ShardMap.of(2, List.of(new Row(0, 0, 1), new Row(2, 0, 1))));
    }

    /** Any number of moves, in any order: each changes where one logical shard lies, and the version grows. */
    @Property(tries = 200)
    void movesChangeNothingButWhatTheyMove(
            @ForAll @IntRange(min = 1, max = 64) int logicalShards,
            @ForAll @Size(max = 40) List<@IntRange(min = 0, max = 4095) Integer> moves) {
        List<Row> rows = new ArrayList<>();
        for (int logical = 0; logical < logicalShards; logical++) {
            rows.add(new Row(logical, logical % 4, 1));
        }
        ShardMap before = ShardMap.of(logicalShards, rows);
        for (int move : moves) {
            int moved = move / 4 % logicalShards;
            rows.set(moved, new Row(moved, move % 4, before.epoch() + 1));
            Collections.shuffle(rows, new Random(move));
            ShardMap after = ShardMap.of(logicalShards, rows);
            rows.sort(Comparator.comparingInt(Row::logical));
            assertThat(after.epoch()).isEqualTo(before.epoch() + 1).isEqualTo(after.epochOf(moved));
            assertThat(after.physicalOf(moved)).isEqualTo(move % 4);
            for (int logical = 0; logical < logicalShards; logical++) {
                if (logical != moved) {
                    assertThat(after.physicalOf(logical)).isEqualTo(before.physicalOf(logical));
                    assertThat(after.epochOf(logical)).isEqualTo(before.epochOf(logical));
                }
            }
            assertThat(IntStream.range(0, 4).map(after::countOn).sum()).isEqualTo(logicalShards);
            before = after;
        }
    }
}
