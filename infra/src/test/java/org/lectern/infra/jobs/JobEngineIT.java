package org.lectern.infra.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.jobs.JobNode.MovableClock;
import org.lectern.infra.jobs.JobNode.Script;
import org.lectern.infra.jobs.JobNode.Scripted;
import org.lectern.infra.scaling.Actuator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;
import tools.jackson.databind.json.JsonMapper;

/** The engine over a real PostgreSQL and a real RabbitMQ, both of which it survives. */
class JobEngineIT {

    @TempDir
    static Path directory;

    private static EmbeddedServices services;
    private static Map<String, String> servers;
    private final MovableClock clock = new MovableClock();

    @BeforeAll
    static void start() throws Exception {
        services = EmbeddedServices.start(
                EmbeddedServices.Settings.in(directory).only(EmbeddedService.POSTGRESQL, EmbeddedService.RABBITMQ));
        servers = services.properties();
        try (JobNode node = JobNode.start(servers, Map.of("lectern.roles", "web"), new MovableClock(), List.of())) {
            for (var shard : node.shards().physicalShards()) {
                JobNode.await(node.shards()
                        .writeOn(
                                shard,
                                sql -> sql.sql("create table if not exists test_effect (id uuid not null)")
                                        .fetch()
                                        .rowsUpdated()));
            }
        }
    }

    @AfterAll
    static void stop() {
        services.close();
    }

    private JobNode node(Map<String, Object> further, String kind, Script script) {
        return JobNode.start(servers, further, clock, List.of(new Scripted(kind, script)));
    }

    private static Map<String, Object> oneWorker() {
        Map<String, Object> properties = new HashMap<>();
        properties.put("lectern.jobs.lanes.standard.workers", 1);
        properties.put("lectern.jobs.lanes.standard.max-workers", 1);
        properties.put("lectern.jobs.lanes.standard.prefetch", 1);
        return properties;
    }

    private static Map<String, Object> with(Map<String, Object> properties, String name, Object value) {
        Map<String, Object> more = new HashMap<>(properties);
        more.put(name, value);
        return more;
    }

    private static ConditionFactory soon() {
        return await().atMost(JobNode.PATIENCE);
    }

    private static void awaitState(JobNode node, ContextId course, UUID id, JobState state) {
        soon().until(() -> node.find(course, id).state() == state);
    }

    /** Writes the job's id to a table without any key: a second effect would be a second row. */
    static JobHandler.Effect mark(JobRun run) {
        UUID id = run.job().id();
        return transaction -> transaction
                .sql()
                .sql("insert into test_effect (id) values (:id)")
                .bind("id", id)
                .then();
    }

