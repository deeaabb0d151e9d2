package org.lectern.infra.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.Freshness;
import org.lectern.db.embedded.PostgresServer;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.lectern.infra.embedded.RabbitServer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.util.FileSystemUtils;

/**
 * Everything that takes part in a job is killed while jobs are under way: those who ask, those who relay and work, the
 * broker with all its data, the database. Each job whose commit was confirmed leaves its effect, and leaves it once.
 *
 * <p>{@code -Dlectern.fault.jobs=10000} is the long form.
 */
@Tag("fault")
class JobFaultIT {

    private static final Logger log = LoggerFactory.getLogger(JobFaultIT.class);

    private static final int JOBS = Integer.getInteger("lectern.fault.jobs", 200);
    private static final Duration PATIENCE = Duration.ofMinutes(3).plusMillis(50L * JOBS);

    @TempDir
    Path directory;

    private final Set<UUID> confirmed = ConcurrentHashMap.newKeySet();

    /** As seen by one look over all shards. */
    private record Count(long jobs, long done, long effects, long distinct) {
        private Count plus(Count other) {
            return new Count(jobs + other.jobs, done + other.done, effects + other.effects, distinct + other.distinct);
        }
    }

    private static Count count(JobNode node) {
        return node.shards().physicalShards().stream()
                .map(shard -> node.shards()
                        .readOn(
                                shard,
                                Freshness.PRIMARY,
                                sql -> sql.sql("""
                                                select (select count(*) from job) as jobs,
                                                    (select count(*) from job where state = 'done') as done,
                                                    (select count(*) from test_effect) as effects,
                                                    (select count(distinct id) from test_effect) as ids
                                                """)
                                        .map(row -> new Count(
                                                JobRows.get(row, "jobs", Long.class),
                                                JobRows.get(row, "done", Long.class),
                                                JobRows.get(row, "effects", Long.class),
                                                JobRows.get(row, "ids", Long.class)))
                                        .one())
                        .blockFirst(Duration.ofSeconds(10)))
                .reduce(new Count(0, 0, 0, 0), Count::plus);
    }

    /** Waits until about this share of all jobs is done, so that the next fault strikes in the middle of work. */
    private static void awaitDone(JobNode node, double share) {
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .until(() -> count(node).done() >= share * JOBS);
    }

    @Test
    void whateverIsKilledEachConfirmedJobHasItsEffectOnce() throws Exception {
        // Stays for who looks into a failure.
        Path logs = Files.createDirectories(Path.of("target")).resolve("fault-nodes.log");
        Files.deleteIfExists(logs);
        try (EmbeddedServices services = EmbeddedServices.start(EmbeddedServices.Settings.in(directory)
                        .only(EmbeddedService.POSTGRESQL, EmbeddedService.RABBITMQ));
                JobNode eye = JobNode.start(
                        services.properties(), Map.of("lectern.roles", "web"), Clock.systemUTC(), List.of())) {
            for (var shard : eye.shards().physicalShards()) {
                JobNode.await(eye.shards()
                        .writeOn(
                                shard,
                                sql -> sql.sql("create table test_effect (id uuid not null)")
                                        .fetch()
                                        .rowsUpdated()));
            }
            RabbitServer broker = services.rabbit().orElseThrow();
            PostgresServer database = services.postgres().orElseThrow().primary();
            Map<String, String> node = new HashMap<>(services.properties());
            node.put("lectern.jobs.lease", "5s");
            node.put("lectern.jobs.beat", "500ms");
            node.put("lectern.jobs.idle", "200ms");
            node.put("lectern.jobs.housekeeping", "500ms");
            node.put("lectern.jobs.resend-after", "4s");
            node.put("lectern.jobs.retry-unit", "20ms");
            // Here the faults are the nodes', never the jobs': none is to be unlucky too often, or to wait for long.
            node.put("lectern.jobs.attempts", "20");
            // So few that work is left for every fault.
            node.put("lectern.jobs.lanes.standard.workers", JOBS > 2000 ? "10" : "3");
            node.put("lectern.jobs.lanes.standard.max-workers", JOBS > 2000 ? "10" : "3");
            JobProcess first = JobProcess.worker(node, logs);
            JobProcess second = JobProcess.worker(node, logs);
            JobProcess publisher = JobProcess.publisher(node, JOBS, logs, confirmed::add);
            try {
                awaitDone(eye, 0.1);
                log.info("kill -9 of a node that relays and works");
                first.kill();
                first = JobProcess.worker(node, logs);
                await().atMost(PATIENCE).until(() -> confirmed.size() >= JOBS / 4);
                log.info("kill -9 of the node that asks, after {} jobs", confirmed.size());
                publisher.kill();
                publisher = JobProcess.publisher(node, JOBS - confirmed.size(), logs, confirmed::add);
                awaitDone(eye, 0.25);
                log.info("kill -9 of the broker, and its data with it");
                broker.kill();
                FileSystemUtils.deleteRecursively(directory.resolve("rabbitmq").resolve("data"));
                broker.start();
                awaitDone(eye, 0.4);
                log.info("kill -9 of the database");
                database.kill();
                database.start();
                awaitDone(eye, 0.6);
                log.info("kill -9 of both nodes that relay and work");
                second.kill();
                first.kill();
                first = JobProcess.worker(node, logs);
                second = JobProcess.worker(node, logs);
                awaitDone(eye, 0.8);
                log.info("kill -9 of the broker, which keeps its data");
                broker.kill();
                broker.start();
                await().atMost(PATIENCE).until(() -> confirmed.size() >= JOBS);
                await().atMost(PATIENCE).ignoreExceptions().untilAsserted(() -> {
                    Count count = count(eye);
                    assertThat(count.jobs()).isGreaterThanOrEqualTo(JOBS);
                    assertThat(count.done()).isEqualTo(count.jobs());
                });
                assertThat(first.alive() && second.alive()).isTrue();
                Count count = count(eye);
                log.info("{} of {} jobs confirmed to their publisher; {}", confirmed.size(), JOBS, count);
                assertThat(count.effects()).as("one effect each").isEqualTo(count.jobs());
                assertThat(count.distinct()).as("and no job twice").isEqualTo(count.jobs());
                assertThat(jobs(eye)).as("nothing confirmed is missing").containsAll(confirmed);
            } finally {
                first.close();
                second.close();
                publisher.close();
            }
        }
    }

    private static Set<UUID> jobs(JobNode node) {
        Set<UUID> ids = ConcurrentHashMap.newKeySet();
        for (var shard : node.shards().physicalShards()) {
            ids.addAll(node.shards()
                    .readOn(
                            shard,
                            Freshness.PRIMARY,
                            sql -> sql.sql("select id from test_effect")
                                    .mapValue(UUID.class)
                                    .all())
                    .collectList()
                    .blockOptional(Duration.ofSeconds(30))
                    .orElseThrow());
        }
        return ids;
    }
}
