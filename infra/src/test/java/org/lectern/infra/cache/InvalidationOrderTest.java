package org.lectern.infra.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/**
 * Two nodes and what they share, in any order of what can happen: reads and writes begin, a load reads its source, a call
 * to the shared level takes effect, an announcement is heard or missed, a lease runs out. A call never gets what an
 * invalidation had removed that its node knew of when the call began, and when all is quiet nothing old is left anywhere.
 */
class InvalidationOrderTest {

    private static final CacheFamily<Long> NUMBERS =
            CacheFamily.of("n", CacheKind.STATIC, new TypeReference<Long>() {});
    private static final List<String> KEYS = List.of("a", "b");

    @BeforeTry
    void holdTime() {
        VirtualTimeScheduler.set(VirtualTimeScheduler.create());
    }

    @AfterTry
    void letTimeGo() {
        VirtualTimeScheduler.reset();
    }

    @Property(tries = 300)
    void noReadIsOlderThanTheLastInvalidationItsNodeKnewOf(
            @ForAll @Size(min = 10, max = 120) List<@IntRange(min = 0, max = 9_999) Integer> numbers) {
        Happenings happenings = new Happenings();
        numbers.forEach(happenings::happen);
        happenings.settleAndCheck();
    }

    /** What a call finds in the shared level between the two steps of its own node's invalidation is not kept. */
    @Example
    void whatIsFoundWhileItsNodeInvalidatesIsNotKept() {
        Happenings happenings = new Happenings();
        happenings.read(0, 0);
        happenings.settle();
        happenings.write(0, "n:a");
        // This node's memory is emptied, and the shared level will be told.
        happenings.shared.steps.removeFirst().run();
        happenings.read(0, 0);
        // The call is there first.
        happenings.shared.steps.removeLast().run();
        happenings.shared.steps.removeFirst().run();
        happenings.read(0, 0);
        happenings.settleAndCheck();
    }

    /** One run; each number is something that happens. */
    private static final class Happenings {
        /** What the source holds of each key. */
        private final long[] source = new long[2];

        /** What each node knows that the source has held. */
        private final long[][] known = new long[2][2];

        private final SimulatedLevel shared = new SimulatedLevel(() -> source);
        private final List<TwoLevelCache> caches = new ArrayList<>();
        private final List<SimulatedLevel.Node> nodes = new ArrayList<>();
        private final List<String> wrong = new ArrayList<>();
        private int reading;
        private int reads;

        Happenings() {
            for (int number = 0; number < 2; number++) {
                SimulatedLevel.Node node = shared.node();
                nodes.add(node);
                caches.add(new TwoLevelCache(CacheNode.settings(), node, new JsonMapper(), new SimpleMeterRegistry()));
            }
        }

        void settleAndCheck() {
            settle();
            assertThat(wrong).isEmpty();
            assertThat(reading).as("every read was answered").isZero();
            for (int key = 0; key < 2; key++) {
                assertThat(shared.text(NUMBERS, KEYS.get(key))).isIn(null, "+" + source[key]);
                for (int node = 0; node < 2; node++) {
                    known[node][key] = source[key];
                    read(node, key);
                }
            }
            settle();
            assertThat(wrong).isEmpty();
            assertThat(reads).isPositive();
        }

        private void happen(int what) {
            int node = what / 10 % 2;
            int which = what / 20;
            switch (what % 10) {
                case 0, 1 -> read(node, which % 2);
                case 2 -> write(node, which % 3 == 0 ? "n:*" : "n:" + KEYS.get(which % 2));
                case 3 -> hear(node);
                case 4 -> {
                    if (which % 4 == 0) {
                        nodes.get(node).miss();
                    } else {
                        hear(node);
                    }
                }
                case 5 -> VirtualTimeScheduler.get().advanceTimeBy(Duration.ofMillis(20));
                case 6 -> {
                    if (which % 4 == 0) {
                        shared.expireLeases();
                    }
                }
                default -> {
                    if (!shared.steps.isEmpty()) {
                        shared.steps.remove(which % shared.steps.size()).run();
                    }
                }
            }
        }

        private void read(int node, int key) {
            long atLeast = known[node][key];
            reading++;
            reads++;
            Mono<Long> loader = Mono.create(sink -> shared.steps.add(() -> {
                long seen = source[key];
                shared.steps.add(() -> sink.success(seen));
            }));
            caches.get(node)
                    .get(NUMBERS, KEYS.get(key), loader)
                    .subscribe(
                            value -> {
                                if (value < atLeast) {
                                    wrong.add("node %d got %d of %d, after it knew of %d"
                                            .formatted(node, value, key, atLeast));
                                }
                            },
                            failure -> wrong.add(failure.toString()),
                            () -> reading--);
        }

        /** The source changes, and after that, whenever the step is taken, its node invalidates. */
        private void write(int node, String pattern) {
            CachePattern parsed = CachePattern.parse(pattern);
            for (int key = 0; key < 2; key++) {
                if (parsed.matches("n:" + KEYS.get(key))) {
                    source[key]++;
                }
            }
            long[] written = source.clone();
            shared.steps.add(() -> caches.get(node)
                    .invalidate(pattern)
                    .subscribe(
                            done -> {}, failure -> wrong.add(failure.toString()), () -> learn(node, parsed, written)));
        }

        private void hear(int node) {
            SimulatedLevel.Announced announced = nodes.get(node).hear();
            if (announced != null) {
                learn(node, announced.pattern(), announced.source());
            }
        }

        private void learn(int node, CachePattern pattern, long[] held) {
            for (int key = 0; key < 2; key++) {
                if (pattern.matches("n:" + KEYS.get(key))) {
                    known[node][key] = Math.max(known[node][key], held[key]);
                }
            }
        }

        private void settle() {
            for (int round = 0; round < 10_000; round++) {
                if (!shared.steps.isEmpty()) {
                    shared.steps.removeFirst().run();
                } else if (nodes.stream().anyMatch(node -> !node.unheard.isEmpty())) {
                    hear(0);
                    hear(1);
                } else if (reading > 0) {
                    VirtualTimeScheduler.get().advanceTimeBy(Duration.ofMillis(20));
                } else {
                    return;
                }
            }
        }
    }
}
