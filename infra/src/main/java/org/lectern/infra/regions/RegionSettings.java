package org.lectern.infra.regions;

import jakarta.validation.constraints.NotNull;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How a request's region is found. Headers count only when they are named here, since anybody can send one: name them
 * where a proxy in front sets or removes them.
 *
 * @param home the region of requests that say nothing (default us-east)
 * @param regionHeader header with the name of a region, set by a trusted proxy (default none)
 * @param countryHeader header with a country of two letters, set by a trusted proxy, such as {@code CF-IPCountry}
 *     (default none)
 */
@Validated
@ConfigurationProperties("lectern.regions")
public record RegionSettings(
        @NotNull @DefaultValue("us-east") Region home,
        @Nullable String regionHeader,
        @Nullable String countryHeader) {}
