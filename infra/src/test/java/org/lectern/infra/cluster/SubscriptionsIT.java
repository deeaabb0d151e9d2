package org.lectern.infra.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.embedded.FreePort;
import org.lectern.infra.embedded.RedisServer;
import org.lectern.infra.redis.RedisConfiguration;
import org.lectern.infra.redis.RedisSettings;
import org.redisson.api.RedissonClient;

/** A topic that is listened to by one client and published to by another, on a real Redis that drops what it can. */
class SubscriptionsIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedisServer redis;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedissonClient listening;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedissonClient publishing;

    private final List<String> heard = new CopyOnWriteArrayList<>();
    private final AtomicInteger lost = new AtomicInteger();

    @BeforeAll
    static void start(@TempDir Path directory) throws IOException {
        redis = RedisServer.in(directory);
        redis.start();
        listening = RedisConfiguration.open(RedisSettings.of(redis.uri()));
        publishing = RedisConfiguration.open(RedisSettings.of(redis.uri()));
    }

    @AfterAll
    static void stop() {
        listening.shutdown();
        publishing.shutdown();
        redis.close();
    }

    @Test
    void aSubscriptionThatIsLostWithoutAWordIsNoticedAndRepaired() {
        ProbedTopic topic = topic("silent");
        hears(topic, "silent", "before");
        listening.getTopic("silent").removeAllListeners();
        hears(topic, "silent", "after");
        assertThat(lost).hasValueGreaterThan(0);
    }

    @Test
    void aKilledConnectionIsRepaired() throws IOException {
        ProbedTopic topic = topic("killed");
        hears(topic, "killed", "before");
        try (Socket socket = new Socket()) {
            socket.connect(FreePort.loopback(redis.port()), 2_000);
            socket.getOutputStream().write("CLIENT KILL TYPE pubsub\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat((char) socket.getInputStream().read()).isEqualTo(':');
        }
        hears(topic, "killed", "after");
    }

    @Test
    void aQuietTopicThatWorksIsNotTakenForLost() {
        ProbedTopic topic = topic("quiet");
        hears(topic, "quiet", "before");
        long end = System.nanoTime() + Duration.ofSeconds(2).toNanos();
        await().pollInterval(Duration.ofMillis(20)).atMost(PATIENCE).until(() -> {
            topic.check();
            return System.nanoTime() > end;
        });
        hears(topic, "quiet", "after");
        assertThat(heard).contains("before", "after");
    }

    private ProbedTopic topic(String name) {
        return new ProbedTopic(
                listening,
                name,
                Duration.ofMillis(200),
                3,
                message -> heard.add(new String(message, StandardCharsets.UTF_8)),
                lost::incrementAndGet);
    }

    /** Publishes until it is heard, with a look at the topic now and then as its owner does. */
    private void hears(ProbedTopic topic, String name, String content) {
        await().pollInterval(Duration.ofMillis(50)).atMost(PATIENCE).until(() -> {
            topic.check();
            ProbedTopic.publish(publishing, name, content.getBytes(StandardCharsets.UTF_8))
                    .toCompletableFuture()
                    .join();
            return heard.contains(content);
        });
    }
}
