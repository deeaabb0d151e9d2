package org.lectern.analytics.capacity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.analytics.CourseDatabase;
import org.lectern.analytics.capacity.Decision.State;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.cluster.ClusterNode;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.scaling.Actuator.Resource;
import org.lectern.infra.scaling.Signal;
import org.lectern.infra.scaling.Signal.Kind;
import org.lectern.infra.scaling.SignalSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** The control plane on a real directory database: history is written, and one of two nodes decides, once. */
class ControlLoopIT {

    private static CourseDatabase database;
    private static Directory directory;

    private final AtomicReference<Instant> time = new AtomicReference<>(Instant.parse("2026-09-07T08:00:00Z"));
    private final Clock clock = new SteppedClock(time);
    private final AtomicLong depth = new AtomicLong(500);
    private final AtomicLong ids = new AtomicLong();
    private final SignalSource queue =
            () -> Flux.just(new Signal(Kind.QUEUE_DEPTH, "lectern.video.0", depth.get(), time.get()));
    private SignalHistory history;
    private Decisions decisions;

    @BeforeAll
    static void start() throws Exception {
        database = CourseDatabase.shared();
        directory = database.directory();
    }

    @BeforeEach
    void empty() {
        history = new SignalHistory(directory);
        decisions = new Decisions(directory, () -> new UUID(0, ids.incrementAndGet()), JsonMapper.shared());
        CourseDatabase.await(directory.write(sql ->
                sql.sql("truncate signal, decision, control_lease").fetch().rowsUpdated()));
    }

    @Test
    void oneOfTwoNodesDecidesAndAStandingDecisionIsMadeOnce() {
        ControlLoop one = loop("one", Duration.ofSeconds(30), queue);
        ControlLoop other = loop("other", Duration.ofSeconds(30), queue);
        for (int tick = 0; tick < 30; tick++) {
            List<Boolean> decided =
                    CourseDatabase.await(Flux.merge(one.turn(), other.turn()).collectList());
            assertThat(decided).containsExactlyInAnyOrder(true, false);
            step();
        }
        assertThat(made()).singleElement().satisfies(decision -> {
            assertThat(decision.resource()).isEqualTo(Resource.CONSUMERS);
            assertThat(decision.subject()).isEqualTo("lectern.video.0");
            assertThat(decision.change()).isEqualTo(1);
            assertThat(decision.state()).isEqualTo(State.PROPOSED);
            assertThat(decision.mode()).isEqualTo("dry-run");
            assertThat(decision.reason())
                    .isEqualTo("queue depth of lectern.video.0 over 100 for 60 s (500 on average)");
            assertThat(decision.evidence())
                    .singleElement()
                    .satisfies(evidence -> assertThat(evidence.mean()).isEqualTo(500));
        });

        depth.set(3);
        for (int tick = 0; tick < 8; tick++) {
            CourseDatabase.await(one.turn());
            CourseDatabase.await(other.turn());
            step();
        }
        assertThat(made()).singleElement().returns(State.LAPSED, Decision::state);
    }

    @Test
    void anotherNodeGoesOnWhenTheOneThatDecidedIsGone() {
        ControlLoop one = loop("one", Duration.ofSeconds(1), queue);
        ControlLoop other = loop("other", Duration.ofSeconds(1), queue);
        assertThat(CourseDatabase.await(one.turn())).isTrue();
        assertThat(CourseDatabase.await(other.turn())).isFalse();
        await().atMost(Duration.ofSeconds(10)).until(() -> CourseDatabase.await(other.turn()));
        assertThat(CourseDatabase.await(one.turn())).isFalse();
        boolean stillHeld = CourseDatabase.await(directory.write(sql -> ControlLease.held(sql, "one")));
        assertThat(stillHeld).as("who lost the lease cannot write").isFalse();
    }

