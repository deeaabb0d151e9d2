package org.lectern.app.lti.platform;

import jakarta.validation.constraints.Size;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What to change of a registration; what is left out stays. Issuer and client id are what it is known by, and never
 * change.
 *
 * @param name what people call it
 * @param authorizationEndpoint its OpenID Connect authorization endpoint
 * @param tokenEndpoint its OAuth 2 token endpoint; another one takes no audience along from the old one
 * @param tokenAudience what the token endpoint is called in assertions; empty for its address
 * @param jwksUri where its public keys are
 * @param trustedAddresses whether its addresses may be http, loopback or private
 * @param operators whether its administrators are operators of this server
 * @param anonymousLaunches whether launches without {@code sub} are accepted
 * @param pendingDeployments whether an unknown deployment is noted for approval
 */
record RegistrationChange(
        @Nullable @Size(min = 1, max = 200) String name,
        @Nullable URI authorizationEndpoint,
        @Nullable URI tokenEndpoint,
        @Nullable @Size(max = 512) String tokenAudience,
        @Nullable URI jwksUri,
        @Nullable Boolean trustedAddresses,
        @Nullable Boolean operators,
        @Nullable Boolean anonymousLaunches,
        @Nullable Boolean pendingDeployments) {

    /** For the audit entry: what is given, with its new value. */
    String summary() {
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        fields.put("name", name);
        fields.put("authorization_endpoint", authorizationEndpoint);
        fields.put("token_endpoint", tokenEndpoint);
        fields.put("token_audience", tokenAudience);
        fields.put("jwks_uri", jwksUri);
        fields.put("trusted_addresses", trustedAddresses);
        fields.put("operators", operators);
        fields.put("anonymous_launches", anonymousLaunches);
        fields.put("pending_deployments", pendingDeployments);
        return fields.entrySet().stream()
                .filter(field -> Objects.nonNull(field.getValue()))
                .map(field -> field.getKey() + "=" + field.getValue())
                .collect(Collectors.joining(" "));
    }
}
