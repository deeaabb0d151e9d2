package org.lectern.app.lti.service.token;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.keys.Sealing;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.redisson.api.RBucketReactive;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * What the nodes tell each other of tokens through Redis: the token itself, sealed, and who is fetching one. Only to ask
 * platforms less often: without Redis, or when it fails or is slow, every answer is empty or "go on", and each node
 * fetches for itself.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class SharedTokens {

    private static final Duration TIMEOUT = Duration.ofMillis(250);

    private final RedissonClient redisson;
    private final RedisLink link;
    private final Sealing sealing;
    private final Clock clock;

    SharedTokens(RedissonClient redisson, RedisLink link, Sealing sealing, Clock clock) {
        this.redisson = redisson;
        this.link = link;
        this.sealing = sealing;
        this.clock = clock;
    }

    /** A usable token that some node fetched; empty when there is none or Redis does not say. */
    Mono<AccessToken> find(String key) {
        return asked(() -> token(key).get())
                .mapNotNull(text -> opened(key, text))
                .filter(token -> token.usableUntil().isAfter(clock.instant()));
    }

    /** Lets the other nodes have a token. */
    Mono<Void> keep(String key, AccessToken token) {
        Duration left = Duration.between(clock.instant(), token.usableUntil());
        if (!left.isPositive()) {
            return Mono.empty();
        }
        String text = token.usableUntil().toEpochMilli() + " " + token.value();
        String content = Base64.getEncoder().encodeToString(sealing.seal(name(key), text));
        return asked(() -> token(key).set(content, left)).then();
    }

    /** Removes a token that the platform refused, if it is still that one. */
    Mono<Void> drop(String key, String refused) {
        return find(key)
                .filter(known -> known.value().equals(refused))
                .flatMap(known -> asked(() -> token(key).delete()))
                .then();
    }

    /** Whether this node is the one to fetch; true as well when nobody can say. */
    Mono<Boolean> lease(String key, Duration howLong) {
        return asked(() -> lease(key).setIfAbsent("1", howLong)).defaultIfEmpty(true);
    }

    /** Ends a lease early. */
    Mono<Void> release(String key) {
        return asked(() -> lease(key).delete()).then();
    }

    private RBucketReactive<String> token(String key) {
        return redisson.reactive().getBucket("lectern:lti:token:" + key, StringCodec.INSTANCE);
    }

    private RBucketReactive<String> lease(String key) {
        return redisson.reactive().getBucket("lectern:lti:token-lease:" + key, StringCodec.INSTANCE);
    }

    private <T> Mono<T> asked(Supplier<Mono<T>> question) {
        return Mono.defer(() -> link.up() ? question.get() : Mono.empty())
                .timeout(TIMEOUT)
                .onErrorResume(failure -> Mono.empty());
    }

    /** Null for what was sealed under another secret or is damaged: as good as nothing. */
    private @Nullable AccessToken opened(String key, String content) {
        try {
            String text = sealing.open(name(key), Base64.getDecoder().decode(content));
            int space = text.indexOf(' ');
            return new AccessToken(
                    text.substring(space + 1), Instant.ofEpochMilli(Long.parseLong(text.substring(0, space))));
        } catch (IllegalStateException | IllegalArgumentException | IndexOutOfBoundsException unusable) {
            return null;
        }
    }

    private static String name(String key) {
        return "token " + key;
    }
}
