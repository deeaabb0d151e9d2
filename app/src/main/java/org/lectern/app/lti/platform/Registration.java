package org.lectern.app.lti.platform;

import java.net.URI;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A platform's registration: one client id of one issuer.
 *
 * @param id our own id
 * @param issuer the platform's {@code iss}
 * @param clientId the id the platform gave to Lectern
 * @param name what people call it
 * @param authorizationEndpoint where logins are sent
 * @param tokenEndpoint where service tokens come from, if it has any
 * @param tokenAudience what the token endpoint is called in assertions, where that is not its address
 * @param jwksUri where its public keys are
 * @param trustedAddresses whether its addresses may lead into loopback and private networks
 * @param approval whether an operator agreed to it
 * @param paused whether its launches are refused for now
 * @param operators whether its administrators are operators of this server
 * @param anonymousLaunches whether launches without {@code sub} are accepted
 * @param pendingDeployments whether an unknown deployment is noted for approval
 */
public record Registration(
        UUID id,
        String issuer,
        String clientId,
        String name,
        URI authorizationEndpoint,
        @Nullable URI tokenEndpoint,
        @Nullable String tokenAudience,
        URI jwksUri,
        boolean trustedAddresses,
        Approval approval,
        boolean paused,
        boolean operators,
        boolean anonymousLaunches,
        boolean pendingDeployments) {

    /**
     * The {@code aud} of assertions for its token endpoint: what the platform said, else the endpoint's address (LTI
     * Security Framework 1.0, section 4.1.1). Null where it has no token endpoint.
     */
    public @Nullable String assertionAudience() {
        return tokenEndpoint == null || tokenAudience != null ? tokenAudience : tokenEndpoint.toString();
    }

    /** Whether an operator agreed to it and nobody paused it: only then it launches, calls services and is listened to. */
    public boolean open() {
        return approval == Approval.APPROVED && !paused;
    }
}
