package org.lectern.app.edge;

import jakarta.validation.constraints.NotNull;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMin;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Limits of the HTTP edge.
 *
 * @param requestTimeout how long a request may take until its answer begins (default 30s); bodies of resumable uploads
 *     are exempt, they are bounded by the read time-out
 * @param joinTimeout how long putting the parts of an upload together may take, which copies them on the disk (default 10m)
 * @param readTimeout how long a client may pause while it sends a request (default 30s)
 */
@Validated
@ConfigurationProperties("lectern.edge")
record EdgeLimits(
        @NotNull @DurationMin(millis = 1) @DefaultValue("30s")
        Duration requestTimeout,

        @NotNull @DurationMin(millis = 1) @DefaultValue("10m")
        Duration joinTimeout,

        @NotNull @DurationMin(millis = 1) @DefaultValue("30s")
        Duration readTimeout) {}
