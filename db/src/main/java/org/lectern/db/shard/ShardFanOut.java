package org.lectern.db.shard;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Asks physical shards at once (row D5): at most eight at a time, each with a deadline, merged in order. A shard that
 * fails or is late is missing from the answer, and the answer says so. Thread-safe and non-blocking.
 */
@Component
public class ShardFanOut {

    private static final Logger log = LoggerFactory.getLogger(ShardFanOut.class);
    private static final int CONCURRENCY = 8;

    /** How often a read follows courses that move, with growing pauses, for as long as a switch may take. */
    private static final int MOVES = 6;

    private static final Duration PAUSE = Duration.ofMillis(20);

    private final Shards shards;

    /** Asks the given shards. */
    public ShardFanOut(Shards shards) {
        this.shards = shards;
    }

    /**
     * What the shards answered.
     *
     * @param items the first of all answers in order, at most as many as asked for
     * @param missing the shards that did not answer; empty when the answer is whole
     */
    public record Merged<T>(List<T> items, Set<PhysicalShardId> missing) {

        /** Copies both. */
        public Merged {
            items = List.copyOf(items);
            missing = Set.copyOf(missing);
        }

        /** Whether every shard answered. */
        public boolean complete() {
            return missing.isEmpty();
        }
    }

    /**
     * Reads from every shard and merges.
     *
     * @param order of the merged answer
     * @param limit the most items of the answer; each shard need answer no more than these, its own first ones
     * @param deadline for each shard
     * @param work the read on one shard; its rows may come in any order. Rows of courses that have moved away may lie on a
     *     shard for a while: keep to the logical shards in the view {@code owned_shard}
     */
    public <T> Mono<Merged<T>> read(
            Freshness freshness,
            Comparator<? super T> order,
            int limit,
            Duration deadline,
            BiFunction<PhysicalShardId, DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.fromIterable(shards.physicalShards())
                .flatMap(
                        shard -> answer(
                                shard,
                                deadline,
                                shards.readOn(shard, freshness, sql -> Flux.from(work.apply(shard, sql)))
                                        .sort(order)
                                        .take(limit)
                                        .collectList()),
                        CONCURRENCY)
                .collectList()
                .map(answers -> merge(answers, order, limit));
    }

    private static <T> Mono<Merged<T>> answer(PhysicalShardId shard, Duration deadline, Mono<List<T>> rows) {
        return rows.timeout(deadline)
                .map(found -> new Merged<>(found, Set.of()))
                .onErrorResume(failure -> missing(shard, failure));
    }

    private static <T> Mono<Merged<T>> missing(PhysicalShardId shard, Throwable failure) {
        log.warn("{} did not answer in time: {}", shard, failure.toString());
        return Mono.just(new Merged<>(List.of(), Set.of(shard)));
    }

    /**
     * Reads rows of many courses: one statement ({@code = any}) on each shard that holds some of them. Each answer is
     * emitted when it comes, so that a shard that is down or slow delays no other. Courses that have moved away, as the shard
     * says, are read where they are now; those that are between two places are waited for, and the others of their shard are
     * answered at once.
     *
     * @param deadline for each shard; the courses of one that failed or was late are missing, and the answer says so, as far
     *     as they were not answered before
     * @param work the read of those courses on one shard, in any order
     */
    public <T> Flux<Merged<T>> readOf(
            Collection<ContextId> courses,
            Freshness freshness,
            Duration deadline,
            BiFunction<List<ContextId>, DatabaseClient, ? extends Publisher<T>> work) {
        return Flux.fromIterable(placesOf(courses).entrySet())
                .flatMap(
                        place -> whole(place.getKey(), place.getValue(), freshness, work, 0)
                                .takeUntilOther(Mono.delay(deadline)
                                        .then(Mono.error(
                                                () -> new TimeoutException("no whole answer within " + deadline))))
                                .onErrorResume(failure -> missing(place.getKey(), failure)),
                        CONCURRENCY);
    }

    /** A shard's answer; of courses that have moved away meanwhile those of their new places. */
    private <T> Flux<Merged<T>> whole(
            PhysicalShardId shard,
            List<ContextId> courses,
            Freshness freshness,
            BiFunction<List<ContextId>, DatabaseClient, ? extends Publisher<T>> work,
            int moves) {
        return shards.readOn(shard, courses, freshness, sql -> Flux.from(work.apply(courses, sql)))
                .collectList()
                .map(found -> new Merged<T>(found, Set.of()))
                .flux()
                .onErrorResume(StaleShardMapException.class, moved -> {
                    Map<Boolean, List<ContextId>> gone = courses.stream()
                            .collect(Collectors.partitioningBy(
                                    course -> moved.logicalShards().contains(shards.logicalShardOf(course))));
                    List<ContextId> stayed = gone.getOrDefault(false, List.of());
                    // Always fewer than before: a refusal names at least one of those that were asked for.
                    return Flux.merge(
                            stayed.isEmpty() ? Flux.empty() : whole(shard, stayed, freshness, work, moves),
                            followed(shard, gone.getOrDefault(true, List.of()), moved, freshness, work, moves));
                })
                .onErrorResume(failure -> missing(shard, failure));
    }

    /** Courses that a shard no longer holds, where they are after a pause. */
    private <T> Flux<Merged<T>> followed(
            PhysicalShardId shard,
            List<ContextId> courses,
            StaleShardMapException moved,
            Freshness freshness,
            BiFunction<List<ContextId>, DatabaseClient, ? extends Publisher<T>> work,
            int moves) {
        if (moves >= MOVES) {
            return ShardFanOut.<T>missing(shard, moved).flux();
        }
        return Mono.delay(PAUSE.multipliedBy((1L << moves) - 1))
                .thenMany(Flux.defer(() -> Flux.fromIterable(placesOf(courses).entrySet())))
                .flatMap(place -> whole(place.getKey(), place.getValue(), freshness, work, moves + 1), CONCURRENCY);
    }

    private Map<PhysicalShardId, List<ContextId>> placesOf(Collection<ContextId> courses) {
        return courses.stream().collect(Collectors.groupingBy(shards::physicalShardOf));
    }

    /**
     * Does the same on every shard, in no order and at most eight at a time; fails with the first failure.
     *
     * @param work what to do with a shard, usually by {@link Shards#writeOn}
     */
    public <T> Flux<T> each(Function<PhysicalShardId, ? extends Publisher<T>> work) {
        return Flux.fromIterable(shards.physicalShards()).flatMap(work, CONCURRENCY);
    }

    static <T> Merged<T> merge(List<Merged<T>> answers, Comparator<? super T> order, int limit) {
        List<T> items = new ArrayList<>();
        Set<PhysicalShardId> missing = new HashSet<>();
        for (Merged<T> answer : answers) {
            items.addAll(answer.items());
            missing.addAll(answer.missing());
        }
        items.sort(order);
        return new Merged<>(items.size() > limit ? items.subList(0, limit) : items, missing);
    }
}
