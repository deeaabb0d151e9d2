package org.lectern.chat.room;

/** So many at once, then so many a second. Thread-safe. */
public final class TokenBucket {

    private final double perNano;
    private final double burst;
    private double tokens;
    private long refilledAt;

    /**
     * A full bucket.
     *
     * @param perSecond how fast it fills
     * @param burst how much it holds
     * @param nowNanos the time now, of the clock that {@link #take} is given
     */
    public TokenBucket(double perSecond, int burst, long nowNanos) {
        this.perNano = perSecond / 1e9;
        this.burst = burst;
        this.tokens = burst;
        this.refilledAt = nowNanos;
    }

    /** Takes one if there is one. */
    public synchronized boolean take(long nowNanos) {
        tokens = Math.min(burst, tokens + Math.max(0, nowNanos - refilledAt) * perNano);
        refilledAt = nowNanos;
        if (tokens < 1) {
            return false;
        }
        tokens--;
        return true;
    }
}
