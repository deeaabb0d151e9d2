package org.lectern.chat.door;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Person;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.LaunchSession;

/** The one place that says who may do what in a room. */
final class ChatAccess {

    private ChatAccess() {}

    /** Reading a room and writing into it is for the people of its course, whatever their role. */
    static Person enter(LaunchSession session, ContextId room) {
        session.requireContext(room);
        return new Person(session.userId(), session.name());
    }

    /** Moderation and what it leaves behind are for instructors, teaching assistants and administrators of the course. */
    static Person moderate(LaunchSession session, ContextId room) {
        Person person = enter(session, room);
        if (!session.staff()) {
            throw new ProblemException(ProblemType.FORBIDDEN, "Only staff of the course may do that");
        }
        return person;
    }

    /**
     * Pages that may open sockets: the server's own, and those of the settings. A client that names no origin is not a
     * browser; its ticket is what counts.
     */
    static boolean originPermitted(@Nullable String origin, String ownOrigin, List<String> others) {
        return origin == null || origin.equalsIgnoreCase(ownOrigin) || others.contains(origin);
    }
}
