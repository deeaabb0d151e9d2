package org.lectern.chat.door;

import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.live.Attendee;
import org.lectern.chat.live.LiveRooms;
import org.lectern.chat.protocol.ClientFrame;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.ErrorCode;
import org.lectern.chat.protocol.MalformedFrameException;
import org.lectern.chat.protocol.ServerFrame;
import org.lectern.db.ContextId;
import org.lectern.infra.session.SessionWatch;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.web.reactive.socket.WebSocketHandler;
import org.springframework.web.reactive.socket.WebSocketMessage;
import org.springframework.web.reactive.socket.WebSocketSession;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/** One open socket: what its client sends is taken frame by frame, what it gets goes by its {@link Attendee}. */
final class Socket implements WebSocketHandler {

    private static final Logger log = LoggerFactory.getLogger(Socket.class);

    /** Messages of one socket that wait for their commit; beyond them the client is not read from. */
    private static final int UNDER_WAY = 256;

    /** A client that is refused so often without a pause is closed. */
    private static final int PATIENCE = 200;

    /** How long such a client's last answers are waited for: more than a commit may take. */
    private static final Duration ANSWER_LIMIT = Duration.ofSeconds(30);

    private final ContextId room;
    private final Guest guest;
    private final @Nullable Long epoch;
    private final @Nullable Long since;
    private final NettyOutlet outlet;
    private final Attendee attendee;
    private final LiveRooms rooms;
    private final Door door;
    private final Drain drain;
    private final ChatSettings settings;
    private final Clock clock;
    private final SessionWatch sessions;
    private final Runnable gone;
    private volatile long heardAt = System.nanoTime();
    private final AtomicInteger refused = new AtomicInteger();

    /** A client that sent far too much gets its close frame when everything taken before was answered. */
    private final Unanswered unanswered = new Unanswered(this::end);

    Socket(
            ContextId room,
            Guest guest,
            @Nullable Long epoch,
            @Nullable Long since,
            NettyOutlet outlet,
            LiveRooms rooms,
            Door door,
            Drain drain,
            ChatSettings settings,
            Clock clock,
            SessionWatch sessions,
            Runnable gone) {
        this.room = room;
        this.guest = guest;
        this.epoch = epoch;
        this.since = since;
        this.outlet = outlet;
        this.attendee = rooms.attendee(guest.person(), guest.staff(), guest.shard(), outlet);
        this.rooms = rooms;
        this.door = door;
        this.drain = drain;
        this.settings = settings;
        this.clock = clock;
        this.sessions = sessions;
        this.gone = gone;
    }

    @Override
    public Mono<Void> handle(WebSocketSession session) {
        Scheduler loop = Schedulers.fromExecutorService(outlet.loop());
        Disposable.Composite timers = Disposables.composite();
        Mono<Void> joined = rooms.join(room, attendee, epoch, since)
                .onErrorResume(e -> Mono.deferContextual(context -> {
                    TraceScope.run(
                            context,
                            () -> log.warn("somebody could not be brought into room {}: {}", room, e.toString()));
                    attendee.close(CloseCode.UNAVAILABLE);
                    return Mono.empty();
                }));
        // Who came in while the others were told to move was not told.
        Mono<Void> settled = joined.then(Mono.fromRunnable(() -> drain.sendAway(attendee)));
        timers.add(loop.schedule(
                () -> attendee.close(CloseCode.SESSION_EXPIRED),
                Math.max(
                        0,
                        Duration.between(clock.instant(), guest.sessionExpiresAt())
                                .toMillis()),
                TimeUnit.MILLISECONDS));
        timers.add(sessions.watch(
                guest.session(), guest.sessionExpiresAt(), () -> attendee.close(CloseCode.SESSION_EXPIRED)));
        long pingMillis = settings.pingInterval().toMillis();
        timers.add(loop.schedulePeriodically(this::checkAlive, pingMillis, pingMillis, TimeUnit.MILLISECONDS));
        Mono<Void> heard = session.receive()
                .doOnNext(unused -> heardAt = System.nanoTime())
                .filter(this::isText)
                .map(WebSocketMessage::getPayloadAsText)
                // What comes before the client was greeted waits: nothing is answered before the welcome.
                .flatMap(
                        text -> attendee.hasBeenGreeted()
                                ? take(text)
                                : attendee.greeted().then(Mono.defer(() -> take(text))),
                        UNDER_WAY)
                .then();
        return Flux.merge(settled, heard)
                .then()
                .onErrorResume(e -> {
                    log.debug("a socket of room {} broke", room, e);
                    return Mono.empty();
                })
                .doFinally(unused -> {
                    timers.dispose();
                    rooms.leave(room, attendee);
                    gone.run();
                });
    }

    private boolean isText(WebSocketMessage message) {
        WebSocketMessage.Type type = message.getType();
        if (attendee.closed()
                || unanswered.ending()
                || type == WebSocketMessage.Type.PING
                || type == WebSocketMessage.Type.PONG) {
            return false;
        }
        if (message.getPayload().readableByteCount() > SocketEntrance.FRAME_LIMIT_BYTES) {
            attendee.close(CloseCode.FRAME_TOO_LARGE);
            return false;
        }
        if (type == WebSocketMessage.Type.BINARY) {
            refuse(new ServerFrame.Refused(ErrorCode.MALFORMED, "Frames are text", null));
            return false;
        }
        return true;
    }

    private void checkAlive() {
        if (System.nanoTime() - heardAt > settings.idleTimeout().toNanos()) {
            attendee.close(CloseCode.IDLE);
        } else {
            outlet.ping();
        }
    }

    private Mono<Void> take(String text) {
        if (attendee.closed() || unanswered.ending()) {
            return Mono.empty();
        }
        ClientFrame frame;
        try {
            frame = rooms.codec().decode(text);
        } catch (MalformedFrameException e) {
            refuse(e.answer());
            return Mono.empty();
        }
        return switch (frame) {
            case ClientFrame.Act act ->
                unanswered.begin()
                        ? door.act(room, guest.person(), guest.staff(), act.id(), act.deed())
                                .doOnNext(outcome -> answer(act.id(), outcome))
                                .doFinally(unused -> unanswered.answered())
                                .then()
                        : Mono.empty();
            case ClientFrame.Typing typing -> {
                rooms.typing(room, guest.person().id());
                yield Mono.empty();
            }
            case ClientFrame.Read read -> {
                rooms.read(room, guest.person().id(), read.seq());
                yield Mono.empty();
            }
        };
    }

    private void answer(String id, Door.Outcome outcome) {
        switch (outcome) {
            case Door.Outcome.Committed done -> {
                refused.set(0);
                attendee.send(rooms.encoded(new ServerFrame.Ack(id, done.seq())));
            }
            case Door.Outcome.Refused no -> {
                @Nullable Duration pause = no.retryAfter();
                refuse(new ServerFrame.Refused(no.code(), no.detail(), id, pause == null ? null : pause.toMillis()));
                if (no.code() == ErrorCode.BANNED) {
                    attendee.close(CloseCode.BANNED);
                }
            }
        }
    }

    private void refuse(ServerFrame.Refused error) {
        attendee.send(rooms.encoded(error));
        if (refused.incrementAndGet() > PATIENCE && !unanswered.ending()) {
            // Whoever's answers do not come gets the close frame without them; the same ids again find out.
            var unused = outlet.loop().schedule(this::end, ANSWER_LIMIT.toSeconds(), TimeUnit.SECONDS);
            unanswered.endWhenAnswered();
        }
    }

    private void end() {
        attendee.close(CloseCode.RATE);
    }
}
