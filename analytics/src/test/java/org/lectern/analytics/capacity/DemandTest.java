package org.lectern.analytics.capacity;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.IntToDoubleFunction;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.analytics.capacity.Decision.State;
import org.lectern.analytics.capacity.Decision.Target;
import org.lectern.analytics.capacity.Rule.Priority;
import org.lectern.infra.scaling.Actuator.Resource;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.Signal.Kind;

class DemandTest {

    static final CapacitySettings SETTINGS = new CapacitySettings(
            Duration.ofSeconds(10),
            Duration.ofSeconds(3),
            Duration.ofSeconds(30),
            Duration.ofDays(30),
            Duration.ofMinutes(1),
            Duration.ofMinutes(5),
            Duration.ofMinutes(3),
            Duration.ofMinutes(10),
            1,
            new CapacitySettings.Limits(1000, 10_000, 100, 800, 0.7, 0.3, 0.8, 0.5, 2000, 0.01));

    private static final Instant START = Instant.parse("2026-09-07T08:00:00Z");

    /** Plays signals tick by tick, as the loop does, and keeps the decisions. */
    private static final class Play {
        private final Demand demand = new Demand(SETTINGS);
        private final List<Signal> signals = new ArrayList<>();
        private final Map<UUID, Decision> decisions = new HashMap<>();
        private Instant now = START;

        void tick(Signal... measured) {
            signals.addAll(List.of(measured));
            signals.removeIf(signal -> signal.at().isBefore(now.minus(demand.memory())));
            Demand.Outcome outcome = demand.decide(now, signals, List.copyOf(decisions.values()));
            for (UUID lapsed : outcome.lapsed()) {
                decisions.computeIfPresent(lapsed, (id, open) -> decision(id, open, State.LAPSED, now));
            }
            for (Demand.Proposal proposal : outcome.proposals()) {
                var id = new UUID(decisions.size(), 0);
                decisions.put(
                        id,
                        new Decision(
                                id,
                                now,
                                proposal.target().resource(),
                                proposal.target().subject(),
                                proposal.change(),
                                proposal.priority(),
                                State.PROPOSED,
                                Decision.DRY_RUN,
                                proposal.reason(),
                                proposal.evidence(),
                                null));
            }
            now = now.plusSeconds(10);
        }

        private static Decision decision(UUID id, Decision open, State state, Instant at) {
            return new Decision(
                    id,
                    open.at(),
                    open.resource(),
                    open.subject(),
                    open.change(),
                    open.priority(),
                    state,
                    open.mode(),
                    open.reason(),
                    open.evidence(),
                    at);
        }

        List<Decision> made() {
            return decisions.values().stream()
                    .sorted((one, other) -> one.at().compareTo(other.at()))
                    .toList();
        }
    }

    private static Play play(int ticks, Kind kind, String subject, IntToDoubleFunction values) {
        var play = new Play();
        for (int tick = 0; tick < ticks; tick++) {
            play.tick(new Signal(kind, subject, values.applyAsDouble(tick), play.now));
        }
        return play;
    }

    @ParameterizedTest
    @CsvSource({
        "QUERY_MILLIS, 1001, REPLICAS, HIGH",
        "BACKLOG, 10001, CONSUMERS, MEDIUM",
        "QUEUE_DEPTH, 101, CONSUMERS, MEDIUM",
        "SHARD_SOCKETS, 801, ROOM_SHARDS, HIGH",
        "CPU, 0.71, NODES, MEDIUM",
        "MEMORY, 0.81, NODES, MEDIUM",
        "P95_MILLIS, 2001, NODES, MEDIUM",
        "ERROR_RATE, 0.011, NODES, MEDIUM"
    })
    void aLimitPassedForAWholeWindowAsksForOneMore(Kind kind, double value, Resource resource, Priority priority) {
        List<Decision> made = play(7, kind, "one", tick -> value).made();
        assertThat(made).singleElement().satisfies(decision -> {
            assertThat(decision.resource()).isEqualTo(resource);
            assertThat(decision.change()).isEqualTo(1);
            assertThat(decision.priority()).isEqualTo(priority);
            assertThat(decision.subject()).isEqualTo(resource == Resource.NODES ? Rule.CLUSTER : "one");
            assertThat(decision.reason()).contains("over", "for 60 s");
        });
    }

