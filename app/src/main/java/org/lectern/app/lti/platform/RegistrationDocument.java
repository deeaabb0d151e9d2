package org.lectern.app.lti.platform;

import java.net.URI;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A registration, for operators.
 *
 * @param id Lectern's id of it
 * @param name what people call it
 * @param issuer the platform's {@code iss}
 * @param clientId the id the platform gave to Lectern
 * @param authorizationEndpoint where logins are sent
 * @param tokenEndpoint where service tokens come from, if it has any
 * @param tokenAudience what the token endpoint is called in assertions, where that is not its address
 * @param jwksUri where its public keys are
 * @param source configuration, demo, api or dynamic
 * @param approval pending, approved or denied
 * @param paused whether its launches are refused for now
 * @param trustedAddresses whether its addresses may be http, loopback or private
 * @param operators whether its administrators are operators of this server
 * @param anonymousLaunches whether launches without {@code sub} are accepted
 * @param pendingDeployments whether an unknown deployment is noted for approval
 * @param activeDeploymentCount how many deployments may launch
 * @param pendingDeploymentCount how many deployments wait for an operator
 * @param createdAt when it was registered
 * @param updatedAt when it was last changed
 */
record RegistrationDocument(
        UUID id,
        String name,
        String issuer,
        String clientId,
        URI authorizationEndpoint,
        @Nullable URI tokenEndpoint,
        @Nullable String tokenAudience,
        URI jwksUri,
        String source,
        Approval approval,
        boolean paused,
        boolean trustedAddresses,
        boolean operators,
        boolean anonymousLaunches,
        boolean pendingDeployments,
        long activeDeploymentCount,
        long pendingDeploymentCount,
        Instant createdAt,
        Instant updatedAt) {

    static RegistrationDocument of(RegisteredPlatform platform) {
        Registration one = platform.registration();
        return new RegistrationDocument(
                one.id(),
                one.name(),
                one.issuer(),
                one.clientId(),
                one.authorizationEndpoint(),
                one.tokenEndpoint(),
                one.tokenAudience(),
                one.jwksUri(),
                platform.source(),
                one.approval(),
                one.paused(),
                one.trustedAddresses(),
                one.operators(),
                one.anonymousLaunches(),
                one.pendingDeployments(),
                platform.activeDeployments(),
                platform.pendingDeployments(),
                platform.createdAt(),
                platform.updatedAt());
    }
}
