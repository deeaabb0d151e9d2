package org.lectern.app.demo;

import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who opens what: it travels through the login as {@code lti_message_hint} and comes back to the platform.
 *
 * @param course the course
 * @param person who
 * @param role in which role
 * @param target which page of the tool, {@code place} for deep linking, or the id of a placed link
 */
record DemoLaunch(DemoSchool.Course course, DemoSchool.Person person, DemoRole role, String target) {

    /** Not a page: the request to pick content for the course. */
    static final String PLACE = "place";

    private static final Pattern LINK = Pattern.compile("link-[0-9]{1,9}");
    private static final Set<String> TARGETS = Set.of("chat", "video", "dashboard", "ops", PLACE);

    /** Reads the fields of a form; empty when one is missing or of no use. */
    static Optional<DemoLaunch> of(
            @Nullable String course, @Nullable String person, @Nullable String role, @Nullable String target) {
        if (course == null || person == null || role == null || target == null || !known(target)) {
            return Optional.empty();
        }
        return DemoSchool.course(course)
                .flatMap(inCourse -> DemoSchool.person(person)
                        .flatMap(who -> DemoRole.of(role).map(as -> new DemoLaunch(inCourse, who, as, target))));
    }

    /** Reads what {@link #hint} wrote. */
    static Optional<DemoLaunch> ofHint(@Nullable String hint) {
        if (hint == null) {
            return Optional.empty();
        }
        String[] fields = hint.split("~", -1);
        return fields.length == 4 ? of(fields[0], fields[1], fields[2], fields[3]) : Optional.empty();
    }

    boolean places() {
        return target.equals(PLACE);
    }

    private static boolean known(String target) {
        return TARGETS.contains(target) || LINK.matcher(target).matches();
    }

    String hint() {
        return String.join("~", course.key(), person.key(), role.key(), target);
    }
}
