package org.lectern.infra.regions;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.mock.http.server.reactive.MockServerHttpRequest;
import org.springframework.mock.web.server.MockServerWebExchange;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

class RegionTest {

    @ParameterizedTest
    @CsvSource({
        "US,us-east",
        "CA,us-east",
        "MX,us-east",
        "GB,eu-west",
        "FR,eu-west",
        "DE,eu-west",
        "IT,eu-west",
        "ES,eu-west",
        "NL,eu-west",
        "JP,ap-southeast",
        "SG,ap-southeast",
        "AU,ap-southeast",
        "IN,ap-southeast",
        "KR,ap-southeast",
        "de,eu-west",
        "BR,us-east",
        "XX,us-east",
        "T1,us-east"
    })
    void everyCountryHasItsRegion(String country, String region) {
        assertThat(Region.ofCountry(country).key()).isEqualTo(region);
    }

    @Property
    void anythingIsARegionInTheEnd(@ForAll String country) {
        assertThat(Region.ofCountry(country)).isNotNull();
    }

    @Property
    void theNearestIsHealthyWhereOneIs(@ForAll Region wanted, @ForAll("sets") Set<Region> healthy) {
        Region nearest = wanted.nearest(healthy::contains);
        if (healthy.isEmpty() || healthy.contains(wanted)) {
            assertThat(nearest).isEqualTo(wanted);
        } else {
            assertThat(healthy).contains(nearest);
        }
    }

    @Provide
    Arbitrary<Set<Region>> sets() {
        return Arbitraries.of(Region.class).set();
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                "-,-,ap-southeast",
                "eu-west,-,eu-west",
                "eu-west,US,eu-west",
                "mars,US,us-east",
                "-,FR,eu-west",
                "-,ZZ,us-east"
            })
    void trustedHeadersDecide(@Nullable String region, @Nullable String country, String expected) {
        assertThat(seen(new RegionSettings(Region.AP_SOUTHEAST, "X-Region", "X-Country"), region, country)
                        .key())
                .isEqualTo(expected);
    }

    @Test
    void headersThatNobodyNamedAreIgnored() {
        assertThat(seen(new RegionSettings(Region.US_EAST, null, null), "eu-west", "FR"))
                .isEqualTo(Region.US_EAST);
    }

    private static Region seen(RegionSettings settings, @Nullable String region, @Nullable String country) {
        var request = MockServerHttpRequest.get("/");
        if (region != null) {
            request.header("X-Region", region);
        }
        if (country != null) {
            request.header("X-Country", country);
        }
        var exchange = MockServerWebExchange.from(request);
        var inContext = new AtomicReference<@Nullable Region>();
        StepVerifier.create(new RegionFilter(settings)
                        .filter(
                                exchange,
                                unused -> Mono.deferContextual(context -> {
                                    inContext.set(Region.current(context));
                                    return Mono.empty();
                                })))
                .expectComplete()
                .verify(Duration.ofSeconds(5));
        assertThat(exchange.<Region>getAttribute(RegionFilter.ATTRIBUTE)).isEqualTo(inContext.get());
        return Objects.requireNonNull(inContext.get());
    }
}
