package org.lectern.chat.log;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Person;

/**
 * A mute or a ban that holds.
 *
 * @param person of whom
 * @param kind {@code mute} or {@code ban}
 * @param until when it ends by itself, or null
 * @param reason why, where staff said so
 * @param by who set it
 * @param at when
 */
public record Sanction(
        Person person,
        String kind,
        @Nullable Instant until,
        @Nullable String reason,
        UUID by,
        Instant at) {}
