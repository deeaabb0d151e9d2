package org.lectern.infra.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

class SessionWatchTest {

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

    @Test
    void tellsHowManySessionsItWatchesAndHowManyWaitForTheirAnswer() {
        Sinks.One<Set<UUID>> answer = Sinks.one();
        SessionWatch watch =
                new SessionWatch(asked -> answer.asMono(), new SessionWatchSettings(Duration.ofSeconds(5)), meters);
        UUID session = UUID.randomUUID();
        var one = watch.watch(session, () -> {});
        var other = watch.watch(session, () -> {});
        assertThat(gauge("watched")).isEqualTo(1);
        one.dispose();
        assertThat(gauge("watched")).isEqualTo(1);
        other.dispose();
        assertThat(gauge("watched")).isZero();

        var first = watch.live(session).toFuture();
        var second = watch.live(UUID.randomUUID()).toFuture();
        assertThat(gauge("asking")).as("behind the one that asks now").isEqualTo(1);
        answer.tryEmitValue(Set.of(session));
        StepVerifier.create(Mono.zip(Mono.fromFuture(first), Mono.fromFuture(second)))
                .expectNextMatches(live -> live.getT1() && !live.getT2())
                .expectComplete()
                .verify(Duration.ofSeconds(10));
        assertThat(gauge("asking")).isZero();
    }

    private double gauge(String name) {
        return meters.get("lectern.sessions." + name).gauge().value();
    }
}
