package org.lectern.analytics;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.lectern.db.ContextId;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.Activity.Verb;
import org.lectern.infra.activity.ActivityLog;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

/** Activity to figures on a real PostgreSQL with a real replica: counted once, never skipped, exactly added up. */
class RollupsIT {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Instant MONDAY = Instant.parse("2026-09-07T00:00:00Z");
    private static final List<Verb> VERBS = List.of(Verb.values());
    private static final AnalyticsSettings SETTINGS = new AnalyticsSettings(
            Duration.ofSeconds(1), 20_000, Duration.ofMinutes(5), 5, Duration.ofDays(400), Duration.ofDays(8));

    private static CourseDatabase database;
    private static ActivityLog activityLog;
    private static Rollups rollups;
    private static PerformanceReader reader;

    private final ContextId course = new ContextId(UUID.randomUUID());

    @BeforeAll
    static void start() throws Exception {
        database = CourseDatabase.shared();
        activityLog = CourseDatabase.activityLog();
        rollups = new Rollups(Clock.systemUTC(), SETTINGS);
        reader = new PerformanceReader(database, SETTINGS);
    }

    @Test
    void countsEachEventOnceHoweverOftenTheJobRuns() {
        UUID person = UUID.randomUUID();
        Activity message = activity(person, Verb.CHATTED, MONDAY.plusSeconds(60));
        record(message);
        record(message, activity(person, Verb.LAUNCHED, MONDAY.plusSeconds(61)));

        assertThat(rollUp()).isEqualTo(2);
        assertThat(rollUp()).isZero();

        assertThat(figures(MONDAY, MONDAY.plus(1, ChronoUnit.HOURS)))
                .returns(1L, Performance::chatMessages)
                .returns(1L, Performance::launches);
    }

    @Test
    void aJobThatDiesBeforeItsCommitHasCountedNothing() {
        record(activity(UUID.randomUUID(), Verb.CHATTED, MONDAY));

        StepVerifier.create(database.write(
                        course,
                        transaction -> rollups.count(transaction, UUID.randomUUID())
                                .flatMap(counted -> Mono.error(new IllegalStateException("killed after " + counted)))))
                .expectErrorMessage("killed after 1")
                .verify(PATIENCE);
        assertThat(figures(MONDAY, MONDAY.plus(1, ChronoUnit.HOURS)))
                .returns(0L, Performance::chatMessages)
                .extracting(Performance::watermark)
                .isNotNull();

        assertThat(rollUp()).isEqualTo(1);
        assertThat(figures(MONDAY, MONDAY.plus(1, ChronoUnit.HOURS))).returns(1L, Performance::chatMessages);
    }

    @Test
    void aTransactionThatCommitsLateIsCountedLateAndNotSkipped() throws Exception {
        Sinks.Empty<Void> mayCommit = Sinks.empty();
        var recorded = new CompletableFuture<Void>();
        CompletableFuture<@Nullable Long> late = database.write(
                        course,
                        transaction -> activityLog
                                .record(transaction, List.of(activity(UUID.randomUUID(), Verb.CHATTED, MONDAY)))
                                .doOnSuccess(done -> recorded.complete(null))
                                .then(mayCommit.asMono())
                                .thenReturn(1L))
                .toFuture();
        recorded.get(20, TimeUnit.SECONDS);

        // Begun later, committed earlier, with the later ids and times: what a position would leave behind.
        record(activity(UUID.randomUUID(), Verb.CHATTED, MONDAY.plusSeconds(5)));
        assertThat(rollUp()).isEqualTo(1);

        mayCommit.tryEmitEmpty();
        late.get(20, TimeUnit.SECONDS);
        assertThat(rollUp()).isEqualTo(1);
        assertThat(figures(MONDAY, MONDAY.plus(1, ChronoUnit.HOURS))).returns(2L, Performance::chatMessages);
    }

