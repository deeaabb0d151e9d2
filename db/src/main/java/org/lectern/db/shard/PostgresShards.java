package org.lectern.db.shard;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.r2dbc.spi.R2dbcException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.pool.HostPort;
import org.lectern.db.replica.PositionStore;
import org.lectern.db.replica.ReadGate;
import org.lectern.db.replica.RoutedDatabase;
import org.lectern.db.replica.Servers;
import org.lectern.db.replica.SessionPositions;
import org.lectern.db.replica.WalPosition;
import org.lectern.db.settings.DatabaseSettings;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * The shards in PostgreSQL.
 *
 * <p>The map is read when this is made, every few seconds, and whenever a shard refuses a transaction. A map only ever
 * replaces one of a lower epoch. The shard itself has the last word: {@code enter_shard} runs with the {@code begin} of
 * each transaction and refuses it when the logical shard is not here under the epoch that the node believes in, so a
 * node with an old map writes nothing to the wrong place. Reads ask beside their own
 * statement whether anything has changed ({@link EpochWatch}), and are refused likewise. Either is then tried again under the map read after
 * the refusal, and again with growing pauses for as long as a switch may take.
 */
@Component
class PostgresShards implements Shards, AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(PostgresShards.class);
    private static final String REFUSED = "LS001";

    /** Under this name a session's positions say which map it has written under. */
    private static final String MAP = "shard-map";

    private static final int REFUSALS = 6;
    private static final Duration PAUSE = Duration.ofMillis(20);
    private static final Duration MAX_PAUSE = Duration.ofMillis(500);

    private final Directory directory;
    private final ShardMapTable table;
    private final List<RoutedDatabase> databases;
    private final List<PhysicalShardId> ids;
    private final AtomicReference<ShardMap> map;
    private final PositionStore positions;
    private final Map<Watched, EpochWatch<Changes>> watches = new ConcurrentHashMap<>();
    private final Duration watchPatience;
    private final Counter refusals;
    private final Disposable refresh;

    PostgresShards(
            DatabaseSettings settings,
            Servers servers,
            Directory directory,
            PositionStore positions,
            MeterRegistry meters) {
        this.positions = positions;
        this.directory = directory;
        // A read waits no longer for this question than for its own statement.
        this.watchPatience = settings.statementTimeout();
        this.table = new ShardMapTable(settings.logicalShards());
        this.databases = settings.shards().stream().map(servers::database).toList();
        this.ids = IntStream.range(0, databases.size())
                .mapToObj(PhysicalShardId::new)
                .toList();
        this.map = new AtomicReference<>(table.prepare(directory, databases, settings.connectPatience()));
        this.refusals = meters.counter("lectern.db.shard.refusals");
        meters.gauge("lectern.db.shard.map.epoch", map, known -> known.get().epoch());
        this.refresh = Flux.interval(settings.mapRefresh())
                .onBackpressureDrop()
                .concatMap(tick -> readMap().onErrorResume(failure -> {
                    log.debug("The shard map could not be read", failure);
                    return Mono.empty();
                }))
                .subscribe();
    }

    @Override
    public int logicalShardOf(ContextId context) {
        return ContextHash.logicalShard(context, map().logicalShards());
    }

    @Override
    public PhysicalShardId physicalShardOf(ContextId context) {
        return ids.get(map().physicalOf(logicalShardOf(context)));
    }

    @Override
    public List<PhysicalShardId> physicalShards() {
        return ids;
    }

    @Override
    public List<ShardStatus> status() {
        ShardMap current = map();
        List<ShardStatus> status = new ArrayList<>(databases.size());
        for (int number = 0; number < databases.size(); number++) {
            RoutedDatabase database = databases.get(number);
            status.add(new ShardStatus(
                    number,
                    database.server(),
                    database.database(),
                    current.countOn(number),
                    current.epoch(),
                    database.primaryUp(),
                    database.meanMillis()));
        }
        return status;
    }

    @Override
    public <T> Mono<T> write(ContextId context, Function<ShardTransaction, Mono<T>> work) {
        int logical = logicalShardOf(context);
        return Mono.defer(() -> {
                    ShardMap current = map();
                    long epoch = current.epochOf(logical);
                    Queue<Runnable> afterCommit = new ConcurrentLinkedQueue<>();
                    return databases
                            .get(current.physicalOf(logical))
                            .write(
                                    "select enter_shard(" + logical + "::smallint, " + epoch + ")",
                                    epoch == ShardMapTable.FIRST_EPOCH ? null : new WalPosition(MAP, 0, epoch),
                                    sql -> work.apply(new ShardTransaction(context, logical, sql, afterCommit::add)))
                            .doOnSuccess(committed -> afterCommit.forEach(PostgresShards::hint));
                })
                .retryWhen(afterRefusal(logical));
    }

    @Override
    public <T> Flux<T> read(
            ContextId context, Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
        int logical = logicalShardOf(context);
        return Flux.defer(() -> {
                    ShardMap current = map();
                    int physical = current.physicalOf(logical);
                    return databases
                            .get(physical)
                            .read(freshness, gate(current, physical, List.of(logical), freshness), work);
                })
                .retryWhen(afterRefusal(logical));
    }

    @Override
    public <T> Mono<T> writeOn(PhysicalShardId shard, Function<DatabaseClient, Mono<T>> work) {
        return databases.get(shard.value()).write("select enter_all_shards()", null, work);
    }

    @Override
    public <T> Flux<T> readOn(
            PhysicalShardId shard,
            Collection<ContextId> courses,
            Freshness freshness,
            Function<DatabaseClient, ? extends Publisher<T>> work) {
        Set<Integer> asked = courses.stream().map(this::logicalShardOf).collect(Collectors.toSet());
        return Flux.defer(() -> {
                    ShardMap current = map();
                    Set<Integer> elsewhere = asked.stream()
                            .filter(logical -> current.physicalOf(logical) != shard.value())
                            .collect(Collectors.toSet());
                    if (!elsewhere.isEmpty()) {
                        return Flux.<T>error(new StaleReadException(elsewhere));
                    }
                    return databases
                            .get(shard.value())
                            .read(freshness, gate(current, shard.value(), asked, freshness), work);
                })
                .onErrorResume(PostgresShards::refused, failure -> {
                    refusals.increment();
                    return readMap().thenMany(Flux.error(new StaleShardMapException(changed(failure, asked), failure)));
                });
    }

    @Override
    public <T> Flux<T> readOn(
            PhysicalShardId shard, Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return databases.get(shard.value()).read(freshness, work);
    }

    /** Stops reading the map again. */
    @Override
    public void close() {
        refresh.dispose();
    }

    private ShardMap map() {
        return Objects.requireNonNull(map.get());
    }

    /**
     * Lets rows pass when the server, asked after the read began, knows of no change to the logical shards that the map of
     * the read lacks, and a replica has replayed the last one. What a session wrote under a newer map, on whatever node,
     * is known with its positions; a primary need not be asked that, since it has recorded the change itself.
     */
    private ReadGate gate(ShardMap current, int physical, Collection<Integer> logical, Freshness freshness) {
        return (server, side, sql) -> {
            Mono<Void> unchanged = watch(physical, server, sql).now().flatMap(changes -> {
                if (changes.since() > current.epoch()) {
                    return Mono.error(new StaleReadException(logical));
                }
                Set<Integer> changed =
                        logical.stream().filter(changes.logical()::contains).collect(Collectors.toSet());
                if (!changed.isEmpty()) {
                    return Mono.error(new StaleReadException(changed));
                }
                return logical.stream().anyMatch(one -> changes.version() < current.epochOf(one))
                        ? Mono.error(new ReadGate.BehindException())
                        : Mono.empty();
            });
            return freshness == Freshness.SESSION && side == ReadGate.Side.REPLICA
                    ? unchanged.and(sessionKnows(current, logical))
                    : unchanged;
        };
    }

    /** If the positions are not to be had, the primary is asked instead. */
    private Mono<Void> sessionKnows(ShardMap current, Collection<Integer> logical) {
        return Mono.deferContextual(context -> SessionPositions.session(context)
                .map(session -> positions
                        .find(session, MAP, 0)
                        .onErrorMap(failure -> new ReadGate.BehindException())
                        .flatMap(epoch -> epoch > current.epoch()
                                ? Mono.<Void>error(new StaleReadException(logical))
                                : Mono.<Void>empty()))
                .orElse(Mono.empty()));
    }

    private EpochWatch<Changes> watch(int physical, HostPort server, DatabaseClient sql) {
        return watches.computeIfAbsent(
                new Watched(physical, server, sql),
                watched -> new EpochWatch<>(() -> changes(watched.sql()), watchPatience));
    }

    private Mono<Changes> changes(DatabaseClient sql) {
        long since = map().epoch();
        return sql.sql("select logical_shard, epoch from shard_epoch where epoch > $1"
                        + " union all select -1::smallint, max(epoch) from shard_epoch")
                .bind(0, since)
                .map((row, metadata) -> new ShardMap.Row(
                        Objects.requireNonNull(row.get(0, Integer.class)),
                        0,
                        Objects.requireNonNullElse(row.get(1, Long.class), 0L)))
                .all()
                .collectList()
                .map(rows -> Changes.of(since, rows));
    }

    /** What is committed stays committed, whatever becomes of a hint. */
    private static void hint(Runnable afterCommit) {
        try {
            afterCommit.run();
        } catch (RuntimeException problem) {
            log.warn("A hint after a commit failed", problem);
        }
    }

    /** Tries again under the map read after a refusal, with growing pauses for as long as a switch may take. */
    private Retry afterRefusal(int logical) {
        return Retry.from(failures -> failures.concatMap(failure -> {
            if (!refused(failure.failure())) {
                return Mono.error(failure.failure());
            }
            refusals.increment();
            if (failure.totalRetries() >= REFUSALS) {
                return Mono.error(new StaleShardMapException(Set.of(logical), failure.failure()));
            }
            Mono<Void> pause = failure.totalRetries() == 0
                    ? Mono.empty()
                    : Mono.delay(pause(failure.totalRetries())).then();
            return pause.then(readMap()).thenReturn(true);
        }));
    }

    private Mono<ShardMap> readMap() {
        return table.read(directory).map(read -> {
            if (read.highestPhysical() >= databases.size()) {
                throw new IllegalStateException(
                        "the shard map names shard " + read.highestPhysical() + ", which lectern.db.shards does not");
            }
            ShardMap current = map.updateAndGet(known -> read.epoch() > known.epoch() ? read : known);
            if (current == read) {
                log.info("Shard map of epoch {}", read.epoch());
            }
            return current;
        });
    }

    private static Duration pause(long retries) {
        Duration pause = PAUSE.multipliedBy(1L << Math.min(retries, 10));
        return pause.compareTo(MAX_PAUSE) > 0 ? MAX_PAUSE : pause;
    }

    /** Which logical shards a refusal is about: all that were asked for, if it does not say. */
    private static Set<Integer> changed(Throwable refusal, Set<Integer> asked) {
        for (Throwable cause = refusal; cause != null; cause = cause.getCause()) {
            if (cause instanceof StaleReadException stale) {
                return stale.changed;
            }
        }
        return asked;
    }

    private static boolean refused(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof StaleReadException) {
                return true;
            }
            if (cause instanceof R2dbcException answer && REFUSED.equals(answer.getSqlState())) {
                return true;
            }
        }
        return false;
    }

    /** What a server knows of the map beyond what this node knew when it asked. */
    private record Changes(long since, long version, Set<Integer> logical) {

        static Changes of(long since, List<ShardMap.Row> rows) {
            Set<Integer> changed = new HashSet<>();
            long version = 0;
            for (ShardMap.Row row : rows) {
                version = Math.max(version, row.epoch());
                changed.add(row.logical());
            }
            return new Changes(since, version, changed);
        }
    }

    private record Watched(int physical, HostPort server, DatabaseClient sql) {}

    /** The rows may be those of the place that the logical shard has left. */
    private static final class StaleReadException extends RuntimeException {

        private static final long serialVersionUID = 1L;

        /** Of those that were asked for; all of them when it is not known which. */
        private final transient Set<Integer> changed;

        StaleReadException(Collection<Integer> changed) {
            super("the shard map has changed", null, false, false);
            this.changed = Set.copyOf(changed);
        }
    }
}
