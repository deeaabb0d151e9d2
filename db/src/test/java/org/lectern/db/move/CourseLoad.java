package org.lectern.db.move;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Mono;

/**
 * Courses of one logical shard that are written all the time: each write takes the next number of its room, inserts an
 * entry under it, changes a person, and makes or removes a video with a position in it. What was acknowledged is kept, to be
 * compared in the end.
 */
final class CourseLoad implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final OffsetDateTime AT =
            Instant.parse("2026-11-21T08:00:00.123456Z").atOffset(ZoneOffset.UTC);

    private final List<Shards> nodes;
    private final List<ContextId> courses;
    private final Map<ContextId, Set<Long>> acknowledged = new ConcurrentHashMap<>();
    private final AtomicLong twice = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private final AtomicLong refusals = new AtomicLong();
    private final AtomicLong longestNanos = new AtomicLong();
    private final ExecutorService writers;
    private volatile boolean stopped;

    /** Begins to write, through one node after another. */
    CourseLoad(List<Shards> nodes, int logical, int courses) {
        this.nodes = List.copyOf(nodes);
        this.courses = coursesOf(nodes.getFirst(), logical, courses);
        this.writers = Executors.newFixedThreadPool(courses);
        for (int number = 0; number < courses; number++) {
            ContextId course = this.courses.get(number);
            Shards node = nodes.get(number % nodes.size());
            writers.execute(() -> write(node, course));
        }
    }

    static List<ContextId> coursesOf(Shards shards, int logical, int count) {
        List<ContextId> found = new ArrayList<>();
        while (found.size() < count) {
            ContextId candidate = new ContextId(UUID.randomUUID());
            if (shards.logicalShardOf(candidate) == logical) {
                found.add(candidate);
            }
        }
        return found;
    }

    List<ContextId> courses() {
        return courses;
    }

    long writes() {
        return writes.get();
    }

    /** The longest that one write took since this was asked last, in milliseconds. */
    long longestMillis() {
        return TimeUnit.NANOSECONDS.toMillis(longestNanos.getAndSet(0));
    }

    /** Returns when some more writes have been acknowledged. */
    void awaitWrites(int more) {
        long until = writes.get() + more;
        org.awaitility.Awaitility.await()
                .pollInterval(Duration.ofMillis(5))
                .atMost(PATIENCE)
                .until(() -> writes.get() >= until);
    }

    /** Stops writing, and compares what lies where the courses are with what was acknowledged. */
    List<String> differences(PhysicalShardId expected) {
        close();
        List<String> differences = new ArrayList<>();
        if (twice.get() > 0) {
            differences.add(twice.get() + " numbers were given out twice");
        }
        for (ContextId course : courses) {
            Shards node = nodes.getFirst();
            if (!nodeOf(node, course).equals(expected)) {
                differences.add(course + " is on " + nodeOf(node, course));
            }
            List<Long> stored = node.read(
                            course,
                            Freshness.PRIMARY,
                            sql -> sql.sql("select seq from chat_entry where context_id = :context order by seq")
                                    .bind("context", course.value())
                                    .mapValue(Long.class)
                                    .all())
                    .collectList()
                    .blockOptional(PATIENCE)
                    .orElseThrow();
            Long head = node.read(
                            course,
                            Freshness.PRIMARY,
                            sql -> sql.sql("select head from chat_room where context_id = :context")
                                    .bind("context", course.value())
                                    .mapValue(Long.class)
                                    .one())
                    .blockLast(PATIENCE);
            if (!Objects.equals(head, (long) stored.size()) || !Objects.equals(head, stored.getLast())) {
                differences.add(
                        course + ": head " + head + ", " + stored.size() + " entries up to " + stored.getLast());
            }
            Set<Long> lost = new ConcurrentSkipListSet<>(of(course));
            stored.forEach(lost::remove);
            if (!lost.isEmpty()) {
                differences.add(course + ": acknowledged and lost: " + lost);
            }
        }
        return differences;
    }

    @Override
    public void close() {
        stopped = true;
        writers.shutdown();
        try {
            if (!writers.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new IllegalStateException("writers did not stop");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static PhysicalShardId nodeOf(Shards node, ContextId course) {
        // The answer of the database, not of the map that the node happens to know.
        String database = node.read(
                        course,
                        Freshness.PRIMARY,
                        sql -> sql.sql("select current_database()::text")
                                .mapValue(String.class)
                                .one())
                .blockLast(PATIENCE);
        return new PhysicalShardId(
                Integer.parseInt(Objects.requireNonNull(database).replace("lectern_shard_", "")));
    }

    private Set<Long> of(ContextId course) {
        return acknowledged.computeIfAbsent(course, missing -> new ConcurrentSkipListSet<>());
    }

    private void write(Shards node, ContextId course) {
        Set<Long> mine = of(course);
        while (!stopped) {
            long begin = System.nanoTime();
            try {
                Long number = node.write(course, transaction -> one(transaction, course))
                        .block(PATIENCE);
                if (!mine.add(Objects.requireNonNull(number))) {
                    twice.incrementAndGet();
                }
                writes.incrementAndGet();
                longestNanos.accumulateAndGet(System.nanoTime() - begin, Math::max);
            } catch (RuntimeException refused) {
                // While nobody owned it, or with an unknown end: the next number tells.
                refusals.incrementAndGet();
            }
        }
    }

    private static Mono<Long> one(ShardTransaction transaction, ContextId course) {
        DatabaseClient sql = transaction.sql();
        short logical = (short) transaction.logicalShard();
        return sql.sql("insert into chat_room (context_id, logical_shard, epoch, head, created_at)"
                        + " values (:context, :logical, 1, 1, :at)"
                        + " on conflict (context_id) do update set head = chat_room.head + 1 returning head")
                .bind("context", course.value())
                .bind("logical", logical)
                .bind("at", AT)
                .mapValue(Long.class)
                .one()
                .flatMap(number -> sql.sql(
                                "insert into chat_entry (context_id, seq, logical_shard, kind, client_id, user_id,"
                                        + " text, detail, at) values (:context, :seq, :logical, 'message', :client, :user,"
                                        + " :text, '{\"a\": [1, null]}', :at)")
                        .bind("context", course.value())
                        .bind("seq", number)
                        .bind("logical", logical)
                        .bind("client", "c" + number)
                        .bind("user", course.value())
                        .bind("text", "quote ' backslash \\ tab \t and \u00e9 " + number)
                        .bind("at", AT)
                        .then()
                        .then(sql.sql(
                                        "insert into member (context_id, user_id, logical_shard, roles, first_seen, last_seen)"
                                                + " values (:context, :user, :logical, array['a', 'b'], :at, :at)"
                                                + " on conflict (context_id, user_id) do update set section = :section")
                                .bind("context", course.value())
                                .bind("user", new UUID(0, number % 50))
                                .bind("logical", logical)
                                .bind("section", "s" + number)
                                .bind("at", AT)
                                .then())
                        .then(video(sql, course, logical, number))
                        .thenReturn(number));
    }

    private static Mono<Void> video(DatabaseClient sql, ContextId course, short logical, long number) {
        UUID id = new UUID(1, number % 20);
        if (number % 40 >= 20) {
            return sql.sql("delete from video where context_id = :context and id = :id")
                    .bind("context", course.value())
                    .bind("id", id)
                    .then();
        }
        return sql.sql("insert into video (context_id, id, logical_shard, uploader_id, title, filename, state,"
                        + " by_instructor, live, size_bytes, upload_metadata, upload_expires, created_at, updated_at)"
                        + " values (:context, :id, :logical, :id, 't', 'f', 'uploading', true, false, 1, '', :at, :at, :at)"
                        + " on conflict (context_id, id) do nothing")
                .bind("context", course.value())
                .bind("id", id)
                .bind("logical", logical)
                .bind("at", AT)
                .then()
                .then(sql.sql(
                                "insert into video_position (context_id, video_id, user_id, logical_shard, seconds, updated_at)"
                                        + " values (:context, :id, :id, :logical, :seconds, :at)"
                                        + " on conflict (context_id, video_id, user_id) do update set seconds = excluded.seconds")
                        .bind("context", course.value())
                        .bind("id", id)
                        .bind("logical", logical)
                        .bind("seconds", number / 3.0)
                        .bind("at", AT)
                        .then());
    }
}
