package org.lectern.analytics.capacity;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.analytics.capacity.Decision.Evidence;
import org.lectern.analytics.capacity.Decision.State;
import org.lectern.analytics.capacity.Decision.Target;
import org.lectern.analytics.capacity.Rule.Beyond;
import org.lectern.analytics.capacity.Rule.Priority;
import org.lectern.analytics.capacity.Rule.Scope;
import org.lectern.infra.scaling.Actuator.Resource;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.Signal.Kind;

/**
 * Decides from signals: pure, without a clock, a database or a memory of its own, so that any node comes to the same
 * decision from the same history.
 *
 * <p>Why it does not flap:
 *
 * <ul>
 *   <li>a limit must be passed by every measurement of a whole window, long for less and short for more, and a window
 *       with holes decides nothing;
 *   <li>between the limits for more and for less lies a band in which nothing is done;
 *   <li>as long as a decision stands, the same is not proposed again, and it lapses only after a whole window in which
 *       no measurement passed its limit (for less, one of its limits);
 *   <li>after a decision its thing is left alone for the cool-down, and the opposite is not proposed for a longer one;
 *   <li>more wins over less, and less needs all its rules at once.
 * </ul>
 */
final class Demand {

    /** Which share of the expected measurements a window must hold to decide anything. */
    private static final double COVERAGE = 0.7;

    private final CapacitySettings settings;
    private final List<Rule> rules;

    Demand(CapacitySettings settings) {
        this.settings = settings;
        this.rules = Rule.of(settings.limits());
    }

    /**
     * Something new to propose.
     *
     * @param target what it is about
     * @param change how many more or fewer
     * @param priority the highest of the rules that held
     * @param reason why, in a sentence
     * @param evidence what was measured
     */
    record Proposal(Target target, int change, Priority priority, String reason, List<Evidence> evidence) {}

    /**
     * What follows from the signals.
     *
     * @param proposals to be written down as new decisions
     * @param lapsed decisions whose cause is gone
     */
    record Outcome(List<Proposal> proposals, List<UUID> lapsed) {}

    /** How much history a decision looks at. */
    Duration memory() {
        Duration longer =
                settings.upWindow().compareTo(settings.downWindow()) > 0 ? settings.upWindow() : settings.downWindow();
        return longer.plus(settings.interval());
    }

    /**
     * Decides.
     *
     * @param now the time at which the signals end
     * @param signals the signals of the last {@link #memory()}, in any order
     * @param decisions for each target that has any, its last decision and the one that still stands
     */
    Outcome decide(Instant now, Collection<Signal> signals, Collection<Decision> decisions) {
        Map<Target, List<Judged>> byTarget = judge(now, signals);
        List<Proposal> proposals = new ArrayList<>();
        List<UUID> lapsed = new ArrayList<>();

        for (Decision open : decisions) {
            if (open.state() == State.PROPOSED && causeIsGone(open, byTarget.getOrDefault(open.target(), List.of()))) {
                lapsed.add(open.id());
            }
        }
        byTarget.forEach((target, judged) -> wanted(target, judged, signals).ifPresent(proposal -> {
            boolean stands = decisions.stream()
                    .anyMatch(decision -> decision.target().equals(target)
                            && decision.state() == State.PROPOSED
                            && !lapsed.contains(decision.id()));
            Decision last = decisions.stream()
                    .filter(decision -> decision.target().equals(target))
                    .max(Comparator.comparing(Decision::at))
                    .orElse(null);
            if (!stands && cooledDown(last, proposal.change(), now)) {
                proposals.add(proposal);
            }
        }));
        return new Outcome(proposals, lapsed);
    }

    /** One rule suffices for more, so all of them must be calm; less needs all its rules, so one calm one ends it. */
    private static boolean causeIsGone(Decision open, List<Judged> judged) {
        List<Judged> causes = judged.stream()
                .filter(one -> one.rule.change() * open.change() > 0)
                .toList();
        return open.change() > 0
                ? causes.stream().allMatch(one -> one.calm)
                : causes.isEmpty() || causes.stream().anyMatch(one -> one.calm);
    }

    private boolean cooledDown(@Nullable Decision last, int change, Instant now) {
        if (last == null) {
            return true;
        }
        Duration pause = last.change() * change > 0 ? settings.coolDown() : settings.reverseCoolDown();
        return !now.isBefore(last.at().plus(pause));
    }

    /** A rule about one target, and whether its signal stayed beyond the limit, or never passed it, for its window. */
    private record Judged(Rule rule, boolean holds, boolean calm, double mean, Duration window) {}

    private Map<Target, List<Judged>> judge(Instant now, Collection<Signal> signals) {
        Map<Target, List<Judged>> byTarget = new LinkedHashMap<>();
        for (Rule rule : rules) {
            Duration window = rule.change() > 0 ? settings.upWindow() : settings.downWindow();
            Instant begin = now.minus(window);
            Map<String, List<Signal>> bySubject = signals.stream()
                    .filter(signal -> signal.kind() == rule.kind()
                            && signal.at().isAfter(begin)
                            && !signal.at().isAfter(now))
                    .collect(Collectors.groupingBy(
                            signal -> rule.scope() == Scope.ALL_NODES ? Rule.CLUSTER : signal.subject(),
                            TreeMap::new,
                            Collectors.toList()));
            bySubject.forEach((subject, measured) -> byTarget.computeIfAbsent(
                            new Target(rule.resource(), subject), unseen -> new ArrayList<>())
                    .add(judge(rule, window, values(rule, measured))));
        }
        return byTarget;
    }