    private static long effects(JobNode node, ContextId course, UUID id) {
        return JobNode.await(node.shards()
                .write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql("select count(*) from test_effect where id = :id")
                                .bind("id", id)
                                .mapValue(Long.class)
                                .one()));
    }

    private static Connection broker() throws Exception {
        var factory = new ConnectionFactory();
        factory.setHost("127.0.0.1");
        factory.setPort(Integer.parseInt(servers.get("spring.rabbitmq.port")));
        factory.setUsername(servers.get("spring.rabbitmq.username"));
        factory.setPassword(servers.get("spring.rabbitmq.password"));
        return factory.newConnection();
    }

    @Test
    void aJobExistsIfAndOnlyIfItsTransactionCommits() {
        try (JobNode node = node(Map.of(), "commit", JobEngineIT::mark)) {
            ContextId course = node.newCourse();
            UUID rolledBack = node.newCourse().value();
            assertThatThrownBy(() -> JobNode.await(node.shards()
                            .write(
                                    course,
                                    transaction -> node.jobs()
                                            .submit(
                                                    transaction,
                                                    JobNode.request(rolledBack, "commit", Lane.STANDARD, 0))
                                            .then(reactor.core.publisher.Mono.error(new IllegalStateException("no"))))))
                    .hasMessageContaining("no");
            UUID committed = node.submit(course, "commit", Lane.STANDARD, 0);
            awaitState(node, course, committed, JobState.DONE);
            assertThat(node.jobs().find(course, rolledBack).blockOptional(Duration.ofSeconds(5)))
                    .isEmpty();
            assertThat(effects(node, course, committed)).isOne();
            assertThat(node.find(course, committed).percent()).isEqualTo(100);
            assertThat(node.find(course, committed).attempt()).isOne();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "quorum"})
    void underABacklogJobsStartByScoreOverAllShardsAndQueues(String queueType) {
        CountDownLatch gate = new CountDownLatch(1);
        List<Integer> started = Collections.synchronizedList(new ArrayList<>());
        try (JobNode node = node(with(oneWorker(), "lectern.jobs.queue-type", queueType), "ordered", run -> {
            if (run.job().score() == 99) {
                assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
            } else {
                started.add(run.job().score());
                // As long as a real job at the least: what takes no time is not worth an order.
                TimeUnit.MILLISECONDS.sleep(30);
            }
            return JobHandler.Effect.NONE;
        })) {
            ContextId blocking = node.newCourse();
            UUID blocker = node.submit(blocking, "ordered", Lane.STANDARD, 99);
            awaitState(node, blocking, blocker, JobState.RUNNING);
            List<Integer> scores = List.of(0, 15, 5, 30, 10, 0, 15, 20, 5, 10, 25, 30, 0, 5, 15, 10, 20, 25);
            Map<UUID, ContextId> jobs = new HashMap<>();
            for (int score : scores) {
                ContextId course = node.newCourse();
                jobs.put(node.submit(course, "ordered", Lane.STANDARD, score), course);
            }
            // The best one is the one that is ready beside the busy slot.
            soon().until(() -> node.bean(JobWorker.class).lane(Lane.STANDARD).held().stream()
                    .anyMatch(ticket -> ticket.urgency() == 30));
            gate.countDown();
            jobs.forEach((id, course) -> awaitState(node, course, id, JobState.DONE));
            assertThat(started).hasSameSizeAs(scores).startsWith(30);
            // What was in hand when a better one came may still go first: what the lane keeps ready, and one on its
            // way.
            for (int place = 0; place < started.size(); place++) {
                int score = started.get(place);
                assertThat(started.subList(0, place).stream().filter(earlier -> earlier < score))
                        .as("worse ones before the %s at place %s of %s", score, place, started)
                        .hasSizeLessThanOrEqualTo(2);
            }
        }
    }

    @Test
    void oneCoursesManyJobsDoNotKeepAnotherWaiting() {
        CountDownLatch gate = new CountDownLatch(1);
        List<UUID> started = Collections.synchronizedList(new ArrayList<>());
        try (JobNode node = node(oneWorker(), "fair", run -> {
            assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
            started.add(run.job().context().value());
            return JobHandler.Effect.NONE;
        })) {
            ContextId big = node.newCourse();
            ContextId small = node.newCourse();
            for (int i = 0; i < 60; i++) {
                node.submit(big, "fair", Lane.STANDARD, 5);
            }
            UUID single = node.submit(small, "fair", Lane.STANDARD, 5);
            gate.countDown();
            awaitState(node, small, single, JobState.DONE);
            assertThat(started.indexOf(small.value())).isLessThan(10);
            soon().until(() -> started.size() == 61);
        }
    }

    @Test
    void theEffectHappensOnceHoweverOftenTheMessageComesAndWhoeverTakesIt() throws Exception {
        JsonMapper json;
        try (JobNode one = node(Map.of(), "twice", JobEngineIT::mark);
                JobNode two = node(Map.of(), "twice", JobEngineIT::mark);
                Connection connection = broker();
                Channel channel = connection.createChannel()) {
            json = one.bean(JsonMapper.class);
            Map<UUID, ContextId> jobs = new HashMap<>();
            for (int i = 0; i < 60; i++) {
                ContextId course = one.newCourse();
                UUID id = one.submit(course, "twice", Lane.STANDARD, 0);
                jobs.put(id, course);
                for (int copy = 0; copy < 4; copy++) {
                    channel.basicPublish(
                            JobTopology.EXCHANGE,
                            "lectern.jobs.video." + copy % 3,
                            null,
                            json.writeValueAsBytes(new JobTicket(course.value(), id, Lane.STANDARD, 0, copy)));
                }
            }
            jobs.forEach((id, course) -> awaitState(two, course, id, JobState.DONE));
            jobs.forEach((id, course) -> {
                assertThat(effects(one, course, id)).isOne();
                assertThat(one.find(course, id).attempt()).isOne();
            });
        }
    }

    @Test
    void threeAttemptsThenDeadThenReplayed() {
        AtomicBoolean broken = new AtomicBoolean(true);
        try (JobNode node = node(Map.of(), "flaky", run -> {
            if (broken.get()) {
                throw new IllegalStateException("not today");
            }
            return mark(run);
        })) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "flaky", Lane.HIGH, 0);
            for (int attempt = 1; attempt <= 2; attempt++) {
                int number = attempt;
                soon().until(() -> node.find(course, id).attempt() == number
                        && node.find(course, id).state() == JobState.WAITING);
                Job waiting = node.find(course, id);
                assertThat(waiting.cause()).contains("not today");
                Duration pause = Duration.between(waiting.startedAt(), waiting.runAt());
                assertThat(pause)
                        .isBetween(Duration.ofSeconds(60L << attempt), Duration.ofSeconds((60L << attempt) + 20));
                clock.advance(pause);
            }
            awaitState(node, course, id, JobState.DEAD);
            assertThat(node.find(course, id).attempt()).isEqualTo(3);
            assertThat(node.find(course, id).history())
                    .extracting(Job.PastAttempt::attempt, Job.PastAttempt::outcome)
                    .containsExactly(tuple(1, "failed"), tuple(2, "failed"), tuple(3, "failed"));
            assertThat(node.jobs()
                            .list(Jobs.Query.dead(JobType.VIDEO, null, 10))
                            .flatMapIterable(ShardFanOut.Merged::items)
                            .map(Job::id)
                            .collectList()
                            .block(Duration.ofSeconds(10)))
                    .contains(id);
            broken.set(false);
            assertThat(JobNode.await(node.jobs().replay(course, id))).isTrue();
            awaitState(node, course, id, JobState.DONE);
            assertThat(node.find(course, id).attempt()).isOne();
            assertThat(JobNode.await(node.jobs().replay(course, id))).isFalse();
            assertThat(JobNode.await(node.jobs().cancel(course, id))).isFalse();
            assertThat(effects(node, course, id)).isOne();
        }
    }

    /** Notes every end and replay of its jobs as an effect of the same transaction. */
    private static JobOwner owner(String kind, List<String> heard) {
        return new JobOwner() {
            @Override
            public Set<String> kinds() {
                return Set.of(kind);
            }

            @Override
            public JobHandler.Effect ended(Job job, String cause) {
                return noted(job, job.state() + " " + cause);
            }

            @Override
            public JobHandler.Effect replayed(Job job) {
                return noted(job, "replayed to " + job.state());
            }

            private JobHandler.Effect noted(Job job, String what) {
                return transaction -> transaction
                        .sql()
                        .sql("insert into test_effect (id) values (:id)")
                        .bind("id", job.id())
                        .then()
                        .doOnSuccess(written -> heard.add(what));
            }
        };
    }

    @Test
    void aRejectedJobIsDeadAtOnceAndItsOwnerHearsOfEachTurn() {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        Script hopeless = run -> {
            throw new RejectedJobException("no video in it");
        };
        try (JobNode node = JobNode.start(
                servers, Map.of(), clock, List.of(new Scripted("hopeless", hopeless)), owner("hopeless", heard))) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "hopeless", Lane.HIGH, 0);
            awaitState(node, course, id, JobState.DEAD);
            assertThat(node.find(course, id).cause()).isEqualTo("no video in it");
            assertThat(effects(node, course, id)).isOne();
            assertThat(JobNode.await(node.jobs().replay(course, id))).isTrue();
            soon().until(() -> effects(node, course, id) == 3);
            awaitState(node, course, id, JobState.DEAD);
            assertThat(heard).containsExactly("DEAD no video in it", "replayed to WAITING", "DEAD no video in it");
            assertThat(JobNode.await(node.jobs().discard(course, id))).isTrue();
            assertThat(node.find(course, id).state()).isEqualTo(JobState.DISCARDED);
            assertThat(JobNode.await(node.jobs().discard(course, id))).isFalse();
        }
    }

    @Test
    void theOwnerHearsOfACancelWhereverItHappens() {
        List<String> here = Collections.synchronizedList(new ArrayList<>());
        List<String> there = Collections.synchronizedList(new ArrayList<>());
        Script endless = run -> {
            new CountDownLatch(1).await();
            return JobHandler.Effect.NONE;
        };
        try (JobNode worker = JobNode.start(
                        servers, oneWorker(), clock, List.of(new Scripted("owned", endless)), owner("owned", there));
                JobNode web = JobNode.start(
                        servers, Map.of("lectern.roles", "web"), clock, List.of(), owner("owned", here))) {
            ContextId course = worker.newCourse();
            UUID runs = worker.submit(course, "owned", Lane.STANDARD, 0);
            awaitState(worker, course, runs, JobState.RUNNING);
            UUID waits = worker.submit(course, "owned", Lane.STANDARD, 0);
            assertThat(JobNode.await(web.jobs().cancel(course, waits))).isTrue();
            assertThat(here).containsExactly("CANCELLED cancelled before it began");
            assertThat(effects(web, course, waits)).isOne();
            assertThat(JobNode.await(web.jobs().cancel(course, runs))).isTrue();
            awaitState(web, course, runs, JobState.CANCELLED);
            assertThat(there).containsExactly("CANCELLED cancelled");
            assertThat(effects(web, course, runs)).isOne();
        }
    }

    @Test
    void anOwnerThatCannotBeToldDoesNotKeepItsJobAlive() {
        JobOwner broken = new JobOwner() {
            @Override
            public Set<String> kinds() {
                return Set.of("disowned");
            }

            @Override
            public JobHandler.Effect ended(Job job, String cause) {
                throw new IllegalStateException("no");
            }
        };
        Script hopeless = run -> {
            throw new RejectedJobException("not at all");
        };
        try (JobNode node =
                JobNode.start(servers, Map.of(), clock, List.of(new Scripted("disowned", hopeless)), broken)) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "disowned", Lane.HIGH, 0);
            awaitState(node, course, id, JobState.DEAD);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "quorum"})
    void whatCannotBeReadIsParkedAndTheRestGoesOn(String queueType) throws Exception {
        try (JobNode node = node(Map.of("lectern.jobs.queue-type", queueType), "healthy", JobEngineIT::mark);
                Connection connection = broker();
                Channel channel = connection.createChannel()) {
            ContextId course = node.newCourse();
            awaitState(node, course, node.submit(course, "healthy", Lane.HIGH, 0), JobState.DONE);
            long before =
                    channel.messageCount(node.bean(JobBroker.class).topology().parked());
            for (String poison : List.of("{", "[]", "{\"id\":\"x\"}", "null", "{\"lane\":\"NONE\"}")) {
                channel.basicPublish(
                        JobTopology.EXCHANGE,
                        node.bean(JobBroker.class)
                                .topology()
                                .queues(JobType.VIDEO)
                                .getFirst(),
                        null,
                        poison.getBytes(StandardCharsets.UTF_8));
            }
            awaitState(node, course, node.submit(course, "healthy", Lane.HIGH, 0), JobState.DONE);
            soon().until(() ->
                    channel.messageCount(node.bean(JobBroker.class).topology().parked()) == before + 5);
        }
    }

    @Test
    void cancelEndsWhatRunsAndWhatWaits() {
        AtomicBoolean interrupted = new AtomicBoolean();
        try (JobNode node = node(oneWorker(), "long", run -> {
            run.progress(40, "waiting");
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException end) {
                interrupted.set(run.stopped());
                throw end;
            }
            return mark(run);
        })) {
            ContextId course = node.newCourse();
            UUID runs = node.submit(course, "long", Lane.STANDARD, 0);
            awaitState(node, course, runs, JobState.RUNNING);
            UUID waits = node.submit(course, "long", Lane.STANDARD, 0);
            assertThat(JobNode.await(node.jobs().cancel(course, waits))).isTrue();
            assertThat(node.find(course, waits).state()).isEqualTo(JobState.CANCELLED);
            // Whoever watches sees progress and the end, though another node does the work.
            try (JobNode other = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
                Flux<String> seen = other.jobs()
                        .watch(course, runs)
                        .map(job -> job.state() + " " + job.percent())
                        .distinctUntilChanged();
                StepVerifier.create(seen.filter(step -> !step.equals("RUNNING 0")))
                        .expectNext("RUNNING 40")
                        .then(() -> assertThat(JobNode.await(other.jobs().cancel(course, runs)))
                                .isTrue())
                        .expectNextMatches(step -> step.startsWith("CANCELLED"))
                        .expectComplete()
                        .verify(JobNode.PATIENCE);
            }
            assertThat(interrupted).isTrue();
            assertThat(effects(node, course, runs)).isZero();
            assertThat(effects(node, course, waits)).isZero();
        }
    }

    @Test
    void anAttemptPastItsLanesTimeLimitIsEnded() {
        try (JobNode node = node(Map.of("lectern.jobs.lanes.high.time-limit", "1s"), "endless", run -> {
            new CountDownLatch(1).await();
            return mark(run);
        })) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "endless", Lane.HIGH, 0);
            soon().until(() -> node.find(course, id).cause() != null);
            Job job = node.find(course, id);
            assertThat(job.state()).isEqualTo(JobState.WAITING);
            assertThat(job.cause()).contains("longer than the 1 s");
            assertThat(job.attempt()).isOne();
            JobNode.await(node.jobs().cancel(course, id));
        }
    }

    @Test
    void aHandlersProgressShowsSpeedAndTimeLeft() {
        CountDownLatch gate = new CountDownLatch(1);
        try (JobNode node = node(Map.of(), "talkative", run -> {
            run.progress(new JobRun.Progress(25, "encoding", 1.5, Duration.ofSeconds(90)));
            assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
            return mark(run);
        })) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "talkative", Lane.HIGH, 0);
            soon().until(() -> node.find(course, id).percent() == 25);
            Job job = node.find(course, id);
            assertThat(job.stage()).isEqualTo("encoding");
            assertThat(job.speed()).isEqualTo(1.5);
            assertThat(job.secondsLeft()).isEqualTo(90);
            gate.countDown();
            awaitState(node, course, id, JobState.DONE);
            assertThat(node.find(course, id).history()).isEmpty();
        }
    }

    @Test
    void manyCoursesWithJobsForLaterDoNotHideTheOthers() {
        try (JobNode asker = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            JobStore store = asker.bean(JobStore.class);
            List<ContextId> delayed = new ArrayList<>();
            // More courses on one shard than one look sees, all of them before the one that can go now.
            ContextId later = asker.newCourse();
            var shard = asker.shards().physicalShardOf(later);
            while (delayed.size() < JobStore.COURSES + 10) {
                ContextId course = asker.newCourse();
                if (asker.shards().physicalShardOf(course).equals(shard)) {
                    delayed.add(course);
                }
            }
            ContextId now = asker.newCourse();
            while (!asker.shards().physicalShardOf(now).equals(shard)) {
                now = asker.newCourse();
            }
            for (ContextId course : delayed) {
                asker.submit(course, "tomorrow", Lane.BATCH, 0, clock.instant().plus(Duration.ofDays(1)));
            }
            // A crowd of older and more urgent ones hides it from the searches by score and by age.
            for (int i = 0; i < 3; i++) {
                asker.submit(delayed.getFirst(), "crowd", Lane.BATCH, 30);
            }
            UUID id = asker.submit(now, "hidden", Lane.BATCH, 0);
            Map<PhysicalShardId, UUID> after = Map.of();
            boolean seen = false;
            for (int look = 0; look < 20 && !seen; look++) {
                var candidates = store.candidates(Lane.BATCH, Set.of(JobType.VIDEO), after, 1, Instant.EPOCH);
                seen = candidates.found().stream()
                        .anyMatch(found -> found.candidate().id().equals(id));
                after = candidates.last();
            }
            assertThat(seen).as("found as the head of its course").isTrue();
            for (Job job : JobNode.await(
                            asker.jobs().list(new Jobs.Query(null, null, Lane.BATCH, null, null, null, 200)))
                    .items()) {
                JobNode.await(asker.jobs().cancel(job.context(), job.id()));
            }
        }
    }

    @Test
    void whatACourseThatMovedAwayLeftBehindHidesNobodysJobs() {
        try (JobNode asker = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            JobStore store = asker.bean(JobStore.class);
            ContextId gone = asker.newCourse();
            ContextId here = asker.newCourse();
            while (!asker.shards().physicalShardOf(here).equals(asker.shards().physicalShardOf(gone))
                    || asker.shards().logicalShardOf(here) == asker.shards().logicalShardOf(gone)) {
                here = asker.newCourse();
            }
            for (int i = 0; i < 3; i++) {
                asker.submit(gone, "left", Lane.BATCH, 30);
            }
            UUID id = asker.submit(here, "stays", Lane.BATCH, 0);
            owned(asker, gone, false);
            try {
                assertThat(store.candidates(
                                        Lane.BATCH,
                                        Set.of(JobType.VIDEO),
                                        Map.of(),
                                        1,
                                        clock.instant().plusSeconds(60))
                                .found())
                        .extracting(found -> found.candidate().id())
                        .containsOnly(id);
                JobNode.await(asker.jobs().cancel(here, id));
                assertThat(store.lanes(Set.of(JobType.VIDEO), "nobody").get(Lane.BATCH))
                        .extracting(JobStore.LaneView::waiting)
                        .isEqualTo(false);
            } finally {
                owned(asker, gone, true);
            }
            for (Job job : JobNode.await(
                            asker.jobs().list(new Jobs.Query(null, null, Lane.BATCH, null, null, null, 200)))
                    .items()) {
                JobNode.await(asker.jobs().cancel(job.context(), job.id()));
            }
        }
    }

    private static double handedOn(JobNode node) {
        return node
                .bean(MeterRegistry.class)
                .find("lectern.jobs.finished")
                .tag("outcome", UnknownKind.OUTCOME)
                .counters()
                .stream()
                .mapToDouble(Counter::count)
                .sum();
    }

    /** Moves the clock to the next time of a job, but only while it waits for it: no lease is to end by the leap. */
    private boolean toItsNextTime(JobNode node, ContextId course, UUID id) {
        Job now = node.find(course, id);
        Duration left = Duration.between(clock.instant(), now.runAt());
        if (now.state() == JobState.WAITING && left.isPositive()) {
            clock.advance(left.plusMillis(1));
        }
        return now.state() == JobState.DONE;
    }

    /** A job of an unknown kind has been handed on once more, and waits for its next time. */
    private void handedOnOnceMore(JobNode node, ContextId course, UUID id) {
        int before = UnknownKind.times(node.find(course, id));
        toItsNextTime(node, course, id);
        soon().until(() -> UnknownKind.times(node.find(course, id)) > before);
    }

    @Test
    void aJobOfAKindThatANodeDoesNotKnowIsHandedOnToOneThatDoesAndDeadOnlyAfterLong() {
        try (JobNode old = node(Map.of(), "known", JobEngineIT::mark)) {
            ContextId course = old.newCourse();
            UUID id = old.submit(course, "newer", Lane.HIGH, 0);
            soon().until(() -> old.find(course, id).history().size() == 1);
            Job waiting = old.find(course, id);
            assertThat(waiting.cause()).contains("newer");
            assertThat(waiting.attempt()).as("nobody has tried it").isZero();
            assertThat(Duration.between(waiting.startedAt(), waiting.runAt())).isGreaterThan(Duration.ofSeconds(4));
            // More often than any attempts would permit.
            for (int turn = 2; turn <= 5; turn++) {
                handedOnOnceMore(old, course, id);
            }
            assertThat(handedOn(old)).isGreaterThanOrEqualTo(5);
            assertThat(old.find(course, id).history())
                    .as("one entry since the first time")
                    .extracting(Job.PastAttempt::attempt, Job.PastAttempt::outcome, Job.PastAttempt::times)
                    .containsExactly(tuple(1, UnknownKind.OUTCOME, 5));
            // It keeps nobody waiting meanwhile.
            UUID known = old.submit(course, "known", Lane.HIGH, 0);
            awaitState(old, course, known, JobState.DONE);
            try (JobNode newer = node(Map.of(), "newer", JobEngineIT::mark)) {
                soon().until(() -> toItsNextTime(newer, course, id));
                assertThat(newer.find(course, id).attempt()).isOne();
                assertThat(effects(newer, course, id)).isOne();
            }
        }
    }

    @Test
    void aJobOfAKindThatNobodyKnowsIsDeadWhenItWasRefusedForLongAndOften() {
        try (JobNode old = node(Map.of(), "known", JobEngineIT::mark)) {
            ContextId course = old.newCourse();
            UUID id = old.submit(course, "nobodys", Lane.HIGH, 0);
            soon().until(() -> old.find(course, id).history().size() == 1);
            clock.advance(Duration.ofHours(1));
            soon().until(() -> UnknownKind.times(old.find(course, id)) == 2);
            assertThat(old.find(course, id).state()).as("long, but not often").isEqualTo(JobState.WAITING);
            change(
                    old,
                    course,
                    id,
                    "history = jsonb_set(history, '{-1,times}', '" + (UnknownKind.LEAST_TIMES - 2) + "')");
            handedOnOnceMore(old, course, id);
            assertThat(old.find(course, id).state()).isEqualTo(JobState.WAITING);
            toItsNextTime(old, course, id);
            awaitState(old, course, id, JobState.DEAD);
            assertThat(old.find(course, id).cause()).contains("nobodys");
        }
    }

    /** Changes a job's row behind the engine's back. */
    private static void change(JobNode node, ContextId course, UUID id, String assignments) {
        long changed = JobNode.await(node.shards()
                .write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql("update job set " + assignments + " where id = :id")
                                .bind("id", id)
                                .fetch()
                                .rowsUpdated()));
        assertThat(changed).isOne();
    }

    /** As a crash of the database leaves a job whose beginning was not on the disk yet. */
    private static final String UNDONE = "state = 'published', lease_token = null, lease_until = null,"
            + " attempt = attempt - 1, started_at = null";

    @Test
    void aBeginningThatIsUndoneBeforeTheAttemptEndsIsRunAgainAndItsEffectHappensOnce() {
        CountDownLatch gate = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        // Only the end of the attempt finds out that its lease is gone.
        Map<String, Object> seldom = Map.of("lectern.jobs.beat", "60s", "lectern.jobs.lease", "180s");
        try (JobNode node = node(with(seldom, "lectern.jobs.housekeeping", "200ms"), "undone", run -> {
            runs.incrementAndGet();
            assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
            return mark(run);
        })) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "undone", Lane.STANDARD, 0);
            soon().until(() -> runs.get() == 1);
            change(node, course, id, UNDONE);
            gate.countDown();
            soon().until(() -> node.bean(JobWorker.class).lane(Lane.STANDARD).running() == 0);
            assertThat(effects(node, course, id)).as("without the lease").isZero();
            clock.advance(Duration.ofSeconds(61));
            awaitState(node, course, id, JobState.DONE);
            assertThat(runs).hasValue(2);
            assertThat(node.find(course, id).attempt()).isOne();
            assertThat(effects(node, course, id)).isOne();
        }
    }

    @Test
    void aBeginningThatIsUndoneWhileTheAttemptGoesOnIsNotLostWithACopyOfItsMessage() throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        AtomicInteger runs = new AtomicInteger();
        Script deafAtFirst = run -> {
            if (runs.incrementAndGet() == 1) {
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException leaseLost) {
                    told.countDown();
                }
                assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
            }
            return mark(run);
        };
        try (JobNode node = node(Map.of(), "unheard", deafAtFirst);
                Connection connection = broker();
                Channel channel = connection.createChannel()) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "unheard", Lane.STANDARD, 0);
            soon().until(() -> runs.get() == 1);
            change(node, course, id, UNDONE);
            assertThat(told.await(60, TimeUnit.SECONDS)).isTrue();
            channel.basicPublish(
                    JobTopology.EXCHANGE,
                    "lectern.jobs.video.0",
                    null,
                    node.bean(JsonMapper.class)
                            .writeValueAsBytes(new JobTicket(course.value(), id, Lane.STANDARD, 0, 0)));
            awaitState(node, course, id, JobState.WAITING);
            gate.countDown();
            awaitState(node, course, id, JobState.DONE);
            assertThat(runs).hasValue(2);
            assertThat(node.find(course, id).attempt()).isOne();
            assertThat(effects(node, course, id)).isOne();
        }
    }

    @Test
    void whatWaitsOnAFullNodeIsRunByAnIdleOne() {
        CountDownLatch gate = new CountDownLatch(1);
        Script script = run -> {
            if (run.job().score() == 99) {
                assertThat(gate.await(90, TimeUnit.SECONDS)).isTrue();
            }
            return mark(run);
        };
        Map<String, Object> patient = with(oneWorker(), "lectern.jobs.lanes.standard.time-limit", "120s");
        try (JobNode full = node(patient, "shared", script)) {
            ContextId course = full.newCourse();
            UUID blocker = full.submit(course, "shared", Lane.STANDARD, 99);
            awaitState(full, course, blocker, JobState.RUNNING);
            UUID waits = full.submit(course, "shared", Lane.STANDARD, 0);
            soon().until(() ->
                    !full.bean(JobWorker.class).lane(Lane.STANDARD).held().isEmpty());
            try (JobNode idle = node(patient, "shared", script)) {
                awaitState(idle, course, waits, JobState.DONE);
                assertThat(full.find(course, blocker).state()).isEqualTo(JobState.RUNNING);
                assertThat(full.bean(MeterRegistry.class)
                                .get("lectern.jobs.left")
                                .counter()
                                .count())
                        .isPositive();
                gate.countDown();
                awaitState(full, course, blocker, JobState.DONE);
                assertThat(effects(full, course, waits)).isOne();
            }
        }
    }

    private static JobTicket ticket(ContextId course, UUID id) {
        return new JobTicket(course.value(), id, Lane.HIGH, 0, 0);
    }

    private static double leasesWaiting(JobNode node) {
        return node.bean(MeterRegistry.class)
                .get(JobLeases.WAITING)
                .tag("for", "lease")
                .gauge()
                .value();
    }

    /** Holds a lock on a course's shard until it is released. */
    private static CompletableFuture<?> hold(JobNode node, ContextId course, String lock, Sinks.Empty<Boolean> released)
            throws InterruptedException {
        CountDownLatch locked = new CountDownLatch(1);
        CompletableFuture<?> held = node.shards()
                .writeOn(
                        node.shards().physicalShardOf(course),
                        sql -> sql.sql(lock)
                                .then()
                                .then(Mono.<Boolean>fromRunnable(locked::countDown))
                                .then(released.asMono()))
                .toFuture();
        assertThat(locked.await(30, TimeUnit.SECONDS)).isTrue();
        return held;
    }

    /** Asks for a lease on a thread of its own; what comes of it, or goes wrong, is noted. */
    private static Thread taking(JobNode node, ContextId course, UUID id, List<Object> answers) {
        UUID token = node.newCourse().value();
        return Thread.ofVirtual().start(() -> {
            try {
                answers.add(node.bean(JobLeases.class).take(ticket(course, id), token));
            } catch (RuntimeException problem) {
                answers.add(problem);
            }
        });
    }

    @Test
    void aBeginningThatIsGivenUpIsNotWrittenOrIsHandedBack() throws Exception {
        try (JobNode node = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            ContextId course = node.newCourse();
            UUID underWay = node.submit(course, "given-up", Lane.HIGH, 0);
            UUID queued = node.submit(course, "given-up", Lane.HIGH, 0);
            UUID later = node.submit(course, "given-up", Lane.HIGH, 0);
            Sinks.Empty<Boolean> released = Sinks.empty();
            var table = hold(node, course, "lock table job in share mode", released);
            List<Object> answers = Collections.synchronizedList(new ArrayList<>());
            Thread first = taking(node, course, underWay, answers);
            soon().until(() -> first.getState() == Thread.State.TIMED_WAITING);
            Thread second = taking(node, course, queued, answers);
            soon().until(() -> leasesWaiting(node) == 1);
            for (Thread taker : List.of(first, second)) {
                taker.interrupt();
                assertThat(taker.join(JobNode.PATIENCE)).isTrue();
            }
            assertThat(answers).hasSize(2).allMatch(IllegalStateException.class::isInstance);
            released.tryEmitEmpty();
            assertThat(table).succeedsWithin(JobNode.PATIENCE);
            JobLeases leases = node.bean(JobLeases.class);
            JobLeases.Leased taken =
                    leases.take(ticket(course, later), node.newCourse().value()).orElseThrow();
            soon().until(() -> !node.find(course, underWay).history().isEmpty());
            Job handedBack = node.find(course, underWay);
            assertThat(handedBack.state()).isEqualTo(JobState.WAITING);
            assertThat(handedBack.attempt()).isZero();
            assertThat(handedBack.history())
                    .extracting(Job.PastAttempt::outcome)
                    .containsExactly("handed_back");
            Job leftOut = node.find(course, queued);
            assertThat(leftOut.state()).isEqualTo(JobState.WAITING);
            assertThat(leftOut.attempt()).isZero();
            assertThat(leftOut.history()).isEmpty();
            leases.cancelled(taken, JobLeases.Tell.NOBODY, JobLeases.By.HOLDER);
            JobNode.await(node.jobs().cancel(course, underWay));
            JobNode.await(node.jobs().cancel(course, queued));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aLockedRowHoldsUpItsOwnJobAndNotTheOthersOfItsBatch(boolean beginningIsLocked) throws Exception {
        Map<String, Object> hasty = Map.of("lectern.roles", "web", "lectern.db.statement-timeout", "3s");
        // The holder of the lock is a node of its own, whose transactions may take longer.
        Map<String, Object> patient = Map.of("lectern.roles", "web");
        try (JobNode holder = JobNode.start(servers, patient, clock, List.of());
                JobNode node = JobNode.start(servers, hasty, clock, List.of())) {
            JobLeases leases = node.bean(JobLeases.class);
            ContextId course = node.newCourse();
            List<JobLeases.Leased> ending = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                UUID id = node.submit(course, "locked", Lane.HIGH, 0);
                ending.add(leases.take(ticket(course, id), node.newCourse().value())
                        .orElseThrow());
            }
            UUID leading = node.submit(course, "locked", Lane.HIGH, 0);
            UUID beginning = node.submit(course, "locked", Lane.HIGH, 0);
            UUID locked = beginningIsLocked ? beginning : ending.getLast().job().id();
            Sinks.Empty<Boolean> rowReleased = Sinks.empty();
            var row = hold(holder, course, "select 1 from job where id = '" + locked + "' for update", rowReleased);
            Sinks.Empty<Boolean> tableReleased = Sinks.empty();
            var table = hold(node, course, "lock table job in share mode", tableReleased);
            List<Object> answers = Collections.synchronizedList(new ArrayList<>());
            Thread leader = taking(node, course, leading, answers);
            soon().until(() -> leader.getState() == Thread.State.TIMED_WAITING);
            for (JobLeases.Leased one : ending) {
                Thread.ofVirtual().start(() -> {
                    try {
                        answers.add(leases.done(one, JobHandler.Effect.NONE));
                    } catch (RuntimeException problem) {
                        answers.add(problem);
                    }
                });
            }
            Thread beginner = taking(node, course, beginning, answers);
            soon().until(() -> leasesWaiting(node) == 3);
            tableReleased.tryEmitEmpty();
            assertThat(table).succeedsWithin(JobNode.PATIENCE);
            awaitState(node, course, ending.getFirst().job().id(), JobState.DONE);
            if (beginningIsLocked) {
                awaitState(node, course, ending.getLast().job().id(), JobState.DONE);
            } else {
                awaitState(node, course, beginning, JobState.RUNNING);
            }
            assertThat(row).as("all this while the row is locked").isNotDone();
            rowReleased.tryEmitEmpty();
            assertThat(row).succeedsWithin(JobNode.PATIENCE);
            assertThat(beginner.join(JobNode.PATIENCE)).isTrue();
            for (UUID id : List.of(leading, beginning, ending.getLast().job().id())) {
                JobNode.await(node.jobs().cancel(course, id));
            }
        }
    }

    @Test
    void aJobGoesToTheQueueWithTheLeastWorkInFrontOfItAsTheBrokerCounts() throws Exception {
        try (JobNode node = node(Map.of(), "choice", JobEngineIT::mark);
                Connection connection = broker();
                Channel channel = connection.createChannel()) {
            JobTopology topology = node.bean(JobBroker.class).topology();
            List<String> queues = topology.queues(JobType.VIDEO);
            for (String queue : queues) {
                soon().until(() -> channel.consumerCount(queue) == 1);
            }
            // Nobody takes what is published, so that the broker's counts stand still.
            node.bean(QueueConsumers.class).stop();
            for (String queue : queues) {
                soon().until(() -> channel.consumerCount(queue) == 0);
            }
            int deep = 20;
            for (String queue : queues.subList(0, 2)) {
                for (int i = 0; i < deep; i++) {
                    channel.basicPublish("", queue, null, new byte[0]);
                }
                soon().until(() -> channel.messageCount(queue) == deep);
            }
            clock.advance(Duration.ofSeconds(2));
            Map<UUID, ContextId> jobs = new HashMap<>();
            for (int i = 0; i < 6; i++) {
                ContextId course = node.newCourse();
                jobs.put(node.submit(course, "choice", Lane.STANDARD, 0), course);
            }
            soon().until(() -> channel.messageCount(queues.get(2)) == 6);
            // The deep queues are quick and the short one is slow: now there is less work in the deep ones.
            QueueTimes times = node.bean(QueueTimes.class);
            times.took(queues.get(0), Duration.ofMillis(10));
            times.took(queues.get(1), Duration.ofMillis(10));
            times.took(queues.get(2), Duration.ofSeconds(10));
            clock.advance(Duration.ofSeconds(2));
            for (int i = 0; i < 4; i++) {
                ContextId course = node.newCourse();
                jobs.put(node.submit(course, "choice", Lane.STANDARD, 0), course);
            }
            soon().until(() ->
                    channel.messageCount(queues.get(0)) + channel.messageCount(queues.get(1)) == 2 * deep + 4);
            assertThat(channel.messageCount(queues.get(2))).isEqualTo(6);
            for (String queue : queues) {
                channel.queuePurge(queue);
            }
            try (JobNode other = node(
                    Map.of("lectern.jobs.resend-after", "1s", "lectern.jobs.housekeeping", "200ms"),
                    "choice",
                    JobEngineIT::mark)) {
                clock.advance(Duration.ofSeconds(2));
                jobs.forEach((id, course) -> awaitState(other, course, id, JobState.DONE));
            }
        }
    }

    @Test
    void consumersGrowUnderABacklogAndShrinkAfterItAsTheBrokerCountsThem() throws Exception {
        CountDownLatch gate = new CountDownLatch(1);
        Map<String, Object> properties = with(oneWorker(), "lectern.jobs.max-consumers", 3);
        properties.put("lectern.jobs.lanes.standard.max-workers", 4);
        properties.put("lectern.jobs.housekeeping", "200ms");
        try (JobNode node = node(properties, "deep", run -> {
                    assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
                    return JobHandler.Effect.NONE;
                });
                Connection connection = broker();
                Channel channel = connection.createChannel()) {
            ContextId course = node.newCourse();
            List<UUID> jobs = new ArrayList<>();
            for (int i = 0; i < 120; i++) {
                jobs.add(node.submit(course, "deep", Lane.STANDARD, 0));
            }
            for (String queue : node.bean(JobBroker.class).topology().queues(JobType.VIDEO)) {
                soon().until(() -> channel.consumerCount(queue) == 3);
            }
            soon().until(() -> node.bean(JobWorker.class).lane(Lane.STANDARD).size() == 4);
            gate.countDown();
            awaitState(node, course, jobs.getLast(), JobState.DONE);
            for (String queue : node.bean(JobBroker.class).topology().queues(JobType.VIDEO)) {
                soon().until(() -> channel.consumerCount(queue) == 1);
            }
            soon().until(() -> node.bean(JobWorker.class).lane(Lane.STANDARD).size() == 1);
            // What the control plane asks for holds without a backlog, and is counted by the broker too.
            Actuator actuator = node.bean(JobConsumers.class);
            assertThat(JobNode.await(actuator.scale("video", 2))).isEqualTo(2);
            for (String queue : node.bean(JobBroker.class).topology().queues(JobType.VIDEO)) {
                assertThat(channel.consumerCount(queue)).isEqualTo(2);
            }
            soon().until(() -> node.bean(JobWorker.class).lane(Lane.STANDARD).size() == 2);
            assertThat(JobNode.await(actuator.scale("video", 99))).isEqualTo(3);
            assertThat(JobNode.await(actuator.scale("video", 1))).isOne();
            assertThatThrownBy(() -> JobNode.await(actuator.scale("mail", 2)))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void listsAreFilteredAndPagedOverAllShards() {
        try (JobNode node = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            ContextId course = node.newCourse();
            Instant before = clock.instant();
            List<UUID> mine = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                mine.addFirst(node.submit(course, "listed", i == 0 ? Lane.BATCH : Lane.HIGH, 0));
                node.submit(node.newCourse(), "listed", Lane.TRANSCODE, 0);
            }
            assertThat(list(node, new Jobs.Query(JobState.WAITING, null, null, course, null, null, 3)))
                    .containsExactlyElementsOf(mine.subList(0, 3));
            assertThat(list(node, new Jobs.Query(null, null, null, course, null, mine.get(2), 3)))
                    .containsExactlyElementsOf(mine.subList(3, 5));
            assertThat(list(node, new Jobs.Query(null, null, Lane.BATCH, course, null, null, 3)))
                    .containsExactly(mine.getLast());
            assertThat(list(node, new Jobs.Query(null, JobType.ANALYTICS, null, course, null, null, 3)))
                    .isEmpty();
            assertThat(list(node, new Jobs.Query(null, null, Lane.TRANSCODE, null, before, null, 200)))
                    .hasSize(5);
            assertThat(list(node, new Jobs.Query(null, null, null, course, clock.instant(), null, 200)))
                    .isEmpty();
            mine.forEach(id -> JobNode.await(node.jobs().cancel(course, id)));
            list(node, new Jobs.Query(null, null, Lane.TRANSCODE, null, before, null, 200));
        }
    }

    private static List<UUID> list(JobNode node, Jobs.Query query) {
        return JobNode.await(node.jobs().list(query)).items().stream()
                .map(Job::id)
                .toList();
    }

    @Test
    void aNodeThatStopsHandsBackWhatItHasNotFinished() {
        AtomicInteger runs = new AtomicInteger();
        Script stuckAtFirst = run -> {
            if (runs.incrementAndGet() == 1) {
                new CountDownLatch(1).await();
            }
            return mark(run);
        };
        ContextId course;
        UUID id;
        try (JobNode node = node(Map.of("lectern.jobs.stop-grace", "200ms"), "moving", stuckAtFirst)) {
            course = node.newCourse();
            id = node.submit(course, "moving", Lane.HIGH, 0);
            ContextId here = course;
            soon().until(() -> node.find(here, id).state() == JobState.RUNNING);
        }
        try (JobNode node = node(Map.of(), "moving", stuckAtFirst)) {
            awaitState(node, course, id, JobState.DONE);
            assertThat(node.find(course, id).attempt())
                    .as("the first attempt does not count")
                    .isOne();
            assertThat(effects(node, course, id)).isOne();
        }
    }

    @Test
    void aWorkerThatLostItsLeaseWritesNothing() {
        try (JobNode asker = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            ContextId course = asker.newCourse();
            UUID id = asker.submit(course, "orphan", Lane.HIGH, 0);
            JobLeases dead = asker.bean(JobLeases.class);
            var leased = dead.take(
                            new JobTicket(course.value(), id, Lane.HIGH, 0, 0),
                            UUID.fromString("00000000-0000-4000-8000-000000000001"))
                    .orElseThrow();
            try (JobNode node = node(Map.of(), "orphan", JobEngineIT::mark)) {
                clock.advance(Duration.ofSeconds(40));
                awaitState(node, course, id, JobState.WAITING);
                Job lost = node.find(course, id);
                assertThat(lost.runAt())
                        .as("a lost worker is an attempt like any other")
                        .isAfter(clock.instant());
                assertThat(lost.history()).singleElement().satisfies(attempt -> {
                    assertThat(attempt.attempt()).isOne();
                    assertThat(attempt.outcome()).isEqualTo("lost");
                    assertThat(attempt.cause()).contains("no sign of life");
                });
                clock.advance(Duration.ofSeconds(130));
                awaitState(node, course, id, JobState.DONE);
                assertThat(node.find(course, id).attempt()).isEqualTo(2);
                assertThat(dead.done(
                                leased,
                                transaction -> transaction
                                        .sql()
                                        .sql("insert into test_effect (id) values (:id)")
                                        .bind("id", id)
                                        .then()))
                        .isFalse();
                assertThat(effects(node, course, id)).isOne();
            }
        }
    }

    @Test
    void onlyALeaseThatIsOverCanBeTakenAway() {
        try (JobNode node = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            ContextId course = node.newCourse();
            UUID id = node.submit(course, "renewed", Lane.HIGH, 0);
            JobLeases leases = node.bean(JobLeases.class);
            var leased = leases.take(
                            new JobTicket(course.value(), id, Lane.HIGH, 0, 0),
                            node.newCourse().value())
                    .orElseThrow();
            assertThat(leases.lost(leased, Duration.ZERO, "lost")).isFalse();
            assertThat(leases.dead(leased, "lost", JobLeases.Tell.OWNER, JobLeases.By.REAPER))
                    .isFalse();
            assertThat(leases.cancelled(leased, JobLeases.Tell.OWNER, JobLeases.By.REAPER))
                    .isFalse();
            assertThat(node.find(course, id).state()).isEqualTo(JobState.RUNNING);
            clock.advance(Duration.ofSeconds(31));
            assertThat(leases.cancelled(leased, JobLeases.Tell.OWNER, JobLeases.By.REAPER))
                    .isTrue();
        }
    }

    @Test
    void jobsAskedForAloneShareCommitsAndEachIsDoneOnce() {
        List<ContextId> courses = new ArrayList<>();
        List<UUID> ids = new ArrayList<>();
        try (JobNode asker = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            for (int i = 0; i < 200; i++) {
                courses.add(asker.newCourse());
                ids.add(asker.newCourse().value());
            }
            List<PhysicalShardId> everywhere = asker.shards().physicalShards();
            AtomicInteger locked = new AtomicInteger();
            Sinks.Empty<Boolean> released = Sinks.empty();
            var locks = Flux.fromIterable(everywhere)
                    .flatMap(shard -> asker.shards()
                            .writeOn(
                                    shard,
                                    sql -> sql.sql("lock table job in share mode")
                                            .then()
                                            .then(Mono.fromCallable(locked::incrementAndGet))
                                            .then(released.asMono())))
                    .then()
                    .toFuture();
            await().untilAsserted(() -> assertThat(locked).hasValue(everywhere.size()));
            // Each twice: the second one finds the first.
            var asked = Flux.range(0, 400)
                    .flatMap(
                            i -> asker.jobs()
                                    .submit(
                                            courses.get(i % 200),
                                            JobNode.request(ids.get(i % 200), "alone", Lane.HIGH, 0)),
                            400)
                    .then()
                    .toFuture();
            // The first of each shard waits for the lock, and all others for the first.
            await().until(() -> asker.bean(MeterRegistry.class)
                            .get(JobLeases.WAITING)
                            .tag("for", "ask")
                            .gauge()
                            .value()
                    == 400 - everywhere.size());
            released.tryEmitEmpty();
            assertThat(locks).succeedsWithin(JobNode.PATIENCE);
            assertThat(asked).succeedsWithin(JobNode.PATIENCE);
            long commits = 0;
            for (PhysicalShardId shard : everywhere) {
                commits += JobNode.await(asker.shards()
                        .readOn(
                                shard,
                                Freshness.PRIMARY,
                                sql -> sql.sql("select count(distinct xmin::text) from job where kind = 'alone'")
                                        .mapValue(Long.class)
                                        .one())
                        .next());
            }
            // The first of each shard, then a few for the rest of each: at most 128 jobs share one.
            assertThat(commits).isBetween((long) everywhere.size(), 2L * everywhere.size() + 400 / 128);
        }
        try (JobNode node = node(Map.of(), "alone", JobEngineIT::mark)) {
            for (int i = 0; i < 200; i++) {
                awaitState(node, courses.get(i), ids.get(i), JobState.DONE);
                assertThat(effects(node, courses.get(i), ids.get(i))).isOne();
            }
        }
    }

    @Test
    void aBeatWhereTheCourseNoLongerIsRenewsNothing() {
        try (JobNode node = JobNode.start(servers, Map.of("lectern.roles", "web"), clock, List.of())) {
            ContextId course = node.newCourse();
            JobLeases leases = node.bean(JobLeases.class);
            List<JobLeases.Leased> taken = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                UUID id = node.submit(course, "moved", Lane.HIGH, 0);
                // Least time left last, so that neither id nor age is the order of their ends.
                clock.advance(Duration.ofSeconds(1));
                taken.addFirst(leases.take(
                                new JobTicket(course.value(), id, Lane.HIGH, 0, 0),
                                node.newCourse().value())
                        .orElseThrow());
            }
            var renewed = taken.getLast();
            clock.advance(Duration.ofSeconds(1));
            var pulse = new JobLeases.Pulse(renewed, JobRun.Progress.NONE, null);
            Instant before = leaseOf(node, course, renewed.job().id());
            owned(node, course, false);
            try {
                assertThat(leases.beat(List.of(pulse)).held()).isEmpty();
                // Where it is now cannot be said yet: it may be held still.
                assertThat(leases.beatEach(List.of(pulse)).unknown())
                        .containsExactly(renewed.job().id());
                assertThat(leaseOf(node, course, renewed.job().id())).isEqualTo(before);
            } finally {
                owned(node, course, true);
            }
            assertThat(leases.beatEach(List.of(pulse)).held())
                    .containsKey(renewed.job().id());
            assertThat(leaseOf(node, course, renewed.job().id())).isAfter(before);
            clock.advance(Duration.ofSeconds(40));
            List<UUID> lost = node.bean(JobStore.class).expired(Set.of(JobType.VIDEO), Duration.ofSeconds(30)).stream()
                    .map(expired -> expired.job().id())
                    .filter(id -> taken.stream().anyMatch(one -> one.job().id().equals(id)))
                    .toList();
            assertThat(lost)
                    .as("the one that was lost first is ended first")
                    .containsExactly(
                            taken.get(1).job().id(),
                            taken.get(0).job().id(),
                            renewed.job().id());
            taken.forEach(one -> leases.cancelled(one, JobLeases.Tell.NOBODY, JobLeases.By.REAPER));
        }
    }

    private static void owned(JobNode node, ContextId course, boolean owned) {
        JobNode.await(node.shards()
                .writeOn(
                        node.shards().physicalShardOf(course),
                        sql -> sql.sql("update shard_epoch set owned = :owned where logical_shard = :shard")
                                .bind("owned", owned)
                                .bind("shard", node.shards().logicalShardOf(course))
                                .fetch()
                                .rowsUpdated()));
    }

    /** Where a job's lease ends. */
    private static Instant leaseOf(JobNode node, ContextId course, UUID id) {
        return JobNode.await(node.shards()
                        .readOn(
                                node.shards().physicalShardOf(course),
                                Freshness.PRIMARY,
                                sql -> sql.sql("select lease_until from job where id = :id")
                                        .bind("id", id)
                                        .mapValue(OffsetDateTime.class)
                                        .one())
                        .next())
                .toInstant();
    }

    private static ContextId courseOn(JobNode node, int shard) {
        ContextId course = node.newCourse();
        while (node.shards().physicalShardOf(course).value() != shard) {
            course = node.newCourse();
        }
        return course;
    }

    /** The node's settings with its first shard on the other server, the second beside the directory. */
    private static Map<String, String> withFirstShardOn(PostgresCluster other) throws Exception {
        String password = Objects.requireNonNull(servers.get("lectern.db.password"));
        for (PostgresCluster cluster : List.of(services.postgres().orElseThrow(), other)) {
            try (var connection = cluster.primary().connect("postgres");
                    var statement = connection.createStatement()) {
                statement.execute("create role node superuser login password '" + password + "'");
                for (String database : List.of("divided_directory", "divided_shard_0", "divided_shard_1")) {
                    statement.execute("create database " + database);
                }
            }
        }
        Map<String, String> both = new HashMap<>(servers);
        both.keySet().removeIf(name -> name.startsWith("lectern.db.servers[0].replicas"));
        both.put("lectern.db.username", "node");
        both.put("lectern.db.servers[1].name", "other");
        both.put("lectern.db.servers[1].primary", other.primary().address());
        both.put("lectern.db.directory.database", "divided_directory");
        both.put("lectern.db.shards[0].server", "other");
        both.put("lectern.db.shards[0].database", "divided_shard_0");
        both.put("lectern.db.shards[1].server", "main");
        both.put("lectern.db.shards[1].database", "divided_shard_1");
        return both;
    }

    @Test
    void aShardThatIsDownHoldsUpItsOwnJobsOnlyAndKeepsThem() throws Exception {
        CountDownLatch here = new CountDownLatch(1);
        CountDownLatch there = new CountDownLatch(1);
        Script script = run -> {
            if (run.job().score() > 0) {
                assertThat((run.job().score() == 1 ? here : there).await(120, TimeUnit.SECONDS))
                        .isTrue();
            }
            return JobHandler.Effect.NONE;
        };
        try (PostgresCluster other = PostgresCluster.start(PostgresCluster.Settings.in(directory.resolve("other")));
                JobNode node = JobNode.start(
                        withFirstShardOn(other), Map.of(), clock, List.of(new Scripted("divided", script)))) {
            ContextId up = courseOn(node, 1);
            ContextId down = courseOn(node, 0);
            UUID longHere = node.submit(up, "divided", Lane.BATCH, 1);
            UUID longThere = node.submit(down, "divided", Lane.BATCH, 2);
            awaitState(node, up, longHere, JobState.RUNNING);
            awaitState(node, down, longThere, JobState.RUNNING);
            other.primary().kill();
            UUID next = node.submit(up, "divided", Lane.STANDARD, 0);
            awaitState(node, up, next, JobState.DONE);
            Instant before = leaseOf(node, up, longHere);
            soon().until(() -> leaseOf(node, up, longHere).isAfter(before));
            here.countDown();
            awaitState(node, up, longHere, JobState.DONE);
            assertThat(node.find(up, longHere).attempt()).isOne();
            // Longer than a lease: when the shard is back, its running job looks as if it had lost its worker.
            clock.advance(Duration.ofSeconds(40));
            other.primary().start();
            soon().ignoreExceptions().until(() -> leaseOf(node, down, longThere).isAfter(clock.instant()));
            there.countDown();
            soon().ignoreExceptions().until(() -> node.find(down, longThere).state() == JobState.DONE);
            assertThat(node.find(down, longThere).attempt()).isOne();
            assertThat(node.find(down, longThere).history()).isEmpty();
        }
    }
}
