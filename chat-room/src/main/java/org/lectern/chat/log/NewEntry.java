package org.lectern.chat.log;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.UUID;
import org.lectern.chat.protocol.Deed;
import org.lectern.chat.protocol.Person;

/**
 * Something to be written into a room's sequence.
 *
 * @param id the client's own id, unique for this person and room
 * @param user whose doing it is
 * @param staff whether that person teaches or runs the course, by the launch they came with
 * @param deed what
 * @param at when it was accepted, in whole milliseconds
 */
public record NewEntry(String id, Person user, boolean staff, Deed deed, Instant at) {

    /** The kind of entry that the deed becomes, as the table names it. */
    String kind() {
        return switch (deed) {
            case Deed.Say say -> "message";
            case Deed.Edit edit -> "edit";
            case Deed.Delete delete -> "delete";
            case Deed.React react -> "reaction";
            case Deed.Pin pin -> "pin";
            case Deed.Moderate moderate -> "moderation";
        };
    }

    /** The same for the same content; says nothing about it. */
    UUID fingerprint() {
        return UUID.nameUUIDFromBytes(deed.content().getBytes(StandardCharsets.UTF_8));
    }
}
