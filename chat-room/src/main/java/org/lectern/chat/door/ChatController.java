package org.lectern.chat.door;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.live.LiveRooms;
import org.lectern.chat.log.RoomLog;
import org.lectern.chat.protocol.ClientFrame;
import org.lectern.chat.protocol.Link;
import org.lectern.chat.protocol.MalformedFrameException;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.HttpStatus;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.UriComponentsBuilder;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** Doing things in a room over HTTP: tickets for sockets, and everything a socket does for those who have none. */
@RestController
@RequestMapping("/api/chat")
@ConditionalOnRole(NodeRole.CHAT)
class ChatController {

    private final Tickets tickets;
    private final Door door;
    private final Drain drain;
    private final Gate gate;
    private final LiveRooms rooms;
    private final RoomLog roomLog;
    private final Limits limits;
    private final JsonMapper json;

    ChatController(
            Tickets tickets,
            Door door,
            Drain drain,
            Gate gate,
            LiveRooms rooms,
            RoomLog roomLog,
            Limits limits,
            JsonMapper json) {
        this.tickets = tickets;
        this.door = door;
        this.drain = drain;
        this.gate = gate;
        this.rooms = rooms;
        this.roomLog = roomLog;
        this.limits = limits;
        this.json = json;
    }

    /**
     * A ticket for one socket.
     *
     * @param url where to connect; the client adds {@code &epoch=&since=}
     * @param ticket the ticket alone, for clients that build the address themselves
     */
    record TicketDocument(String url, String ticket) {}

    /**
     * Something to say.
     *
     * @param contextId the course
     * @param id the client's own id of the message
     * @param text 1 to 4000 characters
     * @param replyTo number of the message that this answers, where it does
     * @param links what is attached, at most 5
     */
    record MessageRequest(
            @Nullable String contextId,
            @Nullable String id,
            @Nullable String text,
            @Nullable Long replyTo,
            @Nullable List<Link> links) {}

    /**
     * Something to do in a room; the same fields as the frame of that type over a socket.
     *
     * @param type {@code send}, {@code edit}, {@code delete}, {@code react}, {@code pin} or {@code moderate}
     * @param id the client's own id of it
     * @param text for send and edit: 1 to 4000 characters
     * @param replyTo for send: number of the message that this answers
     * @param links for send: what is attached, at most 5
     * @param target for edit, delete, react and pin: number of the message
     * @param emoji for react: one emoji
     * @param on for react and pin: set or take back; true when left out
     * @param action for moderate: {@code mute}, {@code unmute}, {@code ban}, {@code unban}, {@code slow},
     *     {@code announce} or {@code open}
     * @param subject for moderate: the person whom mute, unmute, ban and unban concern
     * @param until for mute and ban: when it ends by itself; left out for never
     * @param seconds for slow: the pause between two messages of a person
     * @param reason for delete and moderate: for the audit log
     */
    record EntryRequest(
            @Nullable String type,
            @Nullable String id,
            @Nullable String text,
            @Nullable Long replyTo,
            @Nullable List<Link> links,
            @Nullable Long target,
            @Nullable String emoji,
            @Nullable Boolean on,
            @Nullable String action,
            @Nullable String subject,
            @Nullable String until,
            @Nullable Integer seconds,
            @Nullable String reason) {}

    /**
     * Up to where somebody has read.
     *
     * @param seq the last number seen
     */
    record ReadRequest(@Nullable Long seq) {}

    /**
     * A committed entry.
     *
     * @param id the client's own id
     * @param seq its place in the room
     */
    record EntryReceipt(String id, long seq) {}

    /** Reserves a seat in the room and answers where to connect; 503 when the room is full or this node stops. */
    @PostMapping("/rooms/{contextId}/tickets")
    Mono<TicketDocument> ticket(
            @PathVariable String contextId, @AuthenticationPrincipal LaunchSession session, ServerHttpRequest request) {
        // Whether the person is banned is looked at with the seats, for all who come together.
        return Mono.defer(() -> ticket(gate.member(session, contextId).room(), session, request));
    }

