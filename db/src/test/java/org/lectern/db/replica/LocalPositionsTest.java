package org.lectern.db.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class LocalPositionsTest {

    private static final UUID SESSION = new UUID(1, 2);

    @Property(tries = 200)
    void orderOfArrivalDoesNotMatter(
            @ForAll @Size(min = 1, max = 30) List<@IntRange(min = 0, max = 1000) Integer> lsns, @ForAll long seed) {
        List<Integer> shuffled = new ArrayList<>(lsns);
        Collections.shuffle(shuffled, new Random(seed));
        LocalPositions one = new LocalPositions();
        LocalPositions other = new LocalPositions();
        lsns.forEach(lsn -> advance(one, lsn));
        shuffled.forEach(lsn -> advance(other, lsn));
        assertThat(one.find(SESSION, "main", 1).block())
                .isEqualTo(Collections.max(lsns).longValue())
                .isEqualTo(other.find(SESSION, "main", 1).block());
    }

    @Test
    void logsOfOtherServersAndTimelinesAreOtherLogs() {
        LocalPositions positions = new LocalPositions();
        advance(positions, 5);
        assertThat(positions.find(SESSION, "main", 2).blockOptional()).isEmpty();
        assertThat(positions.find(SESSION, "second", 1).blockOptional()).isEmpty();
        assertThat(positions.find(new UUID(3, 4), "main", 1).blockOptional()).isEmpty();
    }

    private static void advance(LocalPositions positions, int lsn) {
        positions.advance(SESSION, new WalPosition("main", 1, lsn)).block();
    }
}
