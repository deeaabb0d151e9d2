package org.lectern.chat.door;

import io.netty.channel.Channel;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.live.LiveRooms;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.SessionWatch;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.http.server.reactive.ServerHttpRequestDecorator;
import org.springframework.stereotype.Component;
import org.springframework.util.MultiValueMap;
import org.springframework.web.reactive.HandlerMapping;
import org.springframework.web.reactive.socket.server.WebSocketService;
import org.springframework.web.reactive.socket.server.support.HandshakeWebSocketService;
import org.springframework.web.reactive.socket.server.upgrade.ReactorNettyRequestUpgradeStrategy;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebHandler;
import reactor.core.publisher.Mono;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.WebsocketServerSpec;

/**
 * The door for sockets: origin, then ticket, then the upgrade. Who is refused gets a problem document and no socket. The
 * ticket is consumed before the upgrade, so a failed upgrade costs it too.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class SocketEntrance implements WebHandler {

    /** 4000 characters, each as two escapes of six bytes, and the frame around them. */
    static final int FRAME_LIMIT_BYTES = 64 * 1024;

    /**
     * A frame that is too large is still read up to here, so that the close frame with its code can arrive: closing with
     * bytes unread resets the connection. Past this the connection just ends.
     */
    private static final int READ_LIMIT_BYTES = 4 * FRAME_LIMIT_BYTES;

    private final Tickets tickets;
    private final Seats seats;
    private final LiveRooms rooms;
    private final Door door;
    private final Drain drain;
    private final Limits limits;
    private final ChatSettings settings;
    private final Clock clock;
    private final SessionWatch sessions;
    private final WebSocketService sockets = new HandshakeWebSocketService(new ReactorNettyRequestUpgradeStrategy(
            () -> WebsocketServerSpec.builder().maxFramePayloadLength(READ_LIMIT_BYTES)));

    SocketEntrance(
            Tickets tickets,
            Seats seats,
            LiveRooms rooms,
            Door door,
            Drain drain,
            Limits limits,
            ChatSettings settings,
            Clock clock,
            SessionWatch sessions) {
        this.tickets = tickets;
        this.seats = seats;
        this.rooms = rooms;
        this.door = door;
        this.drain = drain;
        this.limits = limits;
        this.settings = settings;
        this.clock = clock;
        this.sessions = sessions;
    }

    @Override
    public Mono<Void> handle(ServerWebExchange exchange) {
        ServerHttpRequest request = exchange.getRequest();
        if (!"websocket".equalsIgnoreCase(request.getHeaders().getUpgrade())) {
            return problem(ProblemType.INVALID_REQUEST, "This address is for WebSockets");
        }
        if (!ChatAccess.originPermitted(
                request.getHeaders().getOrigin(), origin(request.getURI()), settings.origins())) {
            return problem(ProblemType.FORBIDDEN, "Pages of this origin may not open sockets here");
        }
        if (drain.draining()) {
            return stopping();
        }
        MultiValueMap<String, String> query = request.getQueryParams();
        @Nullable String ticket = query.getFirst("ticket");
        if (ticket == null || ticket.isEmpty()) {
            return problem(ProblemType.UNAUTHENTICATED, "A ticket is needed");
        }
        ContextId room;
        @Nullable Long epoch;
        @Nullable Long since;
        try {
            Map<String, String> path = exchange.getRequiredAttribute(HandlerMapping.URI_TEMPLATE_VARIABLES_ATTRIBUTE);
            room = ContextId.parse(String.valueOf(path.get("contextId")));
            epoch = number(query.getFirst("epoch"));
            since = number(query.getFirst("since"));
            if (since != null && since < 0) {
                throw new IllegalArgumentException("since is negative");
            }
        } catch (IllegalArgumentException e) {
            return problem(ProblemType.INVALID_REQUEST, "The room, epoch or since is not valid");
        }
        Channel channel = channel(request);
        Seats.Place place = seats.place(room);
        return tickets.consume(room, ticket, place)
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.UNAUTHENTICATED, "The ticket is unknown, was used or has expired")))
                .flatMap(guest -> sessions.live(guest.session())
                        .flatMap(live -> live
                                ? upgraded(exchange, room, guest, epoch, since, channel, place)
                                : problem(ProblemType.UNAUTHENTICATED, "This session has ended")))
                .doOnError(unused -> place.free())
                .doOnCancel(place::free);
    }

    private Mono<Void> upgraded(
            ServerWebExchange exchange,
            ContextId room,
            Guest guest,
            @Nullable Long epoch,
            @Nullable Long since,
            Channel channel,
            Seats.Place place) {
        if (drain.draining()) {
            return stopping();
        }
        UUID person = guest.person().id();
        if (!limits.takeSocket(room, person)) {
            return problem(ProblemType.RATE_LIMITED, "You have too many connections to this room open");
        }
        // The upgrade's answer ends with the handshake, not with the socket.
        AtomicBoolean freed = new AtomicBoolean();
        Runnable free = () -> {
            if (freed.compareAndSet(false, true)) {
                place.free();
                limits.freeSocket(room, person);
            }
        };
        Socket socket = new Socket(
                room,
                guest,
                epoch,
                since,
                new NettyOutlet(channel),
                rooms,
                door,
                drain,
                settings,
                clock,
                sessions,
                free);
        return sockets.handleRequest(exchange, socket)
                .doOnError(unused -> free.run())
                .doOnCancel(free);
    }

    static Channel channel(ServerHttpRequest request) {
        HttpServerRequest raw = ServerHttpRequestDecorator.getNativeRequest(request);
        AtomicReference<@Nullable Channel> found = new AtomicReference<>();
        raw.withConnection(connection -> found.set(connection.channel()));
        @Nullable Channel channel = found.get();
        if (channel == null) {
            throw new IllegalStateException("a request without a channel");
        }
        return channel;
    }

    private static String origin(URI request) {
        int port = request.getPort();
        boolean usual = port == -1
                || (port == 80 && "http".equalsIgnoreCase(request.getScheme()))
                || (port == 443 && "https".equalsIgnoreCase(request.getScheme()));
        return request.getScheme() + "://" + request.getHost() + (usual ? "" : ":" + port);
    }

    private static @Nullable Long number(@Nullable String text) {
        if (text == null || text.isEmpty()) {
            return null;
        }
        return Long.valueOf(text);
    }

    private static Mono<Void> stopping() {
        return Mono.error(new ProblemException(
                ProblemType.UNAVAILABLE, "This node is stopping; connect again", Duration.ofSeconds(1)));
    }

    private static Mono<Void> problem(ProblemType type, String detail) {
        return Mono.error(new ProblemException(type, detail));
    }
}
