package org.lectern.app.demo;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A role in a course of the demo LMS, with the LTI roles that an LMS sends for it. */
enum DemoRole {
    STUDENT("Student"),
    TA("Teaching assistant"),
    INSTRUCTOR("Instructor"),
    ADMINISTRATOR("Administrator");

    private static final String VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/";

    private final String label;

    DemoRole(String label) {
        this.label = label;
    }

    static Optional<DemoRole> of(String key) {
        return Arrays.stream(values()).filter(role -> role.key().equals(key)).findFirst();
    }

    /** The name in forms: lower case. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The name people read. */
    public String label() {
        return label;
    }

    List<String> ltiRoles() {
        return switch (this) {
            case STUDENT -> uris("membership#Learner", "institution/person#Student");
            case TA ->
                uris("membership/Instructor#TeachingAssistant", "membership#Instructor", "institution/person#Student");
            case INSTRUCTOR -> uris("membership#Instructor", "institution/person#Instructor");
            case ADMINISTRATOR -> uris("membership#Administrator", "institution/person#Administrator");
        };
    }

    private static List<String> uris(String... names) {
        return Arrays.stream(names).map(VOCABULARY::concat).toList();
    }
}
