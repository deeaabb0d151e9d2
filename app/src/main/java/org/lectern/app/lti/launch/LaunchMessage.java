package org.lectern.app.lti.launch;

import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.app.session.LaunchTarget;
import org.lectern.infra.session.CourseRole;

/**
 * What a verified launch said.
 *
 * @param deploymentId the deployment it came from
 * @param subject the person, or null in an anonymous launch
 * @param name display name, where given
 * @param email address, where given
 * @param roles course roles
 * @param contextId LTI's id of the context, or null where the platform names none
 * @param contextTitle the context's title (or label), where given
 * @param resourceLinkId LTI's id of the link that was followed; only links have one for certain
 * @param type which message it is
 * @param target the page it leads to
 * @param item what on that page, where the link says so
 */
record LaunchMessage(
        String deploymentId,
        @Nullable String subject,
        @Nullable String name,
        @Nullable String email,
        Set<CourseRole> roles,
        @Nullable String contextId,
        @Nullable String contextTitle,
        @Nullable String resourceLinkId,
        MessageType type,
        LaunchTarget target,
        @Nullable String item) {

    /** Leaves the person out. */
    @Override
    public String toString() {
        return "LaunchMessage[deploymentId=" + deploymentId + ", roles=" + roles + ", type=" + type + ", target="
                + target + "]";
    }
}
