package org.lectern.app.lti.keys;

import java.nio.file.Path;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * The tool's keys.
 *
 * @param secret 32 random bytes in Base64 that seal private keys at rest, the same on all nodes
 *     ({@code openssl rand -base64 32}); with embedded services one is made and kept in their folder
 * @param secretFile file to read the secret from, instead of {@code secret}
 * @param lifetime how long a key signs before the next one takes over (default 90d)
 * @param overlap how long a key is published before it signs, and after it has stopped (default 24h)
 */
@ConfigurationProperties("lectern.keys")
@Validated
public record KeyProperties(
        @Nullable String secret,
        @Nullable Path secretFile,

        @DefaultValue("90d") @DurationMin(minutes = 10) Duration lifetime,

        @DefaultValue("24h") @DurationMin(minutes = 5) Duration overlap) {

    private static final Duration LONGEST_CACHED = Duration.ofMinutes(10);

    /**
     * How long the published key set may be cached: far shorter than the overlap, so that a cached set, fetched from a node
     * that has not looked at the table for a minute, never misses the key that signs.
     */
    Duration cached() {
        Duration half = overlap.dividedBy(2);
        return half.compareTo(LONGEST_CACHED) < 0 ? half : LONGEST_CACHED;
    }

    /** Leaves the secret out. */
    @Override
    public String toString() {
        return "KeyProperties[lifetime=" + lifetime + ", overlap=" + overlap + "]";
    }
}
