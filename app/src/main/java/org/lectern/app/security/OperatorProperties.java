package org.lectern.app.security;

import java.net.URI;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.validation.annotation.Validated;

/**
 * Operators who do not come through an LMS.
 *
 * @param issuerUri OpenID issuer whose access tokens (JWT) open {@code /api/ops}; none by default
 * @param audience the audience such a token must name; not checked when left out, so leave it out only where the issuer
 *     serves operators and nobody else
 */
@ConfigurationProperties("lectern.ops")
@Validated
public record OperatorProperties(
        @Nullable URI issuerUri, @Nullable String audience) {}
