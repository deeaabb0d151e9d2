package org.lectern.chat.door;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.random.RandomGenerator;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.live.Attendee;
import org.lectern.chat.live.LiveRooms;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.ServerFrame;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A node that is told to stop: it becomes unready and issues no tickets, tells each client when to move, spread over
 * time, closes those that have not gone by then, waits until every message it took is committed, and only then lets the
 * web server stop. (Boot's graceful shutdown alone would wait for sockets that never end.)
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class Drain implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(Drain.class);
    private static final Duration GRACE = Duration.ofMillis(500);
    private static final Duration PER_SOCKET = Duration.ofMillis(5);
    private static final Duration SETTLE_LIMIT = Duration.ofSeconds(10);

    private final LiveRooms rooms;
    private final ChatSettings settings;
    private final ApplicationContext context;
    private final RandomGenerator random;
    private volatile boolean running;
    private volatile boolean draining;

    Drain(LiveRooms rooms, ChatSettings settings, ApplicationContext context, SecureRandom random) {
        this.rooms = rooms;
        this.settings = settings;
        this.context = context;
        this.random = random;
    }

    /** Whether this node takes no new sockets. */
    boolean draining() {
        return draining;
    }

    /** For who has just come into a room: closed when this node began to stop meanwhile. */
    void sendAway(Attendee newcomer) {
        if (draining) {
            newcomer.close(CloseCode.DRAINING);
        }
    }

    /** Stops before the cluster's membership, Boot's graceful shutdown and the web server. */
    @Override
    public int getPhase() {
        return SmartLifecycle.DEFAULT_PHASE - 256;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        if (draining) {
            // Stopped before: what is started again takes people again.
            AvailabilityChangeEvent.publish(context, ReadinessState.ACCEPTING_TRAFFIC);
        }
        draining = false;
        running = true;
    }

    @Override
    public void stop() {
        throw new UnsupportedOperationException("asynchronous only");
    }

    @Override
    public void stop(Runnable callback) {
        running = false;
        draining = true;
        AvailabilityChangeEvent.publish(context, ReadinessState.REFUSING_TRAFFIC);
        List<Attendee> here = rooms.everybody();
        if (!here.isEmpty()) {
            log.info("{} sockets are told to move to other nodes", here.size());
        }
        Flux.fromIterable(here)
                .flatMap(attendee -> moved(attendee, window(here.size())), Integer.MAX_VALUE)
                .then(settled())
                .timeout(settings.drainSpread().plus(GRACE).plus(SETTLE_LIMIT))
                .onErrorComplete()
                .doFinally(unused -> callback.run())
                .subscribe();
    }

    /** A few clients need no long spread. */
    private long window(int sockets) {
        return Math.min(
                settings.drainSpread().toMillis(),
                PER_SOCKET.multipliedBy(sockets).toMillis());
    }

    private Mono<Void> moved(Attendee attendee, long windowMillis) {
        long afterMillis = windowMillis == 0 ? 0 : random.nextLong(windowMillis);
        attendee.send(rooms.encoded(new ServerFrame.Reconnect(afterMillis)));
        return Mono.delay(Duration.ofMillis(afterMillis).plus(GRACE))
                .doOnNext(unused -> attendee.close(CloseCode.DRAINING))
                .then();
    }

    private Mono<Void> settled() {
        return Mono.fromCallable(rooms::settled)
                .repeatWhen(rounds -> rounds.delayElements(Duration.ofMillis(50)))
                .takeUntil(settled -> settled)
                // The last frames and close frames leave.
                .then(
                        rooms.everybody().isEmpty()
                                ? Mono.empty()
                                : Mono.delay(Duration.ofMillis(200)).then());
    }
}
