package org.lectern.infra.session;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.batching.SmartBatcher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * Tells what lives longer than a request (sockets, event streams) that its session has ended, wherever it was ended: by
 * its holder, by an operator who paused a platform, by its time. Every few seconds a node asks for all sessions it
 * watches, a thousand in each query, one query after the other, so the bound is that interval and the time of those queries;
 * nothing has to reach the node for it to hold.
 *
 * <p>While the directory does not answer, sessions end by their time only, which the node's own clock tells: nothing else
 * could have ended them either. Thread-safe.
 *
 * <p>Metrics: {@code lectern.sessions.watched}, and {@code lectern.sessions.asking}, those that wait for the query that
 * says whether they still are.
 */
@Component
public class SessionWatch implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(SessionWatch.class);

    /** How many sessions one query asks about. */
    private static final int BATCH_LIMIT = 1000;

    /** How many newcomers may wait for their answer. */
    private static final int QUEUE_LIMIT = 20_000;

    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(10);

    private final LiveSessions sessions;
    private final SessionWatchSettings settings;
    private final Clock clock;
    private final ConcurrentMap<UUID, Set<Watcher>> watched = new ConcurrentHashMap<>();
    private final SmartBatcher<UUID, Boolean> newcomers;
    private volatile Disposable work = Disposables.disposed();
    private volatile boolean running;

    /** A watch that asks nothing before it is started. */
    public SessionWatch(LiveSessions sessions, SessionWatchSettings settings, Clock clock, MeterRegistry meters) {
        this.sessions = sessions;
        this.settings = settings;
        this.clock = clock;
        this.newcomers = new SmartBatcher<>(
                QUEUE_LIMIT,
                BATCH_LIMIT,
                asked -> live(asked)
                        .map(live -> asked.stream().map(live::contains).toList())
                        .toFuture(),
                unused -> false);
        Gauge.builder("lectern.sessions.watched", watched, ConcurrentMap::size).register(meters);
        Gauge.builder("lectern.sessions.asking", newcomers, SmartBatcher::waiting)
                .register(meters);
    }

    /**
     * Runs something once the session has ended, never before. It must not block.
     *
     * @param expiresAt when the session ends by its time, known to the node whether or not the directory answers
     * @return disposed when nobody waits for that any more
     */
    public Disposable watch(UUID session, Instant expiresAt, Runnable ended) {
        Watcher one = new Watcher(expiresAt, ended);
        watched.compute(session, (unused, before) -> {
            Set<Watcher> all = before == null ? new HashSet<>() : new HashSet<>(before);
            all.add(one);
            return all;
        });
        return () -> watched.computeIfPresent(session, (unused, now) -> {
            Set<Watcher> others = new HashSet<>(now);
            others.remove(one);
            return others.isEmpty() ? null : others;
        });
    }

    /** Completes when the session has ended, as {@link #watch} does. */
    public Mono<Void> ended(UUID session, Instant expiresAt) {
        return Mono.create(sink -> sink.onDispose(watch(session, expiresAt, sink::success)));
    }

    /**
     * Whether the session is live now; asked for all who come at once in one query. True where that cannot be asked: the
     * watch finds out later.
     */
    public Mono<Boolean> live(UUID session) {
        return Mono.fromFuture(() -> newcomers.submit(session)).onErrorResume(e -> {
            log.debug("whether a session still is could not be asked", e);
            return Mono.just(true);
        });
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        running = true;
        Scheduler timer = Schedulers.newSingle("session-watch", true);
        work = Disposables.composite(
                Flux.interval(settings.interval(), timer)
                        // Each time, also while the directory lets the last question wait.
                        .doOnNext(unused -> endExpired())
                        .onBackpressureDrop()
                        .concatMap(unused -> look(), 1)
                        .subscribe(),
                timer);
    }

    @Override
    public void stop() {
        running = false;
        work.dispose();
    }

    private Mono<Void> look() {
        return Flux.fromIterable(Set.copyOf(watched.keySet()))
                .buffer(BATCH_LIMIT)
                .concatMap(asked -> live(asked)
                        .doOnNext(live -> asked.stream()
                                .filter(session -> !live.contains(session))
                                .forEach(this::end))
                        .onErrorResume(e -> {
                            log.warn("which sessions have ended could not be asked: {}", e.toString());
                            return Mono.empty();
                        }))
                .then();
    }

    private Mono<Set<UUID>> live(List<UUID> asked) {
        return sessions.among(new HashSet<>(asked)).timeout(ANSWER_LIMIT);
    }

    private void endExpired() {
        Instant now = clock.instant();
        watched.forEach((session, all) -> {
            if (all.stream().anyMatch(one -> !one.expiresAt().isAfter(now))) {
                end(session);
            }
        });
    }

    private void end(UUID session) {
        @Nullable Set<Watcher> all = watched.remove(session);
        if (all != null) {
            all.forEach(SessionWatch::tell);
        }
    }

    /** Whoever fails keeps nobody else from hearing of it. */
    private static void tell(Watcher one) {
        try {
            one.ended().run();
        } catch (RuntimeException failure) {
            log.warn("Who was told that a session has ended failed", failure);
        }
    }

    /** One who waits for the end of a session; each is only itself. */
    private static final class Watcher {

        private final Instant expiresAt;
        private final Runnable ended;

        Watcher(Instant expiresAt, Runnable ended) {
            this.expiresAt = expiresAt;
            this.ended = ended;
        }

        Instant expiresAt() {
            return expiresAt;
        }

        Runnable ended() {
            return ended;
        }
    }
}
