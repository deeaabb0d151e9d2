package org.lectern.analytics;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * Rollups and what dashboards may show.
 *
 * @param rollupInterval how often an analytics node looks for courses with new activity (default 1 s)
 * @param rollupEvents how many events one rollup job counts at most, give or take one batch (default 20000)
 * @param rollupPatience after what time a course whose rollup job has not reported back gets another one; doing both
 *     is harmless (default 5 min)
 * @param smallestGroup figures about fewer people than this are not told (default 5)
 * @param maxRange the longest range a query may ask for (default 400 days)
 * @param hourlyRange up to which length a range is told by hours; longer ones by days (default 8 days)
 */
@Validated
@ConfigurationProperties("lectern.analytics")
record AnalyticsSettings(
        @DefaultValue("1s") Duration rollupInterval,
        @DefaultValue("20000") @Min(1) @Max(200_000) int rollupEvents,
        @DefaultValue("5m") Duration rollupPatience,
        @DefaultValue("5") @Min(1) int smallestGroup,
        @DefaultValue("400d") Duration maxRange,
        @DefaultValue("8d") Duration hourlyRange) {}
