package org.lectern.infra.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** A node that joins or dies moves its own keys and no others. */
class RendezvousTest {

    private static final int KEYS = 4_000;

    @Property(tries = 40)
    void aLeavingNodeMovesOnlyItsOwnKeys(@ForAll @IntRange(min = 2, max = 12) int nodes, @ForAll long salt) {
        List<String> before = nodes(nodes, salt);
        String leaving = before.get(nodes / 2);
        List<String> after = new ArrayList<>(before);
        after.remove(leaving);
        int moved = 0;
        for (int key = 0; key < KEYS; key++) {
            String was = owner(salt + "/" + key, before);
            String is = owner(salt + "/" + key, after);
            if (was.equals(leaving)) {
                moved++;
            } else {
                assertThat(is).isEqualTo(was);
            }
        }
        double share = (double) KEYS / nodes;
        assertThat((double) moved).isBetween(share * 0.75 - 30, share * 1.25 + 30);
    }

    @Property(tries = 40)
    void aJoiningNodeTakesAboutItsShare(@ForAll @IntRange(min = 1, max = 12) int nodes, @ForAll long salt) {
        List<String> after = nodes(nodes + 1, salt);
        List<String> before = after.subList(0, nodes);
        long moved = IntStream.range(0, KEYS)
                .filter(key -> !owner(salt + "/" + key, before).equals(owner(salt + "/" + key, after)))
                .count();
        double share = (double) KEYS / (nodes + 1);
        assertThat((double) moved).isBetween(share * 0.75 - 30, share * 1.25 + 30);
    }

    @Property(tries = 100)
    void theOrderOfCandidatesDoesNotMatter(@ForAll @IntRange(min = 1, max = 10) int nodes, @ForAll String key) {
        List<String> candidates = nodes(nodes, 7);
        assertThat(Rendezvous.ranked(key, candidates.reversed(), Function.identity()))
                .isEqualTo(Rendezvous.ranked(key, candidates, Function.identity()))
                .containsExactlyInAnyOrderElementsOf(candidates);
        assertThat(Rendezvous.ranked(key, candidates, Function.identity())).startsWith(owner(key, candidates));
    }

    @Test
    void bucketsAreEvenlyFilled() {
        int[] filled = new int[64];
        for (int key = 0; key < 64_000; key++) {
            filled[Rendezvous.bucket("room-" + key, 64)]++;
        }
        assertThat(IntStream.of(filled).boxed().toList())
                .allSatisfy(count -> assertThat(count).isBetween(850, 1150));
    }

    @Test
    void noCandidateMeansNoOwner() {
        assertThat(Rendezvous.owner("key", List.<String>of(), Function.identity()))
                .isEmpty();
    }

    private static List<String> nodes(int count, long salt) {
        return IntStream.range(0, count).mapToObj(n -> "node-" + salt + "-" + n).toList();
    }

    private static String owner(String key, List<String> nodes) {
        return Rendezvous.owner(key, nodes, Function.identity()).orElseThrow();
    }
}
