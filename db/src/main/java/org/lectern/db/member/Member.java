package org.lectern.db.member;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;

/**
 * A person in a course.
 *
 * @param context the course
 * @param userId Lectern's id of the person
 * @param name display name, where the platform gave one
 * @param email address, where the platform gave one
 * @param roles names of the roles in this course, as the last launch or roster said
 * @param section section or group of the course, where known
 * @param firstSeen when the person first appeared here
 * @param lastSeen when the person last appeared here
 */
public record Member(
        ContextId context,
        UUID userId,
        @Nullable String name,
        @Nullable String email,
        Set<String> roles,
        @Nullable String section,
        Instant firstSeen,
        Instant lastSeen) {

    /** Copies the roles. */
    public Member {
        roles = Set.copyOf(roles);
    }

    /** Keeps the person out of logs. */
    @Override
    public String toString() {
        return "Member[" + context + ", " + userId + "]";
    }
}
