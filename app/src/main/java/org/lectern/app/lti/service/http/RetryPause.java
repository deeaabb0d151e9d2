package org.lectern.app.lti.service.http;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/** How long to wait before a platform is asked again. Pure. */
final class RetryPause {

    private RetryPause() {}

    /**
     * The pause after a failed attempt.
     *
     * @param attempt which attempt failed, from 1
     * @param base pause after the first one
     * @param longest no pause is longer
     * @param asked what the platform asked for, or null
     * @param chance 0 to 1: spreads the pause between half and whole, so that callers do not come back together
     * @return what the platform asked for, a little more; else the doubled pause
     */
    static Duration after(int attempt, Duration base, Duration longest, @Nullable Duration asked, double chance) {
        Duration doubled = base.multipliedBy(1L << Math.min(attempt - 1, 16));
        Duration spread = scaled(doubled.compareTo(longest) > 0 ? longest : doubled, 0.5 + chance / 2);
        return asked == null ? spread : asked.plus(scaled(base, chance));
    }

    /** Reads {@code Retry-After}: seconds or a date (RFC 9110, 10.2.3); null when it says nothing of use. */
    static @Nullable Duration asked(@Nullable String retryAfter, Instant now) {
        if (retryAfter == null) {
            return null;
        }
        String text = retryAfter.strip();
        if (!text.isEmpty() && text.length() <= 9 && text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Duration.ofSeconds(Long.parseLong(text));
        }
        try {
            Duration until = Duration.between(
                    now,
                    ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME)
                            .toInstant());
            return until.isNegative() ? Duration.ZERO : until;
        } catch (DateTimeException unusable) {
            return null;
        }
    }

    private static Duration scaled(Duration duration, double by) {
        return Duration.ofMillis(Math.round(duration.toMillis() * by));
    }
}
