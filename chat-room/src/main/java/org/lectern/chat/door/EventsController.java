package org.lectern.chat.door;

import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.Channel;
import java.time.Clock;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.live.Attendee;
import org.lectern.chat.live.LiveRooms;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.SessionWatch;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** The room as a stream of server-sent events, for clients whose sockets are blocked. */
@RestController
@RequestMapping("/api/chat/rooms/{contextId}")
@ConditionalOnRole(NodeRole.CHAT)
class EventsController {

    private static final Logger log = LoggerFactory.getLogger(EventsController.class);
    private static final Duration HEARTBEAT = Duration.ofSeconds(15);
    private static final int PER_PERSON = 5;

    private final Gate gate;
    private final Drain drain;
    private final LiveRooms rooms;
    private final ChatSettings settings;
    private final Clock clock;
    private final JsonMapper json;
    private final SessionWatch sessions;
    private final AtomicInteger streams = new AtomicInteger();
    private final ConcurrentMap<Reader, Integer> readers = new ConcurrentHashMap<>();

    private record Reader(ContextId room, UUID person) {}

    private record Position(@Nullable Long epoch, @Nullable Long since) {}

    EventsController(
            Gate gate,
            Drain drain,
            LiveRooms rooms,
            ChatSettings settings,
            Clock clock,
            JsonMapper json,
            SessionWatch sessions,
            MeterRegistry metrics) {
        this.gate = gate;
        this.drain = drain;
        this.rooms = rooms;
        this.settings = settings;
        this.clock = clock;
        this.json = json;
        this.sessions = sessions;
        metrics.gauge("lectern.chat.streams", streams);
    }

    /**
     * The frames that a socket would get, each as one event. After {@code Last-Event-ID} (or {@code epoch} and
     * {@code since}) what was missed comes first; without them the stream begins now.
     */
    @GetMapping(path = "/events", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> events(
            @PathVariable String contextId,
            @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
            @RequestParam(required = false) @Nullable Long epoch,
            @RequestParam(required = false) @Nullable Long since,
            @AuthenticationPrincipal LaunchSession session,
            ServerHttpRequest request) {
        return gate.enter(session, contextId).map(in -> {
            if (drain.draining()) {
                throw new ProblemException(
                        ProblemType.UNAVAILABLE, "This node is stopping; connect again", Duration.ofSeconds(1));
            }
            Position from =
                    lastEventId == null || lastEventId.isEmpty() ? new Position(epoch, since) : position(lastEventId);
            @Nullable Long number = from.since();
            if (number != null && number < 0) {
                throw new ProblemException(ProblemType.INVALID_REQUEST, "since must be a number from 0");
            }
            ResponseEntity.BodyBuilder answer = ResponseEntity.ok()
                    .contentType(MediaType.TEXT_EVENT_STREAM)
                    .header("Cache-Control", "no-store")
                    // The stream's end is the connection's: nobody holds on to a node that stops.
                    .header("Connection", "close")
                    .header("X-Accel-Buffering", "no");
            if (request.getMethod().equals(HttpMethod.HEAD)) {
                return answer.build();
            }
            Reader reader = new Reader(in.room(), in.person().id());
            // Admitted when the body is read, so that whoever is counted is also counted off. Nothing of the answer has
            // left before the stream's first event, so a refusal is still an answer of its own.
            return answer.body(Flux.using(
                    () -> {
                        admit(reader);
                        return reader;
                    },
                    unused -> stream(in, session, from, SocketEntrance.channel(request)),
                    this::release));
        });
    }

    private Flux<ServerSentEvent<String>> stream(
            Gate.Entered in, LaunchSession session, Position from, Channel channel) {
        SseOutlet outlet = new SseOutlet(channel, rooms.codec(), json);
        Attendee attendee = rooms.attendee(in.person(), session.staff(), 0, outlet);
        Mono<Void> joined = rooms.join(in.room(), attendee, from.epoch(), from.since())
                .onErrorResume(e -> Mono.deferContextual(context -> {
                    TraceScope.run(
                            context,
                            () -> log.warn("somebody could not be brought into room {}: {}", in.room(), e.toString()));
                    attendee.close(CloseCode.UNAVAILABLE);
                    return Mono.empty();
                }))
                // Who came in while the others were told to move was not told.
                .then(Mono.fromRunnable(() -> drain.sendAway(attendee)));
        Flux<ServerSentEvent<String>> frames = outlet.events();
        Mono<Void> expiry = Mono.delay(Duration.between(clock.instant(), session.expiresAt()))
                .then()
                .or(sessions.ended(session.id(), session.expiresAt()))
                .doOnSuccess(unused -> attendee.close(CloseCode.SESSION_EXPIRED));
        Flux<ServerSentEvent<String>> alive = Flux.interval(Duration.ZERO, HEARTBEAT)
                .onBackpressureDrop()
                .map(unused ->
                        ServerSentEvent.<String>builder().comment("alive").build());
        // One at a time, so that what waits, waits in the outlet, where it is counted.
        return frames.publish(
                        shared -> Flux.merge(
                                1,
                                shared,
                                joined.thenMany(Flux.<ServerSentEvent<String>>empty()),
                                Flux.merge(alive, expiry.thenMany(Flux.<ServerSentEvent<String>>empty()))
                                        .takeUntilOther(shared.ignoreElements())),
                        1)
                .doFinally(unused -> rooms.leave(in.room(), attendee));
    }

    private void admit(Reader reader) {
        if (streams.incrementAndGet() > settings.streamLimit()) {
            streams.decrementAndGet();
            throw new ProblemException(
                    ProblemType.TRY_LATER, "Too many streams are open on this node", Duration.ofSeconds(30));
        }
        if (readers.merge(reader, 1, Integer::sum) > PER_PERSON) {
            release(reader);
            throw new ProblemException(
                    ProblemType.TRY_LATER, "You have too many streams of this room open", Duration.ofSeconds(30));
        }
    }

    private void release(Reader reader) {
        streams.decrementAndGet();
        readers.computeIfPresent(reader, (unused, count) -> count > 1 ? count - 1 : null);
    }

    private static Position position(String lastEventId) {
        int colon = lastEventId.indexOf(':');
        try {
            return new Position(
                    Long.valueOf(lastEventId.substring(0, Math.max(colon, 0))),
                    Long.valueOf(lastEventId.substring(colon + 1)));
        } catch (NumberFormatException e) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "Last-Event-ID must be epoch:seq");
        }
    }
}
