package org.lectern.app.session;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How long sessions live.
 *
 * @param lifetime from launch to the end of the session (default 8h)
 * @param codeLifetime how long the one-time code of a launch can be traded for the token (default 60s)
 * @param cacheLifetime how long a node may go on accepting a session that another node has ended (default 5s)
 * @param cacheEntries how many sessions a node remembers at most (default 10000)
 */
@ConfigurationProperties("lectern.session")
@Validated
public record SessionProperties(
        @DefaultValue("8h") @DurationMin(minutes = 1) Duration lifetime,

        @DefaultValue("60s") @DurationMin(seconds = 1) @DurationMax(minutes = 10)
        Duration codeLifetime,

        @DefaultValue("5s") @DurationMin(millis = 1) @DurationMax(minutes = 5)
        Duration cacheLifetime,

        @DefaultValue("10000") @Min(1) @Max(1_000_000) int cacheEntries) {}
