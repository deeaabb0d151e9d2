package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.lectern.infra.session.CourseRole;

class LaunchRolesTest {

    private static final String MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#";
    private static final String SUB_ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership/";
    private static final String INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#";
    private static final String SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person#";

    @Test
    void readsContextRolesByUriAndByShortName() {
        assertThat(roles(MEMBERSHIP + "Learner")).containsExactly(CourseRole.STUDENT);
        assertThat(roles("Learner")).containsExactly(CourseRole.STUDENT);
        assertThat(roles("Instructor")).containsExactly(CourseRole.INSTRUCTOR);
        assertThat(roles(MEMBERSHIP + "Instructor", MEMBERSHIP + "Learner"))
                .containsExactlyInAnyOrder(CourseRole.INSTRUCTOR, CourseRole.STUDENT);
    }

    @Test
    void anAssistantIsNoInstructorThoughPlatformsSendThePrincipalRoleToo() {
        assertThat(roles(SUB_ROLE + "Instructor#TeachingAssistant", MEMBERSHIP + "Instructor"))
                .containsExactly(CourseRole.TA);
        assertThat(roles(SUB_ROLE + "Instructor#TeachingAssistantSection")).containsExactly(CourseRole.TA);
        assertThat(roles(
                        SUB_ROLE + "Instructor#TeachingAssistant",
                        SUB_ROLE + "Instructor#PrimaryInstructor",
                        MEMBERSHIP + "Instructor"))
                .containsExactlyInAnyOrder(CourseRole.TA, CourseRole.INSTRUCTOR);
    }

    @Test
    void rolesOfTheInstitutionGiveNoRightsInACourseButAdministratorsTheirs() {
        assertThat(roles(INSTITUTION + "Instructor", INSTITUTION + "Faculty")).isEmpty();
        assertThat(roles(INSTITUTION + "Administrator")).containsExactly(CourseRole.ADMINISTRATOR);
        assertThat(roles(SYSTEM + "Administrator")).containsExactly(CourseRole.ADMINISTRATOR);
        assertThat(roles(SUB_ROLE + "Administrator#Developer")).containsExactly(CourseRole.ADMINISTRATOR);
    }

    @Test
    void onlyAdministratorsOfTheInstitutionOrTheSystemAdministerThePlatform() {
        for (String role : List.of(INSTITUTION + "Administrator", SYSTEM + "Administrator", SYSTEM + "SysAdmin")) {
            assertThat(LaunchRoles.administersPlatform(List.of(MEMBERSHIP + "Learner", role)))
                    .as(role)
                    .isTrue();
        }
        assertThat(LaunchRoles.administersPlatform(List.of(
                        MEMBERSHIP + "Administrator",
                        "Administrator",
                        SUB_ROLE + "Administrator#SystemAdministrator",
                        INSTITUTION + "Faculty",
                        "http://evil.example/institution/person#Administrator")))
                .isFalse();
    }

    @Test
    void whatIsNotKnownCountsForNothing() {
        assertThat(roles()).isEmpty();
        assertThat(roles(MEMBERSHIP + "Wizard", "urn:lti:role:ims/lis/Instructor", "instructor", ""))
                .isEmpty();
        assertThat(roles("http://evil.example/membership#Instructor")).isEmpty();
    }

    private static Set<CourseRole> roles(String... roles) {
        return LaunchRoles.of(List.of(roles));
    }
}
