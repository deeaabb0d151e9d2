package org.lectern.infra.session;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** A person's role in one context, as its launch said. */
public enum CourseRole {
    /** LTI {@code membership#Learner}. */
    STUDENT,
    /** LTI {@code membership/Instructor#TeachingAssistant}. */
    TA,
    /** LTI {@code membership#Instructor}. */
    INSTRUCTOR,
    /** LTI administrator of the institution, the system or the context. */
    ADMINISTRATOR;

    /** The name on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
