package org.lectern.infra.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

class SessionWatchTest {

    private static final SessionWatchSettings SOON = new SessionWatchSettings(Duration.ofMillis(10));

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

    @Test
    void tellsHowManySessionsItWatchesAndHowManyWaitForTheirAnswer() {
        Sinks.One<Set<UUID>> answer = Sinks.one();
        SessionWatch watch = new SessionWatch(
                asked -> answer.asMono(), new SessionWatchSettings(Duration.ofSeconds(5)), Clock.systemUTC(), meters);
        UUID session = UUID.randomUUID();
        var one = watch.watch(session, Instant.MAX, () -> {});
        var other = watch.watch(session, Instant.MAX, () -> {});
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

    @Test
    void oneWhoFailsKeepsNobodyFromHearingOfTheEnd() {
        SessionWatch watch = new SessionWatch(asked -> Mono.just(Set.of()), SOON, Clock.systemUTC(), meters);
        AtomicInteger told = new AtomicInteger();
        UUID session = UUID.randomUUID();
        for (int i = 0; i < 8; i++) {
            watch.watch(session, Instant.MAX, () -> {
                told.incrementAndGet();
                throw new IllegalStateException("failed, as it should");
            });
        }
        started(watch, () -> await().untilAsserted(() -> assertThat(told).hasValue(8)));
    }

    @Test
    void whileTheDirectoryIsSilentSessionsEndByTheirTimeAndNoOthers() {
        Instant now = Instant.parse("2026-01-01T00:00:00Z");
        AtomicReference<Instant> time = new AtomicReference<>(now);
        Clock clock = new Clock() {
            @Override
            public ZoneId getZone() {
                return ZoneOffset.UTC;
            }

            @Override
            public Clock withZone(ZoneId zone) {
                return this;
            }

            @Override
            public Instant instant() {
                return time.get();
            }
        };
        AtomicInteger asked = new AtomicInteger();
        SessionWatch watch = new SessionWatch(
                sessions -> {
                    asked.incrementAndGet();
                    return Mono.never();
                },
                SOON,
                clock,
                meters);
        var ended = watch.ended(UUID.randomUUID(), now.plusSeconds(60)).toFuture();
        var later = watch.ended(UUID.randomUUID(), now.plusSeconds(61)).toFuture();
        started(watch, () -> {
            await().until(() -> asked.get() > 0);
            assertThat(ended).isNotDone();
            time.set(now.plusSeconds(60));
            await().until(ended::isDone);
            assertThat(later).isNotDone();
        });
    }

    private static void started(SessionWatch watch, Runnable work) {
        watch.start();
        try {
            work.run();
        } finally {
            watch.stop();
        }
    }

    private double gauge(String name) {
        return meters.get("lectern.sessions." + name).gauge().value();
    }
}
