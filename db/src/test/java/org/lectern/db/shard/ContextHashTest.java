package org.lectern.db.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.db.ContextId;

/** The hash is published (docs/data-plane.md): rows lie where it put them, so these values never change. */
class ContextHashTest {

    @ParameterizedTest
    @CsvSource({
        "00000000-0000-0000-0000-000000000000, 256, 0",
        "0199a5c0-0000-7000-8000-000000000001, 256, 198",
        "0199a5c0-0000-7000-8000-000000000002, 256, 81",
        "ffffffff-ffff-ffff-ffff-ffffffffffff, 256, 122",
        "0199a5c0-0000-7000-8000-000000000001, 1000, 670"
    })
    void goldenValues(String context, int logicalShards, int expected) {
        assertThat(ContextHash.logicalShard(ContextId.parse(context), logicalShards))
                .isEqualTo(expected);
    }

    @Property(tries = 500)
    void staysInRangeAndIsAFunction(
            @ForAll long high, @ForAll long low, @ForAll @IntRange(min = 1, max = 16384) int logicalShards) {
        ContextId context = new ContextId(new UUID(high, low));
        int logical = ContextHash.logicalShard(context, logicalShards);
        assertThat(logical).isBetween(0, logicalShards - 1);
        assertThat(ContextHash.logicalShard(ContextId.parse(context.toString()), logicalShards))
                .isEqualTo(logical);
    }

    @Test
    void neighboursInTimeSpreadEvenly() {
        int[] counts = new int[256];
        for (int number = 0; number < 256 * 400; number++) {
            // Ids of one moment differ in few bits.
            counts[
                    ContextHash.logicalShard(
                            new ContextId(new UUID(0x0199a5c000007000L, 0x8000000000000000L + number)), 256)]++;
        }
        // Poisson with mean 400: six standard deviations to either side.
        assertThat(java.util.Arrays.stream(counts).boxed().toList()).allMatch(count -> count > 280 && count < 520);
    }
}