    @Test
    void aSourceThatFailsOrNeverEndsSpoilsNoOther() {
        SignalSource broken = () -> Flux.error(new IllegalStateException("broker is away"));
        SignalSource thrower = () -> {
            throw new IllegalStateException("not even a publisher");
        };
        SignalSource silent = Flux::never;
        SignalSource senseless = () -> Flux.just(new Signal(Kind.BACKLOG, "video", Double.NaN, time.get()));
        SignalSource endless = () -> Flux.range(0, Integer.MAX_VALUE)
                .map(number -> new Signal(Kind.REPLICA_LAG_MILLIS, "replica-" + number, number, time.get()));
        ControlLoop loop = loop("one", Duration.ofSeconds(30), broken, thrower, silent, senseless, endless, queue);

        assertThat(CourseDatabase.await(loop.turn())).isTrue();

        assertThat(count("kind = 'queue_depth'")).isEqualTo(1);
        assertThat(count("kind = 'backlog'")).isZero();
        assertThat(count("kind = 'replica_lag_millis'")).isEqualTo(1000);
    }

    @Test
    void everyNodeKeepsItsOwnSignalsWithoutTheLease() {
        var ofNode = new SignalSource() {
            @Override
            public Flux<Signal> measure() {
                return Flux.just(new Signal(Kind.CPU, "node-7", 0.25, time.get()));
            }

            @Override
            public boolean ofThisNode() {
                return true;
            }
        };
        var sampler = new NodeSampler(List.of(ofNode, queue), history, DemandTest.SETTINGS);
        for (int tick = 0; tick < 6; tick++) {
            sampler.sample().block(Duration.ofSeconds(10));
            step();
        }
        assertThat(count("kind = 'queue_depth'")).isZero();
        database.awaitReplica();
        List<SignalHistory.Series> series = CourseDatabase.await(
                history.series(Kind.CPU, time.get().minus(Duration.ofHours(1)), Duration.ofSeconds(30)));
        assertThat(series).singleElement().satisfies(cpu -> {
            assertThat(cpu.subject()).isEqualTo("node-7");
            assertThat(cpu.points()).hasSize(2);
            assertThat(cpu.points().getFirst().mean()).isEqualTo(0.25);
        });
    }

    @Test
    void signalsOlderThanTheirRetentionAreDeleted() {
        Instant old = time.get().minus(Duration.ofDays(31));
        history.append(List.of(new Signal(Kind.CPU, "node", 0.1, old), new Signal(Kind.CPU, "node", 0.1, time.get())))
                .block(Duration.ofSeconds(10));
        CourseDatabase.await(loop("one", Duration.ofSeconds(30)).turn());
        assertThat(count("kind = 'cpu'")).isEqualTo(1);
    }

    private ControlLoop loop(String node, Duration lease, SignalSource... sources) {
        CapacitySettings settings = DemandTest.SETTINGS;
        return new ControlLoop(
                directory,
                List.of(sources),
                history,
                decisions,
                new CapacitySettings(
                        settings.interval(),
                        Duration.ofMillis(300),
                        lease,
                        settings.retention(),
                        settings.upWindow(),
                        settings.downWindow(),
                        settings.coolDown(),
                        settings.reverseCoolDown(),
                        settings.minNodes(),
                        settings.limits()),
                new OneNode(new ClusterNode(node, URI.create("http://127.0.0.1:1"), Set.of(NodeRole.ANALYTICS))),
                clock);
    }

    private void step() {
        time.updateAndGet(now -> now.plusSeconds(10));
    }

    private List<Decision> made() {
        return CourseDatabase.await(
                directory.write(sql -> decisions.relevant(sql, Instant.EPOCH).collectList()));
    }

    private static long count(String condition) {
        return CourseDatabase.await(directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select count(*) from signal where " + condition)
                                .mapValue(Long.class)
                                .one())
                .single());
    }

    private record OneNode(ClusterNode self) implements Membership {

        @Override
        public List<ClusterNode> live(NodeRole role) {
            return List.of(self);
        }

        @Override
        public Flux<List<ClusterNode>> views() {
            return Mono.just(List.of(self)).concatWith(Flux.never());
        }
    }

    private static final class SteppedClock extends Clock {

        private final AtomicReference<Instant> time;

        SteppedClock(AtomicReference<Instant> time) {
            this.time = time;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return time.get();
        }
    }
}
