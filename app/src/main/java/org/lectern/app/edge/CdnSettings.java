package org.lectern.app.edge;

import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * A CDN in front, and how it is told to forget.
 *
 * @param purgeUri where a purge by tags is posted: the tags as the header {@code Surrogate-Key} (Fastly) and as JSON
 *     {@code {"tags":[...]}} (Cloudflare); none without a CDN (default: none)
 * @param token the credential for it (default: none)
 * @param tokenHeader the header that carries it; in {@code Authorization} it is a bearer token (default: Authorization)
 * @param timeout for how long one try may take (default: 5s)
 */
@ConfigurationProperties("lectern.cdn")
record CdnSettings(
        @Nullable URI purgeUri,
        @Nullable String token,
        @DefaultValue("Authorization") String tokenHeader,
        @DefaultValue("5s") Duration timeout) {

    /** Hides the token. */
    @Override
    public String toString() {
        return "CdnSettings[" + purgeUri + "]";
    }
}