    @Test
    void rollupsOfOneCourseAtOnceCountEachEventAndEachPersonOnce() {
        List<UUID> people = people(6);
        for (int batch = 0; batch < 40; batch++) {
            List<Activity> events = new ArrayList<>();
            for (UUID person : people) {
                events.add(activity(person, Verb.CHATTED, MONDAY.plusSeconds(batch)));
            }
            record(events);
        }
        List<Long> counted = CourseDatabase.await(Flux.range(0, 6)
                .flatMap(job -> database.write(course, tx -> smallRollups(50).count(tx, UUID.randomUUID())))
                .collectList());
        long sum = counted.stream().mapToLong(Long::longValue).sum();
        while (sum < 240) {
            long more = rollUp();
            assertThat(more).isPositive();
            sum += more;
        }
        assertThat(rollUp()).isZero();
        Performance hour = figures(MONDAY, MONDAY.plus(1, ChronoUnit.HOURS));
        assertThat(hour.chatMessages()).isEqualTo(240);
        assertThat(hour.activePeople()).isEqualTo(6);
        assertThat(hour.series())
                .singleElement()
                .satisfies(bucket -> assertThat(bucket.activePeople()).isEqualTo(6));
    }

    @Test
    void figuresOfAnyRangeEqualACountOfTheEvents() {
        var random = new Random(20260907);
        List<UUID> people = people(25);
        List<Activity> events = new ArrayList<>();
        for (int event = 0; event < 3000; event++) {
            UUID person = people.get((int) (Math.abs(random.nextGaussian()) * 8) % people.size());
            Verb verb = VERBS.get(random.nextInt(VERBS.size()));
            Instant at = MONDAY.plusMillis(random.nextLong(Duration.ofDays(12).toMillis()));
            double from = random.nextInt(600);
            events.add(new Activity(
                    UUID.randomUUID(),
                    person,
                    verb,
                    "v" + random.nextInt(4),
                    at,
                    verb == Verb.WATCHED ? Map.of("from", from, "to", from + random.nextInt(60) - 5.0) : Map.of()));
        }
        for (int begin = 0; begin < events.size(); begin += 250) {
            record(events.subList(begin, begin + 250));
        }
        while (CourseDatabase.await(
                        database.write(course, tx -> smallRollups(700).count(tx, UUID.randomUUID())))
                > 0) {
            // Several jobs, each with a part.
        }
        database.awaitReplica();

        for (int query = 0; query < 40; query++) {
            Instant one = MONDAY.plusMillis(random.nextLong(Duration.ofDays(12).toMillis()));
            Instant other = query % 3 == 0
                    ? one.plusMillis(1 + random.nextLong(Duration.ofHours(3).toMillis()))
                    : MONDAY.plusMillis(random.nextLong(Duration.ofDays(12).toMillis()));
            Instant from = one.isBefore(other) ? one : other;
            Instant to = one.isBefore(other) ? other : one;
            if (query % 5 == 0) {
                from = from.truncatedTo(ChronoUnit.DAYS);
            }
            compare(events, figures(from, to), from, to);
        }
    }

    private void compare(List<Activity> events, Performance figures, Instant from, Instant to) {
        Predicate<Activity> inside =
                event -> !event.at().isBefore(from) && event.at().isBefore(to);
        List<Activity> expected = events.stream().filter(inside).toList();
        assertThat(figures.chatMessages()).isEqualTo(count(expected, Verb.CHATTED));
        assertThat(figures.videoViews()).isEqualTo(count(expected, Verb.PLAYED));
        assertThat(figures.launches()).isEqualTo(count(expected, Verb.LAUNCHED));
        assertThat(figures.uploads()).isEqualTo(count(expected, Verb.UPLOADED));
        assertThat(figures.watchSeconds())
                .isEqualTo(expected.stream().mapToDouble(RollupsIT::seconds).sum());
        long active = peopleOf(expected);
        assertThat(figures.activePeople()).isEqualTo(active > 0 && active < 5 ? null : (Long) active);
        ChronoUnit bucket = figures.bucket().equals("hour") ? ChronoUnit.HOURS : ChronoUnit.DAYS;
        assertThat(figures.series().getFirst().at()).isEqualTo(from.truncatedTo(bucket));
        for (Performance.Bucket entry : figures.series()) {
            List<Activity> within = expected.stream()
                    .filter(event -> event.at().truncatedTo(bucket).equals(entry.at()))
                    .toList();
            assertThat(entry.chatMessages()).isEqualTo(count(within, Verb.CHATTED));
            assertThat(entry.videoViews()).isEqualTo(count(within, Verb.PLAYED));
            long people = peopleOf(within);
            assertThat(entry.suppressed()).isEqualTo(people > 0 && people < 5);
            assertThat(entry.activePeople()).isEqualTo(people > 0 && people < 5 ? null : (Long) people);
        }
    }