    private Judged judge(Rule rule, Duration window, List<Double> values) {
        double expected = (double) window.toMillis() / settings.interval().toMillis();
        boolean covered = values.size() >= Math.max(1, expected * COVERAGE);
        double mean = values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
        return new Judged(
                rule,
                covered && values.stream().allMatch(rule::breachedBy),
                values.stream().noneMatch(rule::breachedBy),
                mean,
                window);
    }

    /** The measurements of one subject; of all nodes together, the mean of each interval. */
    private List<Double> values(Rule rule, List<Signal> measured) {
        if (rule.scope() == Scope.EACH_SUBJECT) {
            return measured.stream().map(Signal::value).toList();
        }
        long slot = settings.interval().toMillis();
        return measured.stream()
                .collect(Collectors.groupingBy(
                        signal -> signal.at().toEpochMilli() / slot,
                        TreeMap::new,
                        Collectors.averagingDouble(Signal::value)))
                .values()
                .stream()
                .toList();
    }

    private Optional<Proposal> wanted(Target target, List<Judged> judged, Collection<Signal> signals) {
        List<Judged> more = judged.stream()
                .filter(rule -> rule.rule.change() > 0 && rule.holds)
                .toList();
        if (!more.isEmpty()) {
            return Optional.of(proposal(target, 1, more));
        }
        List<Judged> fewer =
                judged.stream().filter(rule -> rule.rule.change() < 0).toList();
        long rulesForFewer = rules.stream()
                .filter(rule -> rule.change() < 0 && rule.resource() == target.resource())
                .count();
        boolean all = !fewer.isEmpty()
                && fewer.size() == rulesForFewer
                && fewer.stream().allMatch(rule -> rule.holds);
        if (all && (target.resource() != Resource.NODES || nodes(signals) > settings.minNodes())) {
            return Optional.of(proposal(target, -1, fewer));
        }
        return Optional.empty();
    }

    /** How many nodes there are: those that told their CPU use in the latest intervals. */
    private long nodes(Collection<Signal> signals) {
        Optional<Instant> latest = signals.stream().map(Signal::at).max(Comparator.naturalOrder());
        return latest.map(end -> signals.stream()
                        .filter(signal -> signal.kind() == Kind.CPU
                                && signal.at()
                                        .isAfter(end.minus(settings.interval().multipliedBy(3))))
                        .map(Signal::subject)
                        .distinct()
                        .count())
                .orElse(0L);
    }

    private static Proposal proposal(Target target, int change, List<Judged> because) {
        return new Proposal(
                target,
                change,
                because.stream()
                        .map(judged -> judged.rule.priority())
                        .min(Comparator.naturalOrder())
                        .orElse(Priority.LOW),
                because.stream().map(judged -> reason(target, judged)).collect(Collectors.joining("; ")),
                because.stream()
                        .map(judged -> new Evidence(
                                judged.rule.kind(), judged.rule.limit(), judged.mean, judged.window.toSeconds()))
                        .toList());
    }

    private static String reason(Target target, Judged judged) {
        Rule rule = judged.rule;
        String side = rule.beyond() == Beyond.ABOVE ? "over" : "under";
        return "%s of %s %s %s for %d s (%s on average)"
                .formatted(
                        name(rule.kind()),
                        target.subject(),
                        side,
                        amount(rule.kind(), rule.limit()),
                        judged.window.toSeconds(),
                        amount(rule.kind(), judged.mean));
    }

    private static String name(Kind kind) {
        return switch (kind) {
            case QUERY_MILLIS -> "mean query time";
            case BACKLOG -> "jobs waiting";
            case QUEUE_DEPTH -> "queue depth";
            case SHARD_SOCKETS -> "sockets of the fullest shard";
            case CPU -> "CPU use";
            case MEMORY -> "memory use";
            case P95_MILLIS -> "p95 of response times";
            case ERROR_RATE -> "error rate";
            case REPLICA_LAG_MILLIS -> "replica lag";
            case REQUESTS -> "requests";
        };
    }

    private static String amount(Kind kind, double value) {
        return switch (kind) {
            case QUERY_MILLIS, P95_MILLIS, REPLICA_LAG_MILLIS -> "%.0f ms".formatted(value);
            case CPU, MEMORY -> "%.0f %%".formatted(value * 100);
            case ERROR_RATE -> String.format(Locale.ROOT, "%.1f %%", value * 100);
            case BACKLOG, QUEUE_DEPTH, SHARD_SOCKETS -> "%.0f".formatted(value);
            case REQUESTS -> String.format(Locale.ROOT, "%.1f/s", value);
        };
    }
}
