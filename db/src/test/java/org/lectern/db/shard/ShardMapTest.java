package org.lectern.db.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
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
}
