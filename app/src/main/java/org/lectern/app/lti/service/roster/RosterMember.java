package org.lectern.app.lti.service.roster;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.launch.LaunchRoles;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.infra.session.CourseRole;
import tools.jackson.databind.JsonNode;

/**
 * A person of a roster (NRPS 2.0, section 2).
 *
 * @param subject the platform's id of the person
 * @param present whether the person takes part now: false for {@code Inactive} and {@code Deleted}
 * @param name display name, where the platform gives one
 * @param email address, where the platform gives one
 * @param roles course roles
 * @param groups ids of the groups that the person is in
 */
record RosterMember(
        String subject,
        boolean present,
        @Nullable String name,
        @Nullable String email,
        Set<CourseRole> roles,
        List<String> groups) {

    private static final int ID_LIMIT = 255;
    private static final int NAME_LIMIT = 200;
    private static final int EMAIL_LIMIT = 320;

    /** Copies the collections. */
    RosterMember {
        roles = Set.copyOf(roles);
        groups = List.copyOf(groups);
    }

    /**
     * Reads a member.
     *
     * @throws PlatformFailureException when it names nobody
     */
    static RosterMember of(JsonNode node) {
        String subject = node.path("user_id").asString("");
        if (subject.isBlank() || subject.length() > ID_LIMIT || subject.chars().anyMatch(c -> c < ' ' || c > '~')) {
            throw new PlatformFailureException(
                    PlatformFailureException.Kind.UNUSABLE, "a member of the roster has no user_id of use");
        }
        String status = node.path("status").asString("Active").toLowerCase(Locale.ROOT);
        String name = text(node, "name", NAME_LIMIT);
        if (name == null) {
            name = Stream.of("given_name", "family_name")
                    .map(part -> text(node, part, NAME_LIMIT / 2))
                    .filter(part -> part != null)
                    .collect(Collectors.joining(" "));
        }
        return new RosterMember(
                subject,
                status.equals("active"),
                name.isBlank() ? null : name,
                text(node, "email", EMAIL_LIMIT),
                LaunchRoles.of(StreamSupport.stream(node.path("roles").spliterator(), false)
                        .map(role -> role.asString(""))
                        .toList()),
                StreamSupport.stream(node.path("group_enrollments").spliterator(), false)
                        .map(group -> group.path("group_id").asString(""))
                        .filter(group -> !group.isEmpty())
                        .toList());
    }

    private static @Nullable String text(JsonNode node, String field, int limit) {
        String clean = node.path(field)
                .asString("")
                .codePoints()
                .limit(limit)
                .map(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT ? ' ' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString()
                .strip();
        return clean.isEmpty() ? null : clean;
    }

    /** Keeps the person out of logs. */
    @Override
    public String toString() {
        return "RosterMember[roles=" + roles + ", present=" + present + "]";
    }
}
