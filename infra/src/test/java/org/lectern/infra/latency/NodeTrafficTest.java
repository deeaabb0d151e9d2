package org.lectern.infra.latency;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class NodeTrafficTest {

    private final MockClock clock = new MockClock();
    private final NodeTraffic traffic = new NodeTraffic(new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock));

    @Test
    void tellsTheLastMinuteToEveryReaderAlike() {
        for (int second = 0; second < 60; second++) {
            traffic.record(Duration.ofMillis(100), second < 6);
            clock.add(Duration.ofSeconds(1));
        }
        clock.add(Duration.ofSeconds(9));
        NodeTraffic.Traffic minute = traffic.lastMinute();
        assertThat(minute.perSecond()).isBetween(0.8, 1.0);
        assertThat(minute.p95Millis().orElseThrow()).isCloseTo(100, within(5.0));
        assertThat(minute.errorRate().orElseThrow()).isBetween(0.0, 0.13);
        assertThat(traffic.lastMinute()).isEqualTo(minute);
    }

    @Test
    void forgetsWhatIsOlderThanAMinuteAndSaysNothingAboutFewRequests() {
        traffic.record(Duration.ofSeconds(5), true);
        clock.add(Duration.ofSeconds(10));
        assertThat(traffic.lastMinute().errorRate()).isEmpty();
        assertThat(traffic.lastMinute().p95Millis()).isEmpty();
        assertThat(traffic.lastMinute().perSecond()).isPositive();
        clock.add(Duration.ofSeconds(80));
        traffic.record(Duration.ofMillis(1), false);
        assertThat(traffic.lastMinute().perSecond()).isZero();
    }
}
