package org.lectern.chat.door;

import org.lectern.chat.log.RoomLog;
import org.lectern.chat.protocol.ErrorCode;
import org.lectern.chat.protocol.Person;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Lets requests into a room: those of its course ({@link ChatAccess}) who are not banned. Bans are looked up for each
 * request, so they hold on every node from their commit on.
 */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class Gate {

    private final RoomLog roomLog;

    Gate(RoomLog roomLog) {
        this.roomLog = roomLog;
    }

    /** The person who enters; errors with FORBIDDEN, or NOT_FOUND when the text names no room. */
    Mono<Entered> enter(LaunchSession session, String contextId) {
        Entered in = member(session, contextId);
        if (session.staff()) {
            return Mono.just(in);
        }
        return roomLog.entrance(in.room(), in.person().id()).map(entrance -> {
            if (entrance.banned()) {
                throw banned();
            }
            return in;
        });
    }

    /** Somebody of the course, banned or not, for what finds that out by itself; throws as {@link #enter} errors. */
    Entered member(LaunchSession session, String contextId) {
        ContextId room = room(contextId);
        return new Entered(room, ChatAccess.enter(session, room));
    }

    /** The same for staff only. */
    Mono<Entered> enterAsStaff(LaunchSession session, String contextId) {
        ContextId room = room(contextId);
        ChatAccess.moderate(session, room);
        return enter(session, contextId);
    }

    /** What who is banned is told. */
    static ProblemException banned() {
        return new ProblemException(ErrorCode.BANNED.problem(), "You were banned from this room");
    }

    private static ContextId room(String text) {
        try {
            return ContextId.parse(text);
        } catch (IllegalArgumentException e) {
            throw new ProblemException(ProblemType.NOT_FOUND, "There is no such room");
        }
    }

    /** Who came in where. */
    record Entered(ContextId room, Person person) {}
}