    private Mono<TicketDocument> ticket(ContextId room, LaunchSession session, ServerHttpRequest request) {
        if (drain.draining()) {
            throw new ProblemException(
                    ProblemType.UNAVAILABLE, "This node is stopping; ask again", Duration.ofSeconds(1));
        }
        if (!limits.permitTicket(room, session.userId())) {
            throw new ProblemException(
                    ProblemType.RATE_LIMITED, "Too many tickets; use the one you have", Duration.ofSeconds(1));
        }
        return tickets.issue(session).map(issued -> switch (issued) {
            case Tickets.Issued.Ticket ticket ->
                new TicketDocument(address(request.getURI(), room, ticket.shard(), ticket.secret()), ticket.secret());
            case Tickets.Issued.RoomFull full ->
                throw new ProblemException(
                        ProblemType.ROOM_FULL, "Every place in this room is taken", Duration.ofSeconds(30));
            case Tickets.Issued.Banned banned -> throw Gate.banned();
        });
    }

    /** Says something without a socket. The same id again answers the same number; with another text, 409. */
    @PostMapping("/message")
    Mono<EntryReceipt> message(@RequestBody MessageRequest request, @AuthenticationPrincipal LaunchSession session) {
        String contextId = request.contextId();
        String id = request.id();
        String text = request.text();
        if (contextId == null || id == null || text == null) {
            throw invalid("context_id, id and text are needed");
        }
        return act(
                session,
                contextId,
                new EntryRequest(
                        "send",
                        id,
                        text,
                        request.replyTo(),
                        request.links(),
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null));
    }

    /** Does what frames over a socket do. The same id again answers the same number; with other content, 409. */
    @PostMapping("/rooms/{contextId}/entries")
    Mono<EntryReceipt> entry(
            @PathVariable String contextId,
            @RequestBody(required = false) @Nullable EntryRequest request,
            @AuthenticationPrincipal LaunchSession session) {
        return act(session, contextId, request);
    }

    /** Notes up to where this person has read, for those who have no socket. */
    @PostMapping("/rooms/{contextId}/read")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> read(
            @PathVariable String contextId,
            @RequestBody(required = false) @Nullable ReadRequest request,
            @AuthenticationPrincipal LaunchSession session) {
        return gate.enter(session, contextId)
                .flatMap(entered -> {
                    @Nullable Long seq = request == null ? null : request.seq();
                    if (seq == null || seq < 0) {
                        throw invalid("seq must be a number from 0");
                    }
                    checkSign(entered);
                    return roomLog.markRead(
                            entered.room(), Map.of(entered.person().id(), seq));
                })
                .then();
    }

    /** Says that this person is writing, for those who have no socket. */
    @PostMapping("/rooms/{contextId}/typing")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> typing(@PathVariable String contextId, @AuthenticationPrincipal LaunchSession session) {
        return gate.enter(session, contextId)
                .doOnNext(entered -> {
                    checkSign(entered);
                    rooms.typing(entered.room(), entered.person().id());
                })
                .then();
    }

    private void checkSign(Gate.Entered entered) {
        if (!limits.permitSign(entered.room(), entered.person().id())) {
            throw new ProblemException(
                    ProblemType.RATE_LIMITED, "Too many requests of this kind; slow down", Duration.ofSeconds(1));
        }
    }

    private Mono<EntryReceipt> act(LaunchSession session, String contextId, @Nullable EntryRequest request) {
        return Mono.defer(() -> {
            // Whether the person is banned is judged with the commit; asking before would cost a read for each message.
            Gate.Entered entered = gate.member(session, contextId);
            ClientFrame.Act act = deed(request);
            return door.act(entered.room(), entered.person(), session.staff(), act.id(), act.deed())
                    .map(outcome -> switch (outcome) {
                        case Door.Outcome.Committed done -> new EntryReceipt(act.id(), done.seq());
                        case Door.Outcome.Refused refused ->
                            throw new ProblemException(
                                    refused.code().problem(), refused.detail(), refused.retryAfter());
                    });
        });
    }

    private ClientFrame.Act deed(@Nullable EntryRequest request) {
        try {
            if (rooms.codec().decode(json.valueToTree(request)) instanceof ClientFrame.Act act) {
                return act;
            }
        } catch (MalformedFrameException e) {
            throw invalid(e.answer().detail());
        }
        throw invalid("type must be send, edit, delete, react, pin or moderate");
    }

    private static String address(URI request, ContextId room, int shard, String ticket) {
        boolean secure = "https".equalsIgnoreCase(request.getScheme());
        return UriComponentsBuilder.fromUri(request)
                .scheme(secure ? "wss" : "ws")
                .replacePath("/ws/chat/" + room)
                .replaceQuery(null)
                .queryParam("shard", shard)
                .queryParam("ticket", ticket)
                .toUriString();
    }

    private static ProblemException invalid(String detail) {
        return new ProblemException(ProblemType.INVALID_REQUEST, detail);
    }
}