    @Test
    void aReplicaAnswersNotThePrimary() throws Exception {
        record(activity(UUID.randomUUID(), Verb.CHATTED, MONDAY));
        rollUp();
        database.awaitReplica();
        int before = database.replicaReads.get();
        database.pauseReplica();
        try {
            record(activity(UUID.randomUUID(), Verb.CHATTED, MONDAY));
            rollUp();
            assertThat(read(MONDAY, MONDAY.plusSeconds(1)).chatMessages())
                    .as("the replica has not heard of the second message")
                    .isEqualTo(1);
        } finally {
            database.resumeReplica();
        }
        database.awaitReplica();
        assertThat(read(MONDAY, MONDAY.plusSeconds(1)).chatMessages()).isEqualTo(2);
        assertThat(database.replicaReads.get()).isEqualTo(before + 2);
    }

    @Test
    void aPersonSeesTheirOwnFiguresOnly() {
        UUID me = UUID.randomUUID();
        record(
                activity(me, Verb.CHATTED, MONDAY),
                activity(me, Verb.PLAYED, MONDAY.plus(3, ChronoUnit.HOURS)),
                activity(UUID.randomUUID(), Verb.CHATTED, MONDAY));
        rollUp();
        database.awaitReplica();
        Performance.Own own =
                reader.own(course, me, MONDAY, MONDAY.plus(2, ChronoUnit.DAYS)).block(PATIENCE);
        assertThat(own)
                .returns(2L, Performance.Own::events)
                .returns(1L, Performance.Own::chatMessages)
                .returns(1L, Performance.Own::videoViews);
    }

    @Test
    void theWatermarkIsTheOldestActivityThatStillWaits() {
        assertThat(read(MONDAY, MONDAY.plusSeconds(1)).watermark()).isNull();
        Instant before = Instant.now();
        record(activity(UUID.randomUUID(), Verb.CHATTED, MONDAY));
        Instant after = Instant.now();
        Performance waiting = figures(MONDAY, MONDAY.plusSeconds(1));
        assertThat(waiting.watermark()).isBetween(before.minusMillis(1), after.plusMillis(1));
        assertThat(waiting.chatMessages()).isZero();
        rollUp();
        assertThat(figures(MONDAY, MONDAY.plusSeconds(1)).watermark()).isAfterOrEqualTo(after);
    }

    private static Rollups smallRollups(int events) {
        return new Rollups(
                Clock.systemUTC(),
                new AnalyticsSettings(
                        Duration.ofSeconds(1),
                        events,
                        Duration.ofMinutes(5),
                        5,
                        Duration.ofDays(400),
                        Duration.ofDays(8)));
    }

    private Performance figures(Instant from, Instant to) {
        database.awaitReplica();
        return read(from, to);
    }

    private Performance read(Instant from, Instant to) {
        return CourseDatabase.await(reader.course(course, from, to));
    }

    private long rollUp() {
        return CourseDatabase.await(
                database.write(course, transaction -> rollups.count(transaction, UUID.randomUUID())));
    }

    private void record(Activity... activities) {
        record(List.of(activities));
    }

    private void record(Collection<Activity> activities) {
        database.write(
                        course,
                        transaction ->
                                activityLog.record(transaction, activities).thenReturn(1))
                .block(PATIENCE);
    }

    private static Activity activity(UUID person, Verb verb, Instant at) {
        return new Activity(UUID.randomUUID(), person, verb, null, at, Map.of());
    }

    private static List<UUID> people(int count) {
        List<UUID> people = new ArrayList<>();
        for (int person = 0; person < count; person++) {
            people.add(UUID.randomUUID());
        }
        return people;
    }

    private static long count(List<Activity> events, Verb verb) {
        return events.stream().filter(event -> event.verb() == verb).count();
    }

    private static long peopleOf(List<Activity> events) {
        Set<UUID> people = new HashSet<>();
        events.forEach(event -> people.add(event.userId()));
        return people.size();
    }

    private static double seconds(Activity event) {
        return event.verb() == Verb.WATCHED ? Math.max(0, measure(event, "to") - measure(event, "from")) : 0;
    }

    private static double measure(Activity event, String name) {
        return event.measures().getOrDefault(name, 0.0);
    }
}
