package org.lectern.infra.jobs.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.lectern.infra.jobs.order.QueueChoice.Load;

/** Queue choice, retry delays and the size of lanes. */
class EngineDecisionsTest {

    @Provide
    Arbitrary<List<Load>> loads() {
        return Combinators.combine(
                        Arbitraries.longs().between(0, 1000),
                        Arbitraries.doubles().between(1, 100_000))
                .as(Load::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(5);
    }

    @Property
    void noQueueHasLessWorkInFrontThanTheChosenOne(@ForAll("loads") List<Load> loads, @ForAll int turn) {
        Load best = loads.get(QueueChoice.best(loads, turn));
        assertThat(loads).allMatch(load -> load.depth() * load.meanMillis() >= best.depth() * best.meanMillis());
    }

    @Example
    void aShortQueueOfLongJobsIsLongerThanALongQueueOfShortOnes() {
        assertThat(QueueChoice.best(List.of(new Load(3, 60_000), new Load(20, 1000)), 0))
                .isEqualTo(1);
    }

    @Example
    void equalQueuesTakeTurns() {
        List<Load> empty = List.of(new Load(0, 0), new Load(0, 0), new Load(0, 0));
        assertThat(List.of(
                        QueueChoice.best(empty, 0),
                        QueueChoice.best(empty, 1),
                        QueueChoice.best(empty, 2),
                        QueueChoice.best(empty, 3)))
                .containsExactly(0, 1, 2, 0);
    }

    @Example
    void aLaneKeepsReadyWhatItDoesIn30Milliseconds() {
        assertThat(Ready.jobs(5, 0)).as("the floor").isEqualTo(5);
        assertThat(Ready.jobs(5, 1000)).as("30 ms of work").isEqualTo(30);
        assertThat(Ready.jobs(5, 100_000)).as("the bound").isEqualTo(Ready.MOST);
    }

    @Example
    void threeAttemptsAfter120And240Seconds() {
        Retries retries = Retries.USUAL;
        assertThat(retries.after(1)).isEqualTo(Duration.ofMinutes(2));
        assertThat(retries.after(2)).isEqualTo(Duration.ofMinutes(4));
        assertThat(retries.again(1)).isTrue();
        assertThat(retries.again(2)).isTrue();
        assertThat(retries.again(3)).isFalse();
        assertThatThrownBy(() -> retries.after(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Property
    void lanesGrowWhenDeepShrinkWhenShallowAndStayWithinBounds(
            @ForAll @IntRange(min = 1, max = 20) int least,
            @ForAll @IntRange(max = 20) int more,
            @ForAll @IntRange(max = 20) int above,
            @ForAll @IntRange(max = 1000) int depth) {
        int most = least + more;
        int now = least + Math.min(above, more);
        int next = LaneSize.next(now, least, most, depth);
        assertThat(next).isBetween(least, most);
        if (depth > 100) {
            assertThat(next).isEqualTo(Math.min(most, now + 1));
        } else if (depth < 10) {
            assertThat(next).isEqualTo(Math.max(least, now - 1));
        } else {
            assertThat(next).isEqualTo(now);
        }
    }
}
