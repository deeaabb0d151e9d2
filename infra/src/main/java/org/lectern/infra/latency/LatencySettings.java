package org.lectern.infra.latency;

import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How response times are kept.
 *
 * @param flushInterval how often a node adds what it measured to the courses' histograms (default 5 s)
 * @param maxCourses of how many courses a node holds unwritten measurements; those of further courses are dropped and
 *     counted (default 10000)
 */
@Validated
@ConfigurationProperties("lectern.latency")
record LatencySettings(
        @DefaultValue("5s") Duration flushInterval,
        @DefaultValue("10000") @Min(1) int maxCourses) {}
