package org.lectern.infra.consistency;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.lectern.db.replica.PositionStore;
import org.lectern.db.replica.WalPosition;
import org.lectern.infra.redis.RedisLink;
import org.redisson.api.RScript;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.springframework.context.annotation.Primary;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Positions in Redis, one hash for each session with a field for each log, for half an hour. Without Redis nothing is
 * known, so sessions read from the primary.
 *
 * <p>A position that could not be stored leaves the session's older one, so storing is tried again and, failing that, the
 * hash is given up: a session without positions reads from the primary. Only a node that is cut off from Redis while
 * others are not can leave an old position behind; another node may then, for the short time by which an eligible replica
 * is behind, answer that session from before its last write.
 */
@Component
@Primary
class RedisPositions implements PositionStore {

    private static final Duration TIMEOUT = Duration.ofMillis(250);
    private static final Duration KEPT = Duration.ofMinutes(30);

    /** Numbers as text of equal length, so that they compare as text: Lua's own would lose the last bits. */
    private static final String ADVANCE = """
            local known = redis.call('hget', KEYS[1], ARGV[1])
            if not known or known < ARGV[2] then redis.call('hset', KEYS[1], ARGV[1], ARGV[2]) end
            redis.call('pexpire', KEYS[1], ARGV[3])
            return 1
            """;

    private final RedissonClient redisson;
    private final RedisLink link;

    RedisPositions(RedissonClient redisson, RedisLink link) {
        this.redisson = redisson;
        this.link = link;
    }

    @Override
    public Mono<Long> find(UUID session, String server, long timeline) {
        return Mono.defer(() -> link.up()
                ? redisson.reactive()
                        .<String, String>getMap(key(session), StringCodec.INSTANCE)
                        .get(field(server, timeline))
                        .map(Long::parseLong)
                        .timeout(TIMEOUT)
                : Mono.empty());
    }

    @Override
    public Mono<Void> advance(UUID session, WalPosition position) {
        return Mono.defer(() -> link.up()
                ? redisson.reactive()
                        .getScript(StringCodec.INSTANCE)
                        .<Long>eval(
                                RScript.Mode.READ_WRITE,
                                ADVANCE,
                                RScript.ReturnType.LONG,
                                List.of(key(session)),
                                field(position.server(), position.timeline()),
                                String.format(java.util.Locale.ROOT, "%019d", position.lsn()),
                                Long.toString(KEPT.toMillis()))
                        .timeout(TIMEOUT)
                        .retry(1)
                        .onErrorResume(failure -> redisson.reactive()
                                .getKeys()
                                .delete(key(session))
                                .timeout(TIMEOUT))
                        .then()
                : Mono.empty());
    }

    private static String key(UUID session) {
        return "lectern:positions:" + session;
    }

    private static String field(String server, long timeline) {
        return server + "/" + timeline;
    }
}
