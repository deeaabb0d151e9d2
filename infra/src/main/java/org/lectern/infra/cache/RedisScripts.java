package org.lectern.infra.cache;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.lectern.infra.cache.SharedLevel.Look;
import org.lectern.infra.cache.SharedLevel.Ticket;
import org.redisson.api.RScoredSortedSetReactive;
import org.redisson.api.RScript;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import reactor.core.publisher.Mono;

/**
 * The second level as it is written in Redis.
 *
 * <p>An entry's key carries two random tokens: the era, replaced whenever a node has been out of touch with Redis, and
 * the family's generation, replaced by an invalidation of more than one key. Replacing a token hides all entries under
 * it at once; they expire by themselves. A third token stands beside a single key after its invalidation. Whoever loads a
 * value reads the three first and stores the value only if they still stand: so a load that began before an invalidation
 * is refused. Tokens are random rather than counted, so one that Redis has evicted cannot come back as an old one.
 *
 * <p>An entry's text begins with the family's version; one of another version is as good as none.
 *
 * <p>A lease's key carries all three tokens: nobody waits for a load whose value would be refused. A lease ends with its
 * time, so a holder that died is waited for no longer.
 */
final class RedisScripts {

    static final String CHANNEL = "lectern:cache:events";

    /** The announcement of a new era: forget everything. */
    static final String EVERYTHING = "*";

    private static final String ERA = "lectern:cache:era";
    private static final int POPULAR_KEYS = 1000;
    private static final Duration POPULAR_TIME = Duration.ofDays(7);

    /**
     * KEYS: era, generation, version. ARGV: entry prefix, key, token for what is missing, beginning of the text, lease
     * prefix, lease, its milliseconds. Answers text, era, generation, version, and whether the caller leads.
     */
    private static final String LOOK = """
            local era = redis.call('get', KEYS[1])
            if not era then era = ARGV[3]; redis.call('set', KEYS[1], era) end
            local gen = redis.call('get', KEYS[2])
            if not gen then gen = ARGV[3]; redis.call('set', KEYS[2], gen) end
            local version = redis.call('get', KEYS[3]) or ''
            local text = redis.call('get', ARGV[1] .. era .. ':' .. gen .. ':' .. ARGV[2])
            if text and string.sub(text, 1, #ARGV[4]) == ARGV[4] then return {text, era, gen, version, ''} end
            if ARGV[7] == '0' then return {'', era, gen, version, '1'} end
            local lease = ARGV[5] .. era .. ':' .. gen .. ':' .. version .. ':' .. ARGV[2]
            local holder = redis.call('get', lease)
            if not holder then redis.call('set', lease, ARGV[6], 'px', ARGV[7]); holder = ARGV[6] end
            return {'', era, gen, version, holder == ARGV[6] and '1' or ''}
            """;

    /** KEYS: the lease's key. ARGV: lease. */
    private static final String RELEASE = """
            if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
            return 1
            """;

