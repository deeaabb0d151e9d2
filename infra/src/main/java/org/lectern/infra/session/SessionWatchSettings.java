package org.lectern.infra.session;

import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How soon open sockets and streams learn that their session has ended.
 *
 * @param interval how often a node asks which sessions of its open sockets and streams still are (default 5s)
 */
@ConfigurationProperties("lectern.session.watch")
@Validated
public record SessionWatchSettings(
        @DefaultValue("5s") @DurationMin(millis = 10) @DurationMax(minutes = 5)
        Duration interval) {}
