package org.lectern.chat.door;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import org.lectern.chat.protocol.Person;
import org.lectern.infra.session.CourseRole;

/**
 * Whoever a ticket let in.
 *
 * @param session the session that got the ticket
 * @param person who
 * @param roles the roles of that launch
 * @param sessionExpiresAt when the socket has to go
 * @param shard the room's shard where a seat was reserved
 */
record Guest(UUID session, Person person, Set<CourseRole> roles, Instant sessionExpiresAt, int shard) {

    Guest {
        roles = Set.copyOf(roles);
    }

    /** Whether this person teaches or runs the course, as {@link org.lectern.infra.session.LaunchSession#staff()}. */
    boolean staff() {
        return roles.contains(CourseRole.INSTRUCTOR)
                || roles.contains(CourseRole.TA)
                || roles.contains(CourseRole.ADMINISTRATOR);
    }
}
