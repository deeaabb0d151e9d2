package org.lectern.infra.regions;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import reactor.util.context.ContextView;

/** A region of the world that Lectern can run in, and what it is best at. */
public enum Region {
    /** North America, and everybody who belongs nowhere else; video. */
    US_EAST("us-east"),
    /** Europe; analytics. */
    EU_WEST("eu-west"),
    /** Asia and Australia; real time. */
    AP_SOUTHEAST("ap-southeast");

    private final String key;

    Region(String key) {
        this.key = key;
    }

    /** The name in configuration, headers and metrics. */
    public String key() {
        return key;
    }

    /** The region with this name; empty when there is none. Case does not matter. */
    public static Optional<Region> of(String key) {
        String lower = key.strip().toLowerCase(Locale.ROOT);
        return Arrays.stream(values()).filter(one -> one.key.equals(lower)).findFirst();
    }

    /**
     * The region of a country.
     *
     * @param country ISO 3166-1 alpha-2, in any case; unknown ones belong to {@link #US_EAST}
     */
    public static Region ofCountry(String country) {
        return switch (country.strip().toUpperCase(Locale.ROOT)) {
            case "GB", "FR", "DE", "IT", "ES", "NL" -> EU_WEST;
            case "JP", "SG", "AU", "IN", "KR" -> AP_SOUTHEAST;
            // Among them US, CA and MX.
            default -> US_EAST;
        };
    }

    /** All regions, this one first, then by the usual latency from here. */
    public List<Region> byDistance() {
        return switch (this) {
            case US_EAST -> List.of(US_EAST, EU_WEST, AP_SOUTHEAST);
            case EU_WEST -> List.of(EU_WEST, US_EAST, AP_SOUTHEAST);
            case AP_SOUTHEAST -> List.of(AP_SOUTHEAST, EU_WEST, US_EAST);
        };
    }

    /** This region, or the nearest one that is healthy; this one when none is, since an attempt costs least here. */
    public Region nearest(Predicate<Region> healthy) {
        return byDistance().stream().filter(healthy).findFirst().orElse(this);
    }

    /** The region of the request that this Reactor context belongs to; {@link #US_EAST} outside of requests. */
    public static Region current(ContextView context) {
        return context.hasKey(Region.class) ? context.get(Region.class) : US_EAST;
    }
}
