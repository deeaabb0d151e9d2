package org.lectern.chat.live;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Person;
import org.lectern.chat.protocol.ServerFrame;

/**
 * Who is in a room: those on this node, and what the other nodes said of theirs. What a node said holds for a while, so
 * that the people of a node that died fade. Thread-safe; times are of {@link System#nanoTime()} and passed in.
 */
final class PresenceBoard {

    static final int NAMED_LIMIT = 50;
    private static final long TYPING_NANOS = 5_000_000_000L;
    private static final long REMOTE_NANOS = 15_000_000_000L;
    private static final long REPEAT_NANOS = 5_000_000_000L;

    /**
     * What a node says of its people in a room.
     *
     * @param node the node
     * @param count how many people
     * @param people some of them
     * @param typing those who are writing
     */
    record Summary(String node, int count, List<Person> people, List<Person> typing) {
        static final Comparator<Person> BY_ID = Comparator.comparing(Person::id);
    }

    private record Remote(Summary summary, long until) {}

    private final Map<UUID, Long> typingUntil = new HashMap<>();
    private final Map<String, Remote> remotes = new HashMap<>();
    private @Nullable Summary said;
    private long saidAt;
    private ServerFrame.@Nullable Presence shown;

    synchronized void typing(UUID person, long now) {
        typingUntil.put(person, now + TYPING_NANOS);
    }

    /** A message ends the typing of who sent it. */
    synchronized void wrote(UUID person) {
        typingUntil.remove(person);
    }

    synchronized void heard(Summary summary, long now) {
        remotes.put(summary.node(), new Remote(summary, now + REMOTE_NANOS));
    }

    /** What this node has to tell the others now; null when they know it. */
    synchronized @Nullable Summary toSay(String node, Collection<Attendee> attendees, long now) {
        typingUntil.values().removeIf(until -> until - now < 0);
        Map<UUID, Person> here = new HashMap<>();
        attendees.forEach(attendee -> here.put(attendee.person().id(), attendee.person()));
        List<Person> people =
                here.values().stream().sorted(Summary.BY_ID).limit(NAMED_LIMIT).toList();
        List<Person> typing = typingUntil.keySet().stream()
                .filter(here::containsKey)
                .map(here::get)
                .sorted(Summary.BY_ID)
                .limit(NAMED_LIMIT)
                .toList();
        Summary summary = new Summary(node, here.size(), people, typing);
        boolean repeated = summary.equals(said);
        if (repeated && now - saidAt < REPEAT_NANOS) {
            return null;
        }
        said = summary;
        saidAt = now;
        return summary;
    }

    /** What clients here have to be told now; null when they know it. */
    synchronized ServerFrame.@Nullable Presence toShow(long now) {
        remotes.values().removeIf(remote -> remote.until() - now < 0);
        int count = 0;
        Map<UUID, Person> people = new HashMap<>();
        Map<UUID, Person> typing = new HashMap<>();
        List<Summary> all = new ArrayList<>();
        if (said != null) {
            all.add(said);
        }
        remotes.values().forEach(remote -> all.add(remote.summary()));
        int twice = 0;
        for (Summary summary : all) {
            count += summary.count();
            for (Person person : summary.people()) {
                twice += people.put(person.id(), person) == null ? 0 : 1;
            }
            summary.typing().forEach(person -> typing.put(person.id(), person));
        }
        // Somebody with sockets on two nodes counts once, as far as names are known.
        ServerFrame.Presence presence =
                new ServerFrame.Presence(count - twice, ordered(people.values()), ordered(typing.values()));
        if (presence.equals(shown)) {
            return null;
        }
        shown = presence;
        return presence;
    }

    private static List<Person> ordered(Collection<Person> people) {
        return people.stream().sorted(Summary.BY_ID).limit(NAMED_LIMIT).toList();
    }
}
