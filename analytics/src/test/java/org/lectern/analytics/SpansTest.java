package org.lectern.analytics;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.lectern.analytics.Spans.Span;

class SpansTest {

    private static final Instant START = Instant.parse("2026-09-07T00:00:00Z");
    static final long MOST_MILLIS = 20 * 86_400_000L;

    @Property
    void spansCoverTheRangeOnceAndWithoutGaps(
            @ForAll @LongRange(max = MOST_MILLIS) long begin,
            @ForAll @LongRange(min = 1, max = MOST_MILLIS) long length) {
        Instant from = START.plusMillis(begin);
        Instant to = from.plusMillis(length);
        Spans spans = Spans.of(from, to);

        List<Span> parts = Stream.of(
                        spans.edgeBefore(), spans.hoursBefore(), spans.days(), spans.hoursAfter(), spans.edgeAfter())
                .filter(span -> !span.empty())
                .sorted(Comparator.comparing(Span::from))
                .toList();
        Instant reached = from;
        for (Span part : parts) {
            assertThat(part.from()).isEqualTo(reached);
            reached = part.to();
        }
        assertThat(reached).isEqualTo(to);
    }

    @Property
    void rollupsAreAskedForWholeHoursAndDaysOnlyAndEdgesAreShort(
            @ForAll @LongRange(max = MOST_MILLIS) long begin,
            @ForAll @LongRange(min = 1, max = MOST_MILLIS) long length) {
        Instant from = START.plusMillis(begin);
        Spans spans = Spans.of(from, from.plusMillis(length));

        for (Span hours : List.of(spans.hoursBefore(), spans.hoursAfter(), spans.wholeHours())) {
            assertThat(hours.empty() || whole(hours, ChronoUnit.HOURS)).isTrue();
        }
        assertThat(spans.days().empty() || whole(spans.days(), ChronoUnit.DAYS)).isTrue();
        for (Span edge : List.of(spans.edgeBefore(), spans.edgeAfter())) {
            assertThat(Duration.between(edge.from(), edge.to())).isLessThan(Duration.ofHours(2));
        }
    }

    @Test
    void aWholeWeekIsReadFromDaysAlone() {
        Spans spans = Spans.of(START, START.plus(Duration.ofDays(7)));
        assertThat(spans.days()).isEqualTo(new Span(START, START.plus(Duration.ofDays(7))));
        assertThat(List.of(spans.edgeBefore(), spans.edgeAfter(), spans.hoursBefore(), spans.hoursAfter()))
                .allMatch(Span::empty);
    }

    private static boolean whole(Span span, ChronoUnit unit) {
        return span.from().truncatedTo(unit).equals(span.from())
                && span.to().truncatedTo(unit).equals(span.to());
    }
}
