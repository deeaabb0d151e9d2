package org.lectern.app.lti.service.endpoint;

import java.net.URI;
import java.util.Set;
import org.lectern.app.lti.platform.Registration;
import org.lectern.db.ContextId;

/**
 * A service of a platform, for one course.
 *
 * @param registration the platform
 * @param deploymentId the deployment that the course belongs to
 * @param context the course
 * @param kind which service
 * @param url its address, which may carry a query of its own
 * @param scopes what tokens for it may be asked for
 */
public record Endpoint(
        Registration registration,
        String deploymentId,
        ContextId context,
        ServiceKind kind,
        URI url,
        Set<String> scopes) {

    /** Copies the scopes. */
    public Endpoint {
        scopes = Set.copyOf(scopes);
    }
}
