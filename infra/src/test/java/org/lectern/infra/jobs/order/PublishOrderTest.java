package org.lectern.infra.jobs.order;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.lectern.infra.jobs.order.PublishOrder.Candidate;
import org.lectern.infra.jobs.order.PublishOrder.Pick;
import org.lectern.infra.jobs.order.PublishOrder.Room;

class PublishOrderTest {

    private static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static PublishOrder order() {
        return new PublishOrder(PATIENCE, 4);
    }

    private static Candidate job(int id, int course, int score, long waitedMillis) {
        return new Candidate(new UUID(0, id), new UUID(1, course), score, NOON.minusMillis(waitedMillis));
    }

    @Provide
    Arbitrary<List<Candidate>> fresh() {
        return jobs(60_000);
    }

    @Provide
    Arbitrary<List<Candidate>> any() {
        return jobs(600_000);
    }

    private static Arbitrary<List<Candidate>> jobs(int waitedAtMost) {
        Arbitrary<int[]> one = Combinators.combine(
                        Arbitraries.integers().between(0, 4),
                        Arbitraries.of(0, 5, 10, 15, 30),
                        Arbitraries.integers().between(0, waitedAtMost))
                .as((course, score, waited) -> new int[] {course, score, waited});
        return one.list()
                .ofMaxSize(60)
                .map(specs -> IntStream.range(0, specs.size())
                        .mapToObj(i -> job(i, specs.get(i)[0], specs.get(i)[1], specs.get(i)[2]))
                        .toList());
    }

    @Property
    void picksEachJobAtMostOnceAndLeavesNoFreePlaceWhileAJobWaits(
            @ForAll("any") List<Candidate> jobs, @ForAll @IntRange(max = 80) int free) {
        List<Pick> picks = order().choose(jobs, new Room(free, 0, 0), NOON);
        assertThat(picks).hasSize(Math.min(free, jobs.size()));
        assertThat(new HashSet<>(picks.stream().map(Pick::job).toList())).hasSameSizeAs(picks);
    }

    @Property
    void scoresDescendWhileNothingIsOverdue(@ForAll("fresh") List<Candidate> jobs) {
        List<Pick> picks = order().choose(jobs, new Room(100, 0, 0), NOON);
        assertThat(picks.stream().map(pick -> pick.job().score())).isSortedAccordingTo(Comparator.reverseOrder());
    }

    @Property
    void firstComeWithinACourseAndScore(@ForAll("fresh") List<Candidate> jobs) {
        Map<String, Instant> last = new HashMap<>();
        for (Pick pick : order().choose(jobs, new Room(100, 0, 0), NOON)) {
            Candidate job = pick.job();
            Instant before = last.put(job.course() + "/" + job.score(), job.runnableSince());
            assertThat(before == null || !before.isAfter(job.runnableSince())).isTrue();
        }
    }

    @Property
    void coursesOfOneScoreTakeTurnsWhileBothWait(@ForAll @IntRange(min = 1, max = 200) int jobsOfTheBigOne) {
        List<Candidate> jobs = new ArrayList<>();
        IntStream.range(0, jobsOfTheBigOne).forEach(i -> jobs.add(job(i, 1, 5, 50_000 - i)));
        IntStream.range(0, 20).forEach(i -> jobs.add(job(1000 + i, 2, 5, 40 - i)));
        Map<UUID, Integer> served = new HashMap<>();
        Map<UUID, Integer> left = new HashMap<>(Map.of(new UUID(1, 1), jobsOfTheBigOne, new UUID(1, 2), 20));
        for (Pick pick : order().choose(jobs, new Room(1000, 0, 0), NOON)) {
            served.merge(pick.job().course(), 1, Integer::sum);
            left.merge(pick.job().course(), -1, Integer::sum);
            if (left.values().stream().allMatch(count -> count > 0)) {
                assertThat(Math.abs(served.getOrDefault(new UUID(1, 1), 0) - served.getOrDefault(new UUID(1, 2), 0)))
                        .isLessThanOrEqualTo(1);
            }
        }
    }

    @Property
    void aCourseThatComesLateWaitsForOneOtherAtMost(@ForAll @IntRange(min = 1, max = 300) int servedBefore) {
        PublishOrder order = order();
        List<Candidate> backlog = new ArrayList<>(
                IntStream.range(0, 1000).mapToObj(i -> job(i, 1, 5, 1000)).toList());
        for (int i = 0; i < servedBefore; i++) {
            backlog.remove(
                    order.choose(backlog, new Room(1, 0, 0), NOON).getFirst().job());
        }
        Candidate late = job(5000, 2, 5, 0);
        backlog.add(late);
        List<Pick> picks = order.choose(backlog, new Room(2, 0, 0), NOON);
        assertThat(picks.stream().map(Pick::job)).contains(late);
    }

    @Example
    void aLowScoreStartsThoughHigherOnesNeverEnd() {
        PublishOrder order = order();
        Candidate low = job(0, 1, 0, 0);
        Instant now = NOON;
        for (int second = 0; second < 120; second++) {
            now = NOON.plusSeconds(second);
            List<Candidate> jobs = new ArrayList<>(List.of(low));
            for (int i = 0; i < 5; i++) {
                jobs.add(new Candidate(new UUID(9, second * 10L + i), new UUID(1, 2), 30, now));
            }
            List<Pick> picks = order.choose(jobs, new Room(1, 0, 0), now);
            if (picks.getFirst().job().equals(low)) {
                assertThat(Duration.between(NOON, now)).isBetween(PATIENCE, PATIENCE.plusSeconds(4));
                assertThat(picks.getFirst().urgency()).isGreaterThanOrEqualTo(PublishOrder.OVERDUE);
                return;
            }
        }
        throw new AssertionError("starved until " + now);
    }

    @Property
    void overdueJobsGetEveryFourthPickAndNoMoreWhileHighOnesWait(@ForAll @IntRange(min = 8, max = 100) int picks) {
        PublishOrder order = order();
        List<Candidate> jobs = new ArrayList<>();
        IntStream.range(0, 200).forEach(i -> jobs.add(job(i, i % 7, 0, 100_000)));
        IntStream.range(200, 400).forEach(i -> jobs.add(job(i, i % 7, 15, 1000)));
        long low = order.choose(jobs, new Room(picks, 0, 0), NOON).stream()
                .filter(pick -> pick.job().score() == 0)
                .count();
        assertThat(low).isEqualTo(picks / 4);
    }

    @Property
    void onlyMoreUrgentJobsEnterAFullWindow(
            @ForAll("any") List<Candidate> jobs,
            @ForAll @IntRange(max = 30) int leastUrgent,
            @ForAll @IntRange(max = 20) int overtaking) {
        List<Pick> picks = order().choose(jobs, new Room(0, overtaking, leastUrgent), NOON);
        assertThat(picks).hasSizeLessThanOrEqualTo(overtaking);
        assertThat(picks).allMatch(pick -> pick.urgency() > leastUrgent);
        long urgent = jobs.stream().filter(job -> job.score() > leastUrgent).count();
        assertThat(picks).hasSizeGreaterThanOrEqualTo((int) Math.min(urgent, overtaking));
    }
}
