package org.lectern.app.lti.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.nimbusds.jose.jwk.JWK;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.fixture.PlatformFixture;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import reactor.core.publisher.Flux;

/** How long keys are kept and how often they are fetched, by a clock that the test turns. */
class PlatformKeysTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final LtiProperties PROPERTIES = new Binder(
                    new MapConfigurationPropertySource(Map.of("lectern.lti.jwks.timeout", "5s")))
            .bindOrCreate("lectern.lti", LtiProperties.class);

    private final PlatformFixture platform = new PlatformFixture("client");
    private final PlatformFixture healthy = new PlatformFixture("client");
    private final PlatformHttp http = PlatformHttp.standalone(PROPERTIES);
    private final TurnedClock clock = new TurnedClock();
    private final PlatformKeys keys = new PlatformKeys(http, PROPERTIES, clock, new SimpleMeterRegistry());

    @AfterEach
    void close() {
        http.close();
        platform.close();
        healthy.close();
    }

    @ParameterizedTest
    @CsvSource({"600, 599, 601", "0, 59, 61", "999999999, 86399, 86401"})
    void keysAreFreshForAsLongAsThePlatformSaysWithinAMinuteAndADay(int maxAge, int still, int noMore) {
        platform.keysMaxAge = maxAge;
        assertThat(known()).isTrue();
        clock.turn(Duration.ofSeconds(still));
        assertThat(known()).isTrue();
        assertThat(platform.asked("/keys")).isOne();
        clock.turn(Duration.ofSeconds(noMore - still));
        assertThat(known()).isTrue();
        assertThat(platform.asked("/keys")).isEqualTo(2);
    }

    @Test
    void oldKeysServeForADayWhileTheAddressFailsAndThenNoMore() {
        platform.keysMaxAge = 60;
        assertThat(known()).isTrue();
        platform.fail("/keys", 1, 500);
        clock.turn(Duration.ofMinutes(2));
        assertThat(known()).as("though the address failed").isTrue();
        assertThat(platform.asked("/keys")).isEqualTo(2);

        platform.fail("/keys", 100, 503);
        clock.turn(Duration.ofHours(23));
        assertThat(known()).isTrue();
        clock.turn(Duration.ofHours(1));
        assertThatExceptionOfType(KeysUnavailableException.class).isThrownBy(this::known);
        platform.heal();
        clock.turn(Duration.ofMinutes(1));
        assertThat(known()).isTrue();
    }

    @Test
    void aRotationRightAfterAFetchIsSeenByTheNextLaunchAndAFloodCostsTheBudgetOnly() {
        assertThat(known()).isTrue();
        platform.rotateKeys();
        assertThat(known()).as("no time has passed").isTrue();
        assertThat(platform.asked("/keys")).isEqualTo(2);

        for (int i = 0; i < 100; i++) {
            assertThat(key(platform, "made-up-" + i)).isNull();
        }
        assertThat(platform.asked("/keys"))
                .as("six a minute, whatever the reason")
                .isEqualTo(6);
        platform.rotateKeys();
        assertThat(known()).as("the budget is spent").isFalse();
        clock.turn(Duration.ofSeconds(10));
        assertThat(known()).as("it refills all the time").isTrue();
        assertThat(platform.asked("/keys")).isEqualTo(7);
    }

    @Test
    void aHundredLaunchesAtOnceAskOnce() {
        platform.slow("/keys", 1, Duration.ofMillis(300));
        String id = platform.signingKeyId();
        List<JWK> found = Objects.requireNonNull(Flux.range(0, 100)
                .flatMap(i -> keys.key(registration(platform), id), 100)
                .collectList()
                .block(PATIENCE));
        assertThat(found).hasSize(100);
        assertThat(platform.asked("/keys")).isOne();
    }

    /** More wait for the dead one than its pool and this machine's threads could hold. */
    @Test
    void aDeadAddressTakesNoOtherPlatformDown() {
        platform.hang("/keys", 1000);
        var waiting = Flux.range(0, 500)
                .flatMap(
                        i -> keys.key(registration(platform), "any")
                                .map(key -> "a key")
                                .onErrorReturn(KeysUnavailableException.class, "unavailable"),
                        500)
                .collectList()
                .toFuture();
        assertThat(key(healthy, healthy.signingKeyId())).isNotNull();
        assertThat(waiting).as("the healthy one was answered meanwhile").isNotDone();
        assertThat(waiting.orTimeout(20, TimeUnit.SECONDS).join()).hasSize(500).containsOnly("unavailable");
        assertThat(platform.asked("/keys")).isOne();
    }

    /** Whether the key that signs now is found. */
    private boolean known() {
        return key(platform, platform.signingKeyId()) != null;
    }

    private @Nullable JWK key(PlatformFixture of, String id) {
        return keys.key(registration(of), id).block(PATIENCE);
    }

    private static Registration registration(PlatformFixture platform) {
        return new Registration(
                UUID.randomUUID(),
                platform.issuer(),
                platform.clientId(),
                "Platform",
                URI.create(platform.issuer() + "/authorize"),
                null,
                null,
                URI.create(platform.issuer() + "/keys"),
                true,
                Approval.APPROVED,
                false,
                false,
                false,
                false);
    }

    private static final class TurnedClock extends Clock {

        private Instant now = Instant.parse("2026-01-01T00:00:00Z");

        void turn(Duration by) {
            now = now.plus(by);
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}