    @ParameterizedTest
    @CsvSource({"QUERY_MILLIS, 1000", "BACKLOG, 10000", "QUEUE_DEPTH, 100", "SHARD_SOCKETS, 800", "CPU, 0.7", "CPU, 0.3"
    })
    void aLimitThatIsReachedButNotPassedAsksForNothing(Kind kind, double value) {
        assertThat(play(120, kind, "one", tick -> value).made()).isEmpty();
    }

    @Test
    void aShortPeakAndALineWithHolesAskForNothing() {
        assertThat(play(60, Kind.QUEUE_DEPTH, "q", tick -> tick % 6 == 0 ? 0 : 900)
                        .made())
                .isEmpty();
        var sparse = new Play();
        for (int tick = 0; tick < 60; tick++) {
            if (tick % 2 == 0) {
                sparse.tick(new Signal(Kind.QUEUE_DEPTH, "q", 900, sparse.now));
            } else {
                sparse.tick();
            }
        }
        assertThat(sparse.made()).isEmpty();
    }

    @Test
    void aDecisionStandsOnceForAsLongAsItsCauseDoesAndThenLapses() {
        Play play = play(200, Kind.QUEUE_DEPTH, "q", tick -> tick < 150 ? 500 : 5);
        assertThat(play.made()).singleElement().satisfies(decision -> {
            assertThat(decision.state()).isEqualTo(State.LAPSED);
            assertThat(decision.lapsedAt()).isAfter(START.plusSeconds(1500));
        });
    }

    @Test
    void fewerNodesOnlyWhenCpuAndMemoryAreBothLowAndMoreThanTheLeastAreThere() {
        assertThat(idle(1, 0.2).made()).as("the only node").isEmpty();
        assertThat(idle(3, 0.6).made()).as("memory is in use").isEmpty();
        assertThat(idle(3, 0.2).made()).singleElement().satisfies(decision -> {
            assertThat(decision.change()).isEqualTo(-1);
            assertThat(decision.priority()).isEqualTo(Priority.LOW);
            assertThat(decision.evidence()).hasSize(2);
        });
    }

    private static Play idle(int nodes, double memory) {
        var play = new Play();
        for (int tick = 0; tick < 60; tick++) {
            List<Signal> measured = new ArrayList<>();
            for (int node = 0; node < nodes; node++) {
                measured.add(new Signal(Kind.CPU, "node-" + node, 0.1, play.now));
                measured.add(new Signal(Kind.MEMORY, "node-" + node, memory, play.now));
            }
            play.tick(measured.toArray(Signal[]::new));
        }
        return play;
    }

    @Test
    void longSwingsAreFollowedInBothDirections() {
        var play = new Play();
        for (int tick = 0; tick < 720; tick++) {
            double use = tick / 180 % 2 == 0 ? 0.95 : 0.05;
            play.tick(
                    new Signal(Kind.CPU, "a", use, play.now),
                    new Signal(Kind.CPU, "b", use, play.now),
                    new Signal(Kind.MEMORY, "a", use * 0.5, play.now));
        }
        assertThat(play.made()).extracting(Decision::change).containsExactly(1, -1, 1, -1);
    }

    @Property(tries = 300)
    void doesNotFlapWhateverTheSignalsDo(
            @ForAll @Size(min = 50, max = 400) List<@DoubleRange(min = 0, max = 1) Double> walk) {
        var play = new Play();
        double cpu = 0.5;
        for (double step : walk) {
            // Long swings between idle and overload, with noise: what makes a naive controller flap.
            cpu = Math.clamp(cpu + (step - 0.5) * 0.4, 0, 1);
            for (int repeat = 0; repeat < 4; repeat++) {
                play.tick(
                        new Signal(Kind.CPU, "a", cpu, play.now),
                        new Signal(Kind.CPU, "b", cpu, play.now),
                        new Signal(Kind.MEMORY, "a", cpu * 0.6, play.now),
                        new Signal(Kind.QUEUE_DEPTH, "q", step * 220, play.now));
            }
        }
        Map<Target, Decision> last = new HashMap<>();
        for (Decision decision : play.made()) {
            Decision before = last.put(decision.target(), decision);
            if (before != null) {
                Duration apart = Duration.between(before.at(), decision.at());
                assertThat(apart)
                        .isGreaterThanOrEqualTo(
                                before.change() == decision.change()
                                        ? SETTINGS.coolDown()
                                        : SETTINGS.reverseCoolDown());
                assertThat(before.state()).isEqualTo(State.LAPSED);
            }
        }
    }
}
