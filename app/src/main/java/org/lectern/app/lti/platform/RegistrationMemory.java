package org.lectern.app.lti.platform;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.cache.Cache;
import org.lectern.infra.cache.CacheFamily;
import org.lectern.infra.cache.CacheKind;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import tools.jackson.core.type.TypeReference;

/**
 * What the beginnings of logins need to know of registrations, remembered by all nodes for minutes: only where to send the
 * browser. Whether the launch that comes back is welcome is read from the directory database each time, so what is
 * remembered here lets nobody in who was paused meanwhile.
 *
 * <p>Whoever changes a registration calls {@link #forget} after the commit. Kept as briefly as what belongs to a person, in
 * case a node dies between the two.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class RegistrationMemory {

    private static final CacheFamily<List<Registration>> FAMILY =
            CacheFamily.of("registration", CacheKind.USER, new TypeReference<List<Registration>>() {});

    private final Cache cache;

    RegistrationMemory(Cache cache) {
        this.cache = cache;
    }

    /**
     * The registrations of an issuer's client, or of an issuer. That there is none is not remembered: anybody may ask, under
     * as many names as they like.
     *
     * @param loader reads them from the database
     */
    Mono<List<Registration>> get(String issuer, @Nullable String client, Mono<List<Registration>> loader) {
        String key = encoded(issuer) + (client == null ? "" : " " + encoded(client));
        return cache.get(FAMILY, key, known(loader)).onErrorResume(Unknown.class, unused -> Mono.just(List.of()));
    }

    /**
     * Fetches those that logins ask for most before anybody asks: a node that is new, or has forgotten, and every few
     * minutes, so that no login waits for the directory because its time has run out.
     *
     * @param loader reads the registrations of an issuer's client, or of an issuer
     */
    void warm(BiFunction<String, @Nullable String, Mono<List<Registration>>> loader) {
        cache.warm(FAMILY, key -> {
            int blank = key.indexOf(' ');
            return known(
                    blank < 0
                            ? loader.apply(decoded(key), null)
                            : loader.apply(decoded(key.substring(0, blank)), decoded(key.substring(blank + 1))));
        });
    }

    private static Mono<List<Registration>> known(Mono<List<Registration>> loader) {
        return loader.filter(found -> !found.isEmpty()).switchIfEmpty(Mono.error(Unknown::new));
    }

    /** Forgets all of them, on every node. */
    Mono<Void> forget() {
        return cache.invalidate("registration:*");
    }

    /** Without blanks and stars, whatever a stranger sends. */
    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("*", "%2A");
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    /** There is none; an error, since those are never kept. */
    private static final class Unknown extends RuntimeException {

        private static final long serialVersionUID = 1L;

        Unknown() {
            super("no such registration", null, false, false);
        }
    }
}
