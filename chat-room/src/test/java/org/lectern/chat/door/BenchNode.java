package org.lectern.chat.door;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;

/** A chat node for {@code bench/chat.sh}, with sessions for so many people of one room; arguments are its settings. */
public final class BenchNode {

    /** The room that everybody is in. */
    public static final UUID ROOM = new UUID(7, 7);

    private static final int PEOPLE = 20_000;

    private BenchNode() {}

    /** The session of a person, by number. */
    public static UUID session(int person) {
        return new UUID(1, person);
    }

    /** Starts the node; it says "ready" when it serves. */
    public static void main(String[] arguments) {
        for (int person = 0; person < PEOPLE; person++) {
            UUID id = session(person);
            TestNode.SESSIONS.put(
                    id,
                    new LaunchSession(
                            id,
                            new UUID(2, person),
                            "Person " + person,
                            new ContextId(ROOM),
                            "Course",
                            Set.of(CourseRole.STUDENT),
                            false,
                            Instant.now().plusSeconds(36_000)));
        }
        Map<String, Object> properties = new HashMap<>();
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            properties.put(parts[0], parts[1]);
        }
        TestNode.start(properties);
        System.out.println("ready");
    }
}
