package org.lectern.infra.latency;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Keeps one histogram per course and hour in memory and adds them to the shards every few seconds.
 *
 * <p>A flush takes the whole map and puts an empty one in its place. A thread that had looked up a histogram just
 * before may still count into it after it was written: that one measurement is lost, which a measurement may be. What
 * could not be written is put back and tried again with the next flush; past the bound it is dropped, and counted.
 */
@Component
final class ShardResponseTimes implements ResponseTimes, SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(ShardResponseTimes.class);

    private static final Duration WRITE_TIME = Duration.ofSeconds(5);
    private static final int WRITES_AT_ONCE = 4;

    private static final String ADD = """
            insert into response_hour (context_id, hour, bucket, logical_shard, responses)
            select :context, :hour, b.bucket, :logicalShard, b.responses
            from unnest(:buckets::smallint[], :responses::bigint[]) as b (bucket, responses)
            on conflict (context_id, hour, bucket)
            do update set responses = response_hour.responses + excluded.responses
            """;

    private final Shards shards;
    private final Clock clock;
    private final LatencySettings settings;
    private final Counter dropped;
    private volatile Map<CourseHour, AtomicLongArray> unwritten = new ConcurrentHashMap<>();
    private @Nullable Disposable flushing;

    ShardResponseTimes(Shards shards, Clock clock, LatencySettings settings, MeterRegistry meters) {
        this.shards = shards;
        this.clock = clock;
        this.settings = settings;
        this.dropped = Counter.builder("lectern.latency.dropped")
                .description("Response times that were measured but not kept")
                .register(meters);
    }

    private record CourseHour(ContextId context, Instant hour) {}

    @Override
    public void record(ContextId context, Duration elapsed) {
        var key = new CourseHour(context, clock.instant().truncatedTo(ChronoUnit.HOURS));
        Map<CourseHour, AtomicLongArray> map = unwritten;
        AtomicLongArray histogram = map.get(key);
        if (histogram == null) {
            if (map.size() >= settings.maxCourses()) {
                dropped.increment();
                return;
            }
            histogram = map.computeIfAbsent(key, unseen -> new AtomicLongArray(LogBuckets.COUNT));
        }
        histogram.incrementAndGet(LogBuckets.bucketOf(elapsed));
    }

    /** Writes what has been measured so far; never fails. */
    Mono<Void> flush() {
        Map<CourseHour, AtomicLongArray> taken = unwritten;
        if (taken.isEmpty()) {
            return Mono.empty();
        }
        unwritten = new ConcurrentHashMap<>();
        return Flux.fromIterable(taken.entrySet())
                .flatMap(
                        entry -> write(entry.getKey(), entry.getValue())
                                .timeout(WRITE_TIME)
                                .onErrorResume(error -> {
                                    log.warn("Response times not written, kept for later: {}", error.toString());
                                    putBack(entry.getKey(), entry.getValue());
                                    return Mono.empty();
                                }),
                        WRITES_AT_ONCE)
                .then();
    }

    private Mono<Void> write(CourseHour key, AtomicLongArray histogram) {
        List<Short> buckets = new ArrayList<>();
        List<Long> responses = new ArrayList<>();
        for (int bucket = 0; bucket < LogBuckets.COUNT; bucket++) {
            long count = histogram.get(bucket);
            if (count > 0) {
                buckets.add((short) bucket);
                responses.add(count);
            }
        }
        return shards.write(
                        key.context(),
                        transaction -> transaction
                                .sql()
                                .sql(ADD)
                                .bind("context", key.context().value())
                                .bind("hour", OffsetDateTime.ofInstant(key.hour(), ZoneOffset.UTC))
                                .bind("logicalShard", (short) transaction.logicalShard())
                                .bind("buckets", buckets.toArray(Short[]::new))
                                .bind("responses", responses.toArray(Long[]::new))
                                .fetch()
                                .rowsUpdated())
                .then();
    }

    private void putBack(CourseHour key, AtomicLongArray histogram) {
        Map<CourseHour, AtomicLongArray> map = unwritten;
        if (map.size() >= settings.maxCourses()) {
            dropped.increment();
            return;
        }
        AtomicLongArray target = map.computeIfAbsent(key, unseen -> new AtomicLongArray(LogBuckets.COUNT));
        for (int bucket = 0; bucket < LogBuckets.COUNT; bucket++) {
            target.addAndGet(bucket, histogram.get(bucket));
        }
    }

    @Override
    public void start() {
        flushing = Flux.interval(settings.flushInterval())
                .onBackpressureDrop()
                .concatMap(tick -> flush(), 0)
                .subscribe();
    }

    @Override
    public void stop() {
        stop(() -> {});
    }

    @Override
    public void stop(Runnable stopped) {
        if (flushing != null) {
            flushing.dispose();
            flushing = null;
        }
        flush().doFinally(signal -> stopped.run()).subscribe();
    }

    @Override
    public boolean isRunning() {
        return flushing != null;
    }
}
