package org.lectern.db.move;

import io.micrometer.core.instrument.MeterRegistry;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.replica.Servers;
import org.lectern.db.settings.DatabaseSettings;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * Looks every few seconds for open moves that nobody works on, and works on them, at most a few at a time, each on a
 * platform thread of its own. A move whose node died is found here by another one. One that may be half switched goes first,
 * and those that only wait for an operator go last, in turns of a few seconds. Metric: {@code lectern.db.moves}, how
 * many this node works on. Thread-safe.
 */
@Component
class MoverLoop implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(MoverLoop.class);
    private static final int AT_ONCE = 4;
    private static final Duration LOOK = Duration.ofSeconds(2);
    private static final Duration STOP_PATIENCE = Duration.ofSeconds(10);

    private static final String ORPHANS = """
            select id from shard_move m
            where finished_at is null
              and not exists (select from pg_locks l join pg_database d on d.oid = l.database
                              where d.datname = current_database() and l.locktype = 'advisory'
                                and l.classid = :class and l.objid = m.logical_shard)
            order by case when state in ('switching', 'returning') then 0
                          when state = 'switched' and wanted is null then 2
                          else 1 end,
                     random()
            limit 16""";

    private final DatabaseSettings settings;
    private final Directory directory;
    private final Mover mover;
    private final Set<UUID> here = ConcurrentHashMap.newKeySet();
    private final Sinks.Many<Boolean> soon = Sinks.many().multicast().directBestEffort();
    private volatile ExecutorService workers = workers();
    private volatile boolean stopping;
    private volatile @Nullable Disposable looking;

    MoverLoop(DatabaseSettings settings, Directory directory, Servers servers, MeterRegistry meters) {
        this.settings = settings;
        this.directory = directory;
        this.mover = new Mover(
                new MoverConnections(settings, server -> servers.primary(server).toString()),
                () -> stopping,
                step -> {});
        meters.gaugeCollectionSize("lectern.db.moves", io.micrometer.core.instrument.Tags.empty(), here);
    }

    /** Looks now rather than in a while. */
    void lookSoon() {
        soon.tryEmitNext(true);
    }

    Mono<ShardMoves.MovePlan> plan(int logical, int source, int target) {
        return Mono.fromCallable(() -> {
                    try {
                        return new ShardMoves.MovePlan(
                                logical,
                                source,
                                target,
                                mover.plan(logical, source, target).rows(),
                                null);
                    } catch (MoveRefusedException refused) {
                        return new ShardMoves.MovePlan(
                                logical, source, target, java.util.Map.of(), String.valueOf(refused.getMessage()));
                    }
                })
                .subscribeOn(Schedulers.fromExecutor(workers))
                .onErrorMap(
                        RejectedExecutionException.class,
                        busy -> new MoveRefusedException("this node works on as many moves as it may"));
    }

    @Override
    public void start() {
        if (stopping) {
            stopping = false;
            workers = workers();
        }
        if (settings.shardMover()) {
            looking = Flux.merge(
                            Flux.interval(LOOK).onBackpressureDrop(),
                            soon.asFlux().onBackpressureLatest())
                    .concatMap(tick -> look().onErrorResume(failure -> {
                        log.debug("Open moves could not be looked for", failure);
                        return Mono.empty();
                    }))
                    .subscribe();
        }
    }

    @Override
    public void stop() {
        stopping = true;
        Disposable running = looking;
        looking = null;
        if (running != null) {
            running.dispose();
        }
        workers.shutdown();
        try {
            if (!workers.awaitTermination(STOP_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                log.warn("A move is left in the middle of a step; another node goes on with it");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public boolean isRunning() {
        return looking != null;
    }

    private static ExecutorService workers() {
        return new ThreadPoolExecutor(
                0,
                AT_ONCE,
                10,
                TimeUnit.SECONDS,
                new SynchronousQueue<>(),
                Thread.ofPlatform().name("shard-mover-", 0).daemon().factory());
    }

    private Mono<Void> look() {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql(ORPHANS)
                                .bind("class", Mover.LOCK_CLASS)
                                .mapValue(UUID.class)
                                .all())
                .doOnNext(this::work)
                .then();
    }

    private void work(UUID move) {
        if (stopping || !here.add(move)) {
            return;
        }
        try {
            workers.execute(() -> {
                try {
                    mover.run(move);
                } catch (SQLException | RuntimeException failure) {
                    log.warn("Move {} failed and is tried again: {}", move, failure.toString());
                } finally {
                    here.remove(move);
                }
            });
        } catch (RejectedExecutionException busy) {
            here.remove(move);
            log.debug("As many moves as this node works on at once", busy);
        }
    }
}
