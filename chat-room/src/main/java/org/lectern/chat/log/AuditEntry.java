package org.lectern.chat.log;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Person;

/**
 * Something that staff did.
 *
 * @param id of this line
 * @param by who
 * @param action what: an action of moderation, {@code delete}, {@code pin}, {@code unpin} or {@code export}
 * @param subject the person concerned, where there is one
 * @param target the message concerned, where there is one
 * @param reason why, where they said so
 * @param until when it ends by itself, where it does
 * @param seconds the pause of slow mode
 * @param at when
 */
public record AuditEntry(
        UUID id,
        Person by,
        String action,
        @Nullable UUID subject,
        @Nullable Long target,
        @Nullable String reason,
        @Nullable Instant until,
        @Nullable Integer seconds,
        Instant at) {}
