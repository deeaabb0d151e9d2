package org.lectern.analytics;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

/**
 * How a range is put together from what has been counted already: whole UTC days, the whole hours before and after
 * them, and the ragged edges for which the events themselves are read. The five spans do not overlap and cover the range
 * exactly; those that are not needed are empty.
 *
 * @param days whole days
 * @param hoursBefore whole hours before the days, or all whole hours where there is no whole day
 * @param hoursAfter whole hours after the days
 * @param edgeBefore what is left before the first whole hour, or the whole range where there is no whole hour
 * @param edgeAfter what is left after the last whole hour
 */
record Spans(Span days, Span hoursBefore, Span hoursAfter, Span edgeBefore, Span edgeAfter) {

    /** A half-open span of time, [from,to); empty when both are the same. */
    record Span(Instant from, Instant to) {

        boolean empty() {
            return !from.isBefore(to);
        }
    }

    static Spans of(Instant from, Instant to) {
        Instant firstHour = up(from, ChronoUnit.HOURS);
        Instant lastHour = to.truncatedTo(ChronoUnit.HOURS);
        if (!firstHour.isBefore(lastHour)) {
            Span none = new Span(to, to);
            return new Spans(none, none, none, new Span(from, to), none);
        }
        Instant firstDay = up(firstHour, ChronoUnit.DAYS);
        Instant lastDay = lastHour.truncatedTo(ChronoUnit.DAYS);
        boolean withDays = firstDay.isBefore(lastDay);
        Instant endOfDays = withDays ? lastDay : lastHour;
        return new Spans(
                new Span(withDays ? firstDay : lastHour, endOfDays),
                new Span(firstHour, withDays ? firstDay : lastHour),
                new Span(endOfDays, lastHour),
                new Span(from, firstHour),
                new Span(lastHour, to));
    }

    /** All whole hours, those of the days included. */
    Span wholeHours() {
        return new Span(hoursBefore.from(), hoursAfter.to());
    }

    private static Instant up(Instant time, ChronoUnit unit) {
        Instant down = time.truncatedTo(unit);
        return down.equals(time) ? down : down.plus(1, unit);
    }
}
