package org.lectern.db.replica;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LagHistoryTest {

    private final LagHistory history = new LagHistory(64);

    @Test
    void idlePrimaryIsNotLag() {
        history.sample(1, 1000, 0);
        history.sample(1, 1000, 1_000_000);
        assertThat(history.lagNanos(1000, 1_000_000_000)).isZero();
        assertThat(history.lagNanos(960, 1_000_000_000)).isZero();
    }

    @Test
    void lagIsTheAgeOfTheFirstThingThatIsMissing() {
        history.sample(1, 1000, 0);
        history.sample(1, 2000, 200);
        history.sample(1, 2000, 400);
        history.sample(1, 3000, 600);
        // 3000 was written after 400, 2000 after 0.
        assertThat(history.lagNanos(3000, 700)).isZero();
        assertThat(history.lagNanos(2000, 700)).isEqualTo(300);
        assertThat(history.lagNanos(1000, 700)).isEqualTo(700);
        assertThat(history.lagBytes(1000)).isEqualTo(2000);
    }

    @Test
    void failoverBeginsANewHistory() {
        history.sample(1, 5000, 0);
        history.sample(2, 3000, 100);
        assertThat(history.lagNanos(3000, 200)).isZero();
    }

    @Test
    void headerOfAnEmptyPageIsNotPartOfTheLog() {
        assertThat(ServerMonitor.endOfRecord(8192 + 24)).isEqualTo(8192);
        assertThat(ServerMonitor.endOfRecord(8192 + 48)).isEqualTo(8192 + 48);
    }
}
