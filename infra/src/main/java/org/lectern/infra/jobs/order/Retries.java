package org.lectern.infra.jobs.order;

import java.time.Duration;

/**
 * Whether and when a failed attempt is repeated: after 2^attempt units.
 *
 * @param attempts in all, counted from 1
 * @param unit of the pauses
 */
public record Retries(int attempts, Duration unit) {

    /** 3 attempts, pauses of 120 s and 240 s. */
    public static final Retries USUAL = new Retries(3, Duration.ofSeconds(60));

    /** Past this attempt the pause no longer doubles. */
    private static final int LAST_DOUBLING = 20;

    /** Whether another attempt follows this one. */
    public boolean again(int attempt) {
        return attempt < attempts;
    }

    /**
     * The pause after a failed attempt.
     *
     * @param attempt the one that failed, from 1
     */
    public Duration after(int attempt) {
        if (attempt < 1) {
            throw new IllegalArgumentException("attempts are counted from 1");
        }
        return unit.multipliedBy(1L << Math.min(attempt, LAST_DOUBLING));
    }
}
