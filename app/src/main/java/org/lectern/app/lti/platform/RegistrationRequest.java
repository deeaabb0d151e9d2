package org.lectern.app.lti.platform;

import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A platform to register.
 *
 * @param name what people call it; the issuer when left out
 * @param issuer the platform's {@code iss}, exactly
 * @param clientId the id it gave to Lectern
 * @param authorizationEndpoint its OpenID Connect authorization endpoint
 * @param tokenEndpoint its OAuth 2 token endpoint, for LTI services
 * @param tokenAudience what the token endpoint is called in assertions; its address when left out
 * @param jwksUri where its public keys are
 * @param deploymentIds deployments that may launch
 * @param trustedAddresses whether its addresses may be http, loopback or private (default false)
 * @param operators whether its administrators are operators of this server (default false)
 * @param anonymousLaunches whether launches without {@code sub} are accepted (default false)
 * @param pendingDeployments whether an unknown deployment is noted for approval (default false)
 */
record RegistrationRequest(
        @Nullable @Size(max = 200) String name,
        @NotBlank @Size(max = 512) String issuer,
        @NotBlank @Size(max = 255) String clientId,
        @NotNull URI authorizationEndpoint,
        @Nullable URI tokenEndpoint,
        @Nullable @Size(max = 512) String tokenAudience,
        @NotNull URI jwksUri,

        @Nullable @Size(max = 100) List<@NotBlank @Size(max = 255) String> deploymentIds,

        @Nullable Boolean trustedAddresses,
        @Nullable Boolean operators,
        @Nullable Boolean anonymousLaunches,
        @Nullable Boolean pendingDeployments) {

    boolean trusted() {
        return Boolean.TRUE.equals(trustedAddresses);
    }

    List<String> deployments() {
        return deploymentIds == null ? List.of() : deploymentIds;
    }

    /** For the audit entry. */
    String summary() {
        return issuer + " " + clientId + (Boolean.TRUE.equals(operators) ? ", operators" : "")
                + (trusted() ? ", trusted addresses" : "");
    }
}
