package org.lectern.infra.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.lectern.infra.jobs.JobNode.MovableClock;
import org.lectern.infra.jobs.LaneWorkers.Delivery;

/** What a lane starts, keeps in hand, gives back, and leaves to nodes that have an idle slot. */
class LaneWorkersTest {

    private static final Duration MOMENT = Duration.ofMillis(1);

    private final MovableClock clock = new MovableClock();
    private final List<Delivery> started = new ArrayList<>();
    private final List<Delivery> back = new ArrayList<>();
    private final List<Delivery> copies = new ArrayList<>();
    private final LaneWorkers lane = new LaneWorkers(Lane.STANDARD, clock, 1, 1, started::add, back::add, copies::add);

    private Delivery message(UUID id, int urgency) {
        return new Delivery(new JobTicket(id, id, Lane.STANDARD, urgency, 0), "queue", () -> {}, clock.instant());
    }

    private static UUID job(int number) {
        return new UUID(0, number);
    }

    @Test
    void whatWaitsForLongWhileEverySlotIsBusyIsLeftToOthers() {
        lane.offer(message(job(1), 0));
        Delivery waits = message(job(2), 0);
        lane.offer(waits);
        assertThat(lane.leaveToOthers()).isEmpty();
        clock.advance(LaneWorkers.IN_HAND.plus(MOMENT));
        assertThat(lane.leaveToOthers()).containsExactly(waits);
        assertThat(lane.held()).isEmpty();
        assertThat(lane.leavesToOthers()).isTrue();
        lane.offer(waits);
        assertThat(back).as("not taken again at once").containsExactly(waits);
        clock.advance(LaneWorkers.LEFT.plus(MOMENT));
        assertThat(lane.leavesToOthers()).as("nobody took it").isFalse();
        lane.offer(waits);
        assertThat(lane.held()).containsExactly(waits.ticket());
    }

    @Test
    void whatIsLeftToOthersIsTakenAgainWhenASlotComesFree() {
        lane.offer(message(job(1), 0));
        Delivery waits = message(job(2), 0);
        lane.offer(waits);
        clock.advance(LaneWorkers.IN_HAND.plus(MOMENT));
        assertThat(lane.leaveToOthers()).hasSize(1);
        lane.finished(job(1));
        assertThat(lane.leavesToOthers()).isFalse();
        lane.offer(waits);
        assertThat(started).last().isEqualTo(waits);
    }

    @Test
    void aMessageOfAJobThatIsHereIsACopyAndTheLeastUrgentGivesWay() {
        Delivery first = message(job(1), 0);
        lane.offer(first);
        lane.offer(first);
        assertThat(copies).containsExactly(first);
        assertThat(lane.has(job(1))).isTrue();
        Delivery lesser = message(job(2), 0);
        lane.offer(lesser);
        Delivery better = message(job(3), 5);
        lane.offer(better);
        assertThat(back).containsExactly(lesser);
        lane.finished(job(1));
        assertThat(started).containsExactly(first, better);
        assertThat(lane.has(job(2))).isFalse();
    }
}
