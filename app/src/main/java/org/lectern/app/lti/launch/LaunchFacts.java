package org.lectern.app.lti.launch;

import java.net.URI;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.session.LaunchTarget;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;

/**
 * A launch that kept every rule, for those who build on it: endpoints of services, deep linking and its kin.
 *
 * @param registration the platform
 * @param type which message it was
 * @param deploymentId the deployment it came from
 * @param context the course
 * @param userId Lectern's id of the person
 * @param subject the platform's id of the person; null in an anonymous launch
 * @param roles the roles of the launch
 * @param resourceLinkId the link that was followed, where the message belongs to one
 * @param target the page it leads to
 * @param item what on that page; for messages with a row of their own, the row's id
 * @param origin scheme, host and port under which the browser reached Lectern
 * @param claims every claim of the token, verified
 */
public record LaunchFacts(
        Registration registration,
        MessageType type,
        String deploymentId,
        ContextId context,
        UUID userId,
        @Nullable String subject,
        Set<CourseRole> roles,
        @Nullable String resourceLinkId,
        LaunchTarget target,
        @Nullable String item,
        URI origin,
        Map<String, Object> claims) {

    /** Leaves the person out. */
    @Override
    public String toString() {
        return "LaunchFacts[type=" + type + ", context=" + context + ", target=" + target + "]";
    }
}
