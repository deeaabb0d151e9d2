package org.lectern.infra.consistency;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.replica.WalPosition;
import org.lectern.infra.embedded.RedisServer;
import org.lectern.infra.redis.RedisConfiguration;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.redis.RedisSettings;
import org.redisson.api.RedissonClient;
import reactor.core.publisher.Flux;

/** What a session wrote on one node is known on the other, in whatever order it arrives; without Redis nothing is known. */
class RedisPositionsIT {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    static Path directory;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static RedisServer redis;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static Node one;

    @SuppressWarnings("NullAway.Init") // set before all tests
    private static Node other;

    private final UUID session = UUID.randomUUID();

    @BeforeAll
    static void start() throws Exception {
        redis = RedisServer.in(directory);
        redis.start();
        one = new Node();
        other = new Node();
    }

    @AfterAll
    static void stop() {
        one.close();
        other.close();
        redis.close();
    }

    @Test
    void furthestPositionWinsOnEveryNodeInWhateverOrder() {
        // Beyond 2^53, where Lua's own numbers would lose the last bits.
        List<Long> positions = new ArrayList<>(
                LongStream.range(0, 50).map(n -> (1L << 60) + n).boxed().toList());
        Collections.shuffle(positions, new Random(7));
        Flux.fromIterable(positions)
                .flatMap(
                        lsn -> (lsn % 2 == 0 ? one : other).positions.advance(session, new WalPosition("main", 1, lsn)),
                        8)
                .then()
                .block(PATIENCE);
        assertThat(one.find(session, "main", 1)).isEqualTo((1L << 60) + 49);
        assertThat(other.find(session, "main", 1)).isEqualTo((1L << 60) + 49);
    }

    @Test
    void otherSessionsServersAndTimelinesAreUnknown() {
        one.positions.advance(session, new WalPosition("main", 1, 5)).block(PATIENCE);
        assertThat(other.find(session, "main", 1)).isEqualTo(5);
        assertThat(other.find(session, "main", 2)).isEqualTo(-1);
        assertThat(other.find(session, "second", 1)).isEqualTo(-1);
        assertThat(other.find(UUID.randomUUID(), "main", 1)).isEqualTo(-1);
    }

    @Test
    void withoutRedisNothingIsKnownAndNothingFails() throws Exception {
        one.positions.advance(session, new WalPosition("main", 1, 5)).block(PATIENCE);
        redis.kill();
        try {
            await().atMost(PATIENCE).until(() -> !one.link.up());
            assertThat(one.find(session, "main", 1)).isEqualTo(-1);
            one.positions.advance(session, new WalPosition("main", 1, 6)).block(PATIENCE);
        } finally {
            redis.start();
            await().atMost(PATIENCE).until(() -> one.link.up() && other.link.up());
        }
    }

    private static final class Node implements AutoCloseable {
        private final RedissonClient redisson;
        private final RedisLink link;
        private final RedisPositions positions;

        Node() {
            RedisSettings where = RedisSettings.of(redis.uri());
            redisson = RedisConfiguration.open(where);
            link = new RedisLink(redisson, where);
            positions = new RedisPositions(redisson, link);
            link.start();
            await().atMost(PATIENCE).until(link::up);
        }

        /** -1 for unknown. */
        long find(UUID session, String server, long timeline) {
            return positions
                    .find(session, server, timeline)
                    .blockOptional(PATIENCE)
                    .orElse(-1L);
        }

        @Override
        public void close() {
            link.stop();
            redisson.shutdown();
        }
    }
}
