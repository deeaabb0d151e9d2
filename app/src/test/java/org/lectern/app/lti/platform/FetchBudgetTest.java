package org.lectern.app.lti.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class FetchBudgetTest {

    private static final Instant START = Instant.parse("2026-11-21T10:00:00Z");

    @Test
    void allowsABurstAndRefillsEvenlyOverAMinute() {
        var budget = new FetchBudget(6, START);
        for (int i = 0; i < 6; i++) {
            assertThat(budget.take(START)).isTrue();
        }
        assertThat(budget.take(START)).isFalse();
        assertThat(budget.take(START.plusSeconds(9))).isFalse();
        assertThat(budget.take(START.plusSeconds(10))).isTrue();
        assertThat(budget.take(START.plusSeconds(10))).isFalse();
    }

    @Test
    void neverHoldsMoreThanABurst() {
        var budget = new FetchBudget(2, START);
        Instant later = START.plusSeconds(3600);
        assertThat(budget.take(later)).isTrue();
        assertThat(budget.take(later)).isTrue();
        assertThat(budget.take(later)).isFalse();
    }

    @Test
    void aClockThatGoesBackwardsGivesNothing() {
        var budget = new FetchBudget(1, START);
        assertThat(budget.take(START)).isTrue();
        assertThat(budget.take(START.minusSeconds(600))).isFalse();
    }
}
