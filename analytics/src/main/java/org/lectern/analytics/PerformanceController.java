package org.lectern.analytics;

import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.CacheControl;
import org.springframework.http.ResponseEntity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** What happened in a course, for its staff; and for everybody what they did themselves. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
final class PerformanceController {

    private static final Duration DEFAULT_RANGE = Duration.ofDays(7);

    private final PerformanceReader reader;
    private final AnalyticsSettings settings;
    private final Clock clock;

    PerformanceController(PerformanceReader reader, AnalyticsSettings settings, Clock clock) {
        this.reader = reader;
        this.settings = settings;
        this.clock = clock;
    }

    /**
     * The course's figures over [from,to).
     *
     * @param contextId the course; the session's when left out
     * @param from RFC 3339; seven days before {@code to} when left out
     * @param to RFC 3339, exclusive; now when left out
     */
    @GetMapping("/api/analytics/performance")
    Mono<ResponseEntity<Performance>> performance(
            @AuthenticationPrincipal LaunchSession session,
            @RequestParam(name = "context_id", required = false) @Nullable String contextId,
            @RequestParam(required = false) @Nullable String from,
            @RequestParam(required = false) @Nullable String to) {
        ContextId context = context(session, contextId);
        AnalyticsAccess.requireCourseFigures(session, context);
        Range range = range(from, to);
        return reader.course(context, range.from(), range.to()).map(PerformanceController::personal);
    }

    /** The caller's own figures in the session's course over [from,to), with the same defaults. */
    @GetMapping("/api/analytics/me")
    Mono<ResponseEntity<Performance.Own>> me(
            @AuthenticationPrincipal LaunchSession session,
            @RequestParam(required = false) @Nullable String from,
            @RequestParam(required = false) @Nullable String to) {
        Range range = range(from, to);
        return reader.own(session.context(), session.userId(), range.from(), range.to())
                .map(PerformanceController::personal);
    }

    private static <T> ResponseEntity<T> personal(T body) {
        return ResponseEntity.ok().cacheControl(CacheControl.noStore()).body(body);
    }

    private static ContextId context(LaunchSession session, @Nullable String text) {
        if (text == null) {
            return session.context();
        }
        try {
            return ContextId.parse(text);
        } catch (IllegalArgumentException malformed) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "context_id must be a UUID");
        }
    }

    private record Range(Instant from, Instant to) {}

    private Range range(@Nullable String from, @Nullable String to) {
        Instant end = to == null ? clock.instant() : time("to", to);
        Instant begin = from == null ? end.minus(DEFAULT_RANGE) : time("from", from);
        if (!begin.isBefore(end)) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "from must be before to");
        }
        if (Duration.between(begin, end).compareTo(settings.maxRange()) > 0) {
            throw new ProblemException(
                    ProblemType.INVALID_REQUEST,
                    "from and to may be at most %d days apart"
                            .formatted(settings.maxRange().toDays()));
        }
        return new Range(begin, end);
    }

    /** PostgreSQL keeps microseconds: finer digits are cut off here rather than rounded there. */
    private static Instant time(String name, String text) {
        try {
            OffsetDateTime time = OffsetDateTime.parse(text);
            if (time.getYear() < 1970 || time.getYear() > 9999) {
                throw new ProblemException(ProblemType.INVALID_REQUEST, name + " is outside the years 1970 to 9999");
            }
            return time.toInstant().truncatedTo(ChronoUnit.MICROS);
        } catch (DateTimeException malformed) {
            throw new ProblemException(
                    ProblemType.INVALID_REQUEST, name + " must be an RFC 3339 time such as 2026-09-01T08:00:00Z");
        }
    }
}
