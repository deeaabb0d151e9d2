package org.lectern.infra.cache;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.redisson.api.RScript;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import reactor.core.publisher.Mono;

/**
 * The second level.
 *
 * <p>An entry's key carries two random tokens: the era, replaced whenever a node has been out of touch with Redis, and
 * the family's generation, replaced by an invalidation of more than one key. Replacing a token hides all entries under
 * it at once; they expire by themselves. A third token stands beside a single key after its invalidation. Whoever loads a
 * value reads the three first and stores the value only if they still stand: so a load that began before an invalidation
 * is refused. Tokens are random rather than counted, so one that Redis has evicted cannot come back as an old one.
 */
final class RedisLevel {

    static final String CHANNEL = "lectern:cache:events";

    private static final String ERA = "lectern:cache:era";

    /** KEYS: era, generation, version. ARGV: entry prefix, key, token for what is missing. */
    private static final String READ = """
            local era = redis.call('get', KEYS[1])
            if not era then era = ARGV[3]; redis.call('set', KEYS[1], era) end
            local gen = redis.call('get', KEYS[2])
            if not gen then gen = ARGV[3]; redis.call('set', KEYS[2], gen) end
            local version = redis.call('get', KEYS[3]) or ''
            local value = redis.call('get', ARGV[1] .. era .. ':' .. gen .. ':' .. ARGV[2]) or ''
            return {era, gen, version, value}
            """;

    /** KEYS: era, generation, version. ARGV: entry prefix, key, era, generation, version, value, milliseconds. */
    private static final String FILL = """
            if redis.call('get', KEYS[1]) ~= ARGV[3] or redis.call('get', KEYS[2]) ~= ARGV[4]
                or (redis.call('get', KEYS[3]) or '') ~= ARGV[5] then return 0 end
            redis.call('set', ARGV[1] .. ARGV[3] .. ':' .. ARGV[4] .. ':' .. ARGV[2], ARGV[6], 'px', ARGV[7])
            return 1
            """;

    /** KEYS: era, generation, version, channel. ARGV: entry prefix, key or '' for many, token, milliseconds, event. */
    private static final String INVALIDATE = """
            if ARGV[2] == '' then
                redis.call('set', KEYS[2], ARGV[3])
            else
                redis.call('set', KEYS[3], ARGV[3], 'px', ARGV[4])
                local era = redis.call('get', KEYS[1])
                local gen = redis.call('get', KEYS[2])
                if era and gen then redis.call('del', ARGV[1] .. era .. ':' .. gen .. ':' .. ARGV[2]) end
            end
            redis.call('publish', KEYS[4], ARGV[5])
            return 1
            """;

    private final RedissonClient redisson;
    private final Duration timeout;
    private final Duration longestLoad;

    RedisLevel(RedissonClient redisson, CacheSettings settings) {
        this.redisson = redisson;
        this.timeout = settings.redisTimeout();
        this.longestLoad = settings.loadTimeout().multipliedBy(2);
    }

    /**
     * What Redis said when a load began.
     *
     * @param value the value as text; empty when there is none
     */
    record Found(String era, String generation, String version, String value) {}

    Mono<Found> read(String family, String key) {
        return this.<List<String>>eval(READ, RScript.ReturnType.LIST, keys(family, key), prefix(family), key, token())
                .map(parts -> new Found(parts.get(0), parts.get(1), parts.get(2), parts.get(3)));
    }

    /** Stores a value; false when an invalidation came since {@code found} was read. */
    Mono<Boolean> fill(String family, String key, Found found, String value, Duration timeToLive) {
        return this.<Long>eval(
                        FILL,
                        RScript.ReturnType.LONG,
                        keys(family, key),
                        prefix(family),
                        key,
                        found.era(),
                        found.generation(),
                        found.version(),
                        value,
                        Long.toString(timeToLive.toMillis()))
                .map(stored -> stored == 1);
    }

    Mono<Void> invalidate(CachePattern pattern, String event) {
        return this.<Long>eval(
                        INVALIDATE,
                        RScript.ReturnType.LONG,
                        List.of(ERA, generation(pattern.family()), version(pattern.family(), pattern.rest()), CHANNEL),
                        prefix(pattern.family()),
                        pattern.prefix() ? "" : pattern.rest(),
                        token(),
                        Long.toString(longestLoad.toMillis()),
                        event)
                .then();
    }

    /** Hides every entry. */
    Mono<Void> newEra() {
        return redisson.reactive()
                .<String>getBucket(ERA, StringCodec.INSTANCE)
                .set(token())
                .timeout(timeout.multipliedBy(4));
    }

    private <R> Mono<R> eval(String script, RScript.ReturnType type, List<Object> keys, Object... arguments) {
        return redisson.reactive()
                .getScript(StringCodec.INSTANCE)
                .<R>eval(RScript.Mode.READ_WRITE, script, type, keys, arguments)
                .timeout(timeout);
    }

    private static List<Object> keys(String family, String key) {
        return List.of(ERA, generation(family), version(family, key));
    }

    private static String prefix(String family) {
        return "lectern:cache:entry:" + family + ":";
    }

    private static String generation(String family) {
        return "lectern:cache:generation:" + family;
    }

    private static String version(String family, String key) {
        return "lectern:cache:version:" + family + ":" + key;
    }

    /** Not an id of ours: only ever compared. */
    private static String token() {
        return UUID.randomUUID().toString();
    }
}
