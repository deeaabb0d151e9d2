package org.lectern.chat.room;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.lectern.chat.room.ShardRules.Placement;

/** One shard to begin with, one more each time a shard passes 800, ten at most, and every seat is used before "full". */
class ShardRulesTest {

    private static final ShardRules RULES = new ShardRules(1000, 800, 10);

    @Test
    void aRoomFillsToTheLastSeatAndGrowsByOneAtATime() {
        int[] taken = {0};
        int seated = 0;
        while (RULES.place("room", "person-" + seated, taken.length, taken) instanceof Placement.Seat seat) {
            assertThat(seat.shards()).isBetween(taken.length, taken.length + 1);
            taken = Arrays.copyOf(taken, seat.shards());
            taken[seat.shard()]++;
            seated++;
            if (seated == 800) {
                assertThat(taken).hasSize(1);
            }
            if (seated == 801) {
                assertThat(taken).hasSize(2);
            }
        }
        assertThat(seated).isEqualTo(10_000);
        assertThat(taken).hasSize(10).containsOnly(1000);
    }

    @Property
    void nobodyIsTurnedAwayWhileThereIsASeatAndNoShardHoldsMore(
            @ForAll @Size(min = 1, max = 10) List<@IntRange(max = 1000) Integer> occupancy, @ForAll String person) {
        int[] taken = occupancy.stream().mapToInt(Integer::intValue).toArray();
        boolean space = RULES.grown(taken.length, taken) > taken.length
                || Arrays.stream(taken).anyMatch(sockets -> sockets < 1000);
        switch (RULES.place("room", person, taken.length, taken)) {
            case Placement.Full full -> assertThat(space).isFalse();
            case Placement.Seat seat -> {
                assertThat(seat.shards()).isBetween(taken.length, 10);
                assertThat(seat.shard() < taken.length ? taken[seat.shard()] : 0)
                        .isLessThan(1000);
            }
        }
    }

    @Property
    void thePersonAlwaysGetsTheSameShardWhileThereIsSpace(@ForAll String person) {
        int[] taken = {10, 20, 30};
        assertThat(RULES.place("room", person, taken.length, taken))
                .isEqualTo(RULES.place("room", person, 3, new int[] {0, 0, 0}));
    }

    @Property
    void aRoomThatShrankFillsItsOwnShardsBeforeItGrowsAgain(
            @ForAll @IntRange(min = 1, max = 9) int shards,
            @ForAll @IntRange(max = 700) int used,
            @ForAll String person) {
        int[] taken = new int[10];
        Arrays.fill(taken, 0, shards, used);
        Arrays.fill(taken, shards, 10, 900);
        assertThat(RULES.place("room", person, shards, taken)).isInstanceOfSatisfying(Placement.Seat.class, seat -> {
            assertThat(seat.shard()).isLessThan(shards);
            assertThat(seat.shards()).isEqualTo(shards);
        });
    }

    @Test
    void aBucketGivesItsBurstAndThenItsRate() {
        TokenBucket bucket = new TokenBucket(10, 5, 0);
        int burst = 0;
        while (bucket.take(0)) {
            burst++;
        }
        assertThat(burst).isEqualTo(5);
        assertThat(bucket.take(99_000_000)).isFalse();
        assertThat(bucket.take(100_000_001)).isTrue();
        assertThat(bucket.take(100_000_002)).isFalse();
    }
}
