package org.lectern.app.lti.launch;

import java.util.Collection;
import java.util.EnumSet;
import java.util.Set;
import org.lectern.infra.session.CourseRole;

/**
 * Reads LTI roles (CORE appendix A). Only roles of the context count in a course, with one exception: administrators of
 * the institution or the system are administrators. A role we do not know counts for nothing.
 *
 * <p>A platform sends the principal role beside a sub-role: a teaching assistant comes as {@code
 * Instructor#TeachingAssistant} and {@code #Instructor}. So {@code #Instructor} beside that sub-role does not make an
 * instructor, unless another of the instructor's sub-roles stands there too.
 */
public final class LaunchRoles {

    private static final String VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/";
    private static final String CONTEXT_ROLE = VOCABULARY + "membership#";
    private static final String CONTEXT_SUB_ROLE = VOCABULARY + "membership/";
    private static final String INSTITUTION_ROLE = VOCABULARY + "institution/person#";
    private static final String SYSTEM_ROLE = VOCABULARY + "system/person#";
    private static final String ASSISTANT = "TeachingAssistant";

    private LaunchRoles() {}

    /** The course roles of a launch, or of a member in a roster. */
    public static Set<CourseRole> of(Collection<String> roles) {
        Set<CourseRole> found = EnumSet.noneOf(CourseRole.class);
        boolean principalInstructor = false;
        boolean assistant = false;
        boolean otherInstructor = false;
        for (String role : roles) {
            switch (contextRole(role)) {
                case "Learner", "Student" -> found.add(CourseRole.STUDENT);
                case "Instructor" -> principalInstructor = true;
                case "Administrator" -> found.add(CourseRole.ADMINISTRATOR);
                case ASSISTANT -> assistant = true;
                default -> {}
            }
            if (role.startsWith(CONTEXT_SUB_ROLE + "Instructor#")) {
                if (role.substring(role.indexOf('#') + 1).startsWith(ASSISTANT)) {
                    assistant = true;
                } else {
                    otherInstructor = true;
                }
            } else if (role.startsWith(CONTEXT_SUB_ROLE + "Learner#")) {
                found.add(CourseRole.STUDENT);
            } else if (role.startsWith(CONTEXT_SUB_ROLE + "Administrator#")
                    || role.equals(INSTITUTION_ROLE + "Administrator")
                    || role.equals(SYSTEM_ROLE + "Administrator")
                    || role.equals(SYSTEM_ROLE + "SysAdmin")) {
                found.add(CourseRole.ADMINISTRATOR);
            }
        }
        if (assistant) {
            found.add(CourseRole.TA);
        }
        if (otherInstructor || (principalInstructor && !assistant)) {
            found.add(CourseRole.INSTRUCTOR);
        }
        return found;
    }

    /**
     * Whether roles are those of somebody who administers the platform itself. An administrator of a course is not:
     * platforms give that role to people who teach.
     */
    static boolean administersPlatform(Collection<String> roles) {
        return roles.contains(INSTITUTION_ROLE + "Administrator")
                || roles.contains(SYSTEM_ROLE + "Administrator")
                || roles.contains(SYSTEM_ROLE + "SysAdmin");
    }

    /** The simple name of a context role: its URI's fragment, or the short form that older platforms send. */
    private static String contextRole(String role) {
        if (role.startsWith(CONTEXT_ROLE)) {
            return role.substring(CONTEXT_ROLE.length());
        }
        return role.indexOf(':') < 0 ? role : "";
    }
}
