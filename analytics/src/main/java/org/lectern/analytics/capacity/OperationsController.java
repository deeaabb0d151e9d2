package org.lectern.analytics.capacity;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.scaling.Signal.Kind;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** What the control plane saw and decided; all of {@code /api/ops} is for operators only. */
@RestController
@RequestMapping("/api/ops")
@ConditionalOnRole(NodeRole.WEB)
final class OperationsController {

    private static final Pattern WINDOW = Pattern.compile("([1-9][0-9]{0,3})([mhd])");
    private static final Duration LONGEST = Duration.ofDays(30);
    private static final Duration LONGEST_OF_ALL_KINDS = Duration.ofDays(1);
    private static final int POINTS = 120;

    private final SignalHistory history;
    private final Decisions decisions;
    private final CapacitySettings settings;
    private final Clock clock;

    OperationsController(SignalHistory history, Decisions decisions, CapacitySettings settings, Clock clock) {
        this.history = history;
        this.decisions = decisions;
        this.settings = settings;
        this.clock = clock;
    }

    /**
     * Signals over a window that ends now, each as at most about 120 points.
     *
     * @param kind one kind of signal, such as {@code cpu}; all kinds when left out, then for at most a day
     * @param window such as {@code 15m}, {@code 6h} or {@code 30d}; 30 days at most
     */
    @GetMapping("/signals")
    Mono<Listing<SignalHistory.Series>> signals(
            @RequestParam(required = false) @Nullable String kind, @RequestParam(defaultValue = "1h") String window) {
        Kind one = kind == null ? null : kind(kind);
        Duration length = window(window, one == null ? LONGEST_OF_ALL_KINDS : LONGEST);
        Duration step = Duration.ofSeconds(
                Math.max(Math.max(1, settings.interval().toSeconds()), Math.ceilDiv(length.toSeconds(), POINTS)));
        Instant since = clock.instant().minus(length);
        return history.series(one, since, step).map(series -> new Listing<>(series, null));
    }

    /**
     * Decisions, newest first.
     *
     * @param before only those older than this id
     * @param limit 1 to 200
     */
    @GetMapping("/decisions")
    Mono<Listing<Decision>> decisions(
            @RequestParam(required = false) @Nullable UUID before, @RequestParam(defaultValue = "50") int limit) {
        if (limit < 1 || limit > Listing.MAX_LIMIT) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "limit must be 1 to " + Listing.MAX_LIMIT);
        }
        return decisions
                .page(before, limit + 1)
                .collectList()
                .map(found -> Listing.of(found, limit, decision -> decision.id().toString()));
    }

    private static Kind kind(String text) {
        Kind kind = SignalHistory.kind(text);
        if (kind == null) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "There is no such kind of signal");
        }
        return kind;
    }

    private static Duration window(String text, Duration longest) {
        Matcher matcher = WINDOW.matcher(text);
        if (!matcher.matches()) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "window must look like 15m, 6h or 30d");
        }
        long amount = Long.parseLong(matcher.group(1));
        Duration window = switch (matcher.group(2)) {
            case "m" -> Duration.ofMinutes(amount);
            case "h" -> Duration.ofHours(amount);
            default -> Duration.ofDays(amount);
        };
        if (window.compareTo(longest) > 0) {
            throw new ProblemException(
                    ProblemType.INVALID_REQUEST,
                    "window may be at most 1d for all kinds together and 30d for one kind");
        }
        return window;
    }
}