    /**
     * KEYS: era, generation, version, the lease's key. ARGV: entry prefix, key, era, generation, version, text,
     * milliseconds, lease.
     */
    private static final String FILL = """
            if redis.call('get', KEYS[4]) == ARGV[8] then redis.call('del', KEYS[4]) end
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

    /** KEYS: era, channel. ARGV: token, event. */
    private static final String NEW_ERA = """
            redis.call('set', KEYS[1], ARGV[1])
            redis.call('publish', KEYS[2], ARGV[2])
            return 1
            """;

    private final RedissonClient redisson;
    private static final int ERA_PATIENCE = 4;

    private final Duration timeout;
    private final Duration longestLoad;
    private final Duration lease;

    RedisScripts(RedissonClient redisson, CacheSettings settings) {
        this.redisson = redisson;
        this.timeout = settings.redisTimeout();
        this.longestLoad = settings.loadTimeout().multipliedBy(2);
        this.lease = settings.lease();
    }

    Mono<Look> look(CacheFamily<?> family, String key, String leaseToken) {
        return this.<List<String>>eval(
                        LOOK,
                        RScript.ReturnType.LIST,
                        List.of(ERA, generation(family.name()), version(family.name(), key)),
                        prefix(family.name()),
                        key,
                        token(),
                        beginning(family),
                        leases(family),
                        leaseToken,
                        Long.toString(lease.toMillis()))
                .map(parts -> {
                    Ticket ticket = new Ticket(parts.get(1), parts.get(2), parts.get(3), leaseToken);
                    String text = parts.get(0);
                    return text.isEmpty()
                            ? new Look.Miss(ticket, !parts.get(4).isEmpty())
                            : new Look.Hit(text.substring(beginning(family).length()), ticket);
                });
    }

    Mono<Boolean> fill(CacheFamily<?> family, String key, Ticket ticket, String text, Duration timeToLive) {
        return this.<Long>eval(
                        FILL,
                        RScript.ReturnType.LONG,
                        List.of(
                                ERA,
                                generation(family.name()),
                                version(family.name(), key),
                                leaseKey(family, key, ticket)),
                        prefix(family.name()),
                        key,
                        ticket.era(),
                        ticket.generation(),
                        ticket.version(),
                        beginning(family) + text,
                        Long.toString(Math.max(1, timeToLive.toMillis())),
                        ticket.lease())
                .map(stored -> stored == 1);
    }

    Mono<Void> release(CacheFamily<?> family, String key, Ticket ticket) {
        return this.<Long>eval(RELEASE, RScript.ReturnType.LONG, List.of(leaseKey(family, key, ticket)), ticket.lease())
                .then();
    }

    Mono<Void> invalidate(CachePattern pattern) {
        return this.<Long>eval(
                        INVALIDATE,
                        RScript.ReturnType.LONG,
                        List.of(ERA, generation(pattern.family()), version(pattern.family(), pattern.rest()), CHANNEL),
                        prefix(pattern.family()),
                        pattern.prefix() ? "" : pattern.rest(),
                        token(),
                        Long.toString(longestLoad.toMillis()),
                        pattern.toString())
                .then();
    }

    /**
     * Hides every entry, and has every node forget what it has. Waited for longer than for others: one that is given up
     * after it was carried out is done again, and costs all nodes their memory again.
     */
    Mono<Void> newEra() {
        return this.<Long>eval(
                        timeout.multipliedBy(ERA_PATIENCE),
                        NEW_ERA,
                        RScript.ReturnType.LONG,
                        List.of(ERA, CHANNEL),
                        token(),
                        EVERYTHING)
                .then();
    }

    /** Later notes outweigh earlier ones, so what nobody asks for any more sinks and falls out. */
    Mono<Void> notePopular(String family, List<String> keys, long round) {
        if (keys.isEmpty()) {
            return Mono.empty();
        }
        Map<String, Double> scores = new HashMap<>();
        for (int rank = 0; rank < keys.size(); rank++) {
            scores.put(keys.get(rank), round + 1 - (double) rank / keys.size());
        }
        RScoredSortedSetReactive<String> popular = popularSet(family);
        return popular.addAllIfGreater(scores)
                .then(popular.removeRangeByRank(0, -POPULAR_KEYS - 1))
                .then(popular.expire(POPULAR_TIME))
                .timeout(timeout)
                .then();
    }

    Mono<List<String>> popular(String family, int limit) {
        return popularSet(family)
                .valueRangeReversed(0, limit - 1)
                .map(List::copyOf)
                .timeout(timeout);
    }

    /** Not an id of ours: only ever compared. */
    static String token() {
        return UUID.randomUUID().toString();
    }

    private RScoredSortedSetReactive<String> popularSet(String family) {
        return redisson.reactive().getScoredSortedSet("lectern:cache:popular:" + family, StringCodec.INSTANCE);
    }

    private <R> Mono<R> eval(String script, RScript.ReturnType type, List<Object> keys, Object... arguments) {
        return eval(timeout, script, type, keys, arguments);
    }

    private <R> Mono<R> eval(
            Duration limit, String script, RScript.ReturnType type, List<Object> keys, Object... arguments) {
        return redisson.reactive()
                .getScript(StringCodec.INSTANCE)
                .<R>eval(RScript.Mode.READ_WRITE, script, type, keys, arguments)
                .timeout(limit);
    }

    private static String beginning(CacheFamily<?> family) {
        return family.version() + "|";
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

    private static String leases(CacheFamily<?> family) {
        return "lectern:cache:lease:" + family.name() + ":" + family.version() + ":";
    }

    private static String leaseKey(CacheFamily<?> family, String key, Ticket ticket) {
        return leases(family) + ticket.era() + ":" + ticket.generation() + ":" + ticket.version() + ":" + key;
    }
}
