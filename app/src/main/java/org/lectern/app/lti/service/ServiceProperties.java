package org.lectern.app.lti.service;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Calls to platforms' services: rosters, grades, groups, notices.
 *
 * @param timeout for one request and its whole answer (default 10s)
 * @param maxBytes largest answer accepted (default 4194304)
 * @param attempts how often a request is sent at most while the platform is busy or fails (default 4)
 * @param backoff pause before the second attempt, doubled for each further one, each spread by half (default 500ms)
 * @param longestWait longest pause between two attempts; a platform that asks for more is tried again by the job
 *     (default 15s)
 * @param tokenMargin how long before its end a token is no longer used (default 60s)
 * @param connections connections to one platform (default 8)
 * @param pageSize members asked for with one page of a roster (default 200)
 * @param maxPages most pages that one list is followed over; more is an error (default 1000)
 * @param hosts hosts of services besides those of the platform's own addresses, as {@code issuer's host=service's host},
 *     where {@code *.} stands for any host below; the default knows Canvas and Blackboard in the cloud
 * @param noticeTypes notices that Lectern asks platforms for (default LtiContextCopyNotice)
 */
@ConfigurationProperties("lectern.lti.services")
@Validated
public record ServiceProperties(
        @DefaultValue("10s") @DurationMin(millis = 100) @DurationMax(seconds = 60)
        Duration timeout,

        @DefaultValue("4194304") @Min(65_536) @Max(67_108_864)
        int maxBytes,

        @DefaultValue("4") @Min(1) @Max(10) int attempts,

        @DefaultValue("500ms") @DurationMin(millis = 1) @DurationMax(seconds = 10)
        Duration backoff,

        @DefaultValue("15s") @DurationMin(millis = 1) @DurationMax(seconds = 30)
        Duration longestWait,

        @DefaultValue("60s") @DurationMin(seconds = 0) @DurationMax(minutes = 10)
        Duration tokenMargin,

        @DefaultValue("8") @Min(1) @Max(100) int connections,

        @DefaultValue("200") @Min(1) @Max(1000) int pageSize,

        @DefaultValue("1000") @Min(1) @Max(100_000) int maxPages,

        @DefaultValue({
            "canvas.instructure.com=*.instructure.com",
            "canvas.beta.instructure.com=*.beta.instructure.com",
            "canvas.test.instructure.com=*.test.instructure.com",
            "blackboard.com=*.blackboard.com"
        })
        List<@NotBlank String> hosts,

        @DefaultValue("LtiContextCopyNotice") List<@NotBlank String> noticeTypes) {

    /** Copies the lists; hosts in lower case, as they compare. */
    public ServiceProperties {
        hosts = hosts.stream().map(pair -> pair.toLowerCase(Locale.ROOT)).toList();
        noticeTypes = List.copyOf(noticeTypes);
    }
}
