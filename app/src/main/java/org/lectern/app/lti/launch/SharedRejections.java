package org.lectern.app.lti.launch;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The last rejections of all nodes, in one list in Redis, so that an operator finds a reference wherever it was made. A
 * help and no more: without Redis, or when it is slow, nothing is written and nothing found, and each node still has its
 * own.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class SharedRejections {

    private static final String KEY = "lectern:lti:rejections";
    private static final Duration PATIENCE = Duration.ofMillis(250);

    private final RedissonClient redisson;
    private final RedisLink link;
    private final JsonMapper json;

    SharedRejections(RedissonClient redisson, RedisLink link, JsonMapper json) {
        this.redisson = redisson;
        this.link = link;
        this.json = json;
    }

    /** Adds one as the newest and drops the oldest of too many. */
    Mono<Void> add(Rejections.Rejection rejection) {
        return Mono.defer(() -> link.up()
                        ? redisson.reactive()
                                .<String>getDeque(KEY, StringCodec.INSTANCE)
                                .addFirst(json.writeValueAsString(rejection))
                                .then(redisson.reactive()
                                        .<String>getList(KEY, StringCodec.INSTANCE)
                                        .trim(0, Rejections.KEPT - 1))
                        : Mono.<Void>empty())
                .timeout(PATIENCE)
                .onErrorComplete();
    }

    /** Those of all nodes, newest first; empty when Redis does not say. */
    Mono<List<Rejections.Rejection>> all() {
        return Mono.defer(() -> link.up()
                        ? redisson.reactive()
                                .<String>getList(KEY, StringCodec.INSTANCE)
                                .readAll()
                        : Mono.<List<String>>empty())
                .timeout(PATIENCE)
                .onErrorComplete()
                .map(texts -> texts.stream()
                        .<Rejections.Rejection>mapMulti((text, found) -> {
                            Rejections.Rejection one = read(text);
                            if (one != null) {
                                found.accept(one);
                            }
                        })
                        .toList())
                .defaultIfEmpty(List.of());
    }

    /** Null for what another version wrote otherwise. */
    private Rejections.@Nullable Rejection read(String text) {
        try {
            return json.readValue(text, Rejections.Rejection.class);
        } catch (JacksonException other) {
            return null;
        }
    }
}
