package org.lectern.app.lti.platform;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.text.ParseException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;

/**
 * The public keys of platforms, fetched from their key addresses.
 *
 * <p>Keys are fresh as long as the platform's {@code max-age} says, within bounds. An unknown key id asks again at
 * once, so that a rotation works within one launch; how often is a budget of each key address ({@link FetchBudget}),
 * counted whatever the reason of the fetch, so neither a flood of made-up ids nor a dead address costs more than that.
 * Fetches of one address are one flight: everybody who waits gets its result. When a fetch fails, keys that are too old
 * go on serving for {@code stale-if-error}.
 *
 * <p>Fetches go through {@link PlatformHttp}. Thread-safe, non-blocking.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class PlatformKeys {

    private static final Pattern MAX_AGE = Pattern.compile("(?:^|[\\s,])max-age=(\\d{1,9})", Pattern.CASE_INSENSITIVE);
    private static final Duration SHORTEST_LIFETIME = Duration.ofMinutes(1);

    private final LtiProperties.Jwks settings;
    private final Clock clock;
    private final MeterRegistry meters;
    private final PlatformHttp http;
    private final Cache<URI, Keys> known =
            Caffeine.newBuilder().maximumSize(10_000).build();
    private final Cache<URI, FetchBudget> budgets = Caffeine.newBuilder()
            .maximumSize(10_000)
            .expireAfterAccess(Duration.ofMinutes(5))
            .build();
    private final ConcurrentMap<URI, Mono<Keys>> flights = new ConcurrentHashMap<>();

    PlatformKeys(PlatformHttp http, LtiProperties properties, Clock clock, MeterRegistry meters) {
        this.http = http;
        this.settings = properties.jwks();
        this.clock = clock;
        this.meters = meters;
    }

    /**
     * The key of a platform with an id; empty when the platform has no such key (or the budget to ask again is spent).
     * Errors with {@link KeysUnavailableException} when the platform's keys cannot be had at all.
     */
    public Mono<JWK> key(Registration registration, String keyId) {
        URI address = registration.jwksUri();
        return Mono.defer(() -> {
                    Instant now = clock.instant();
                    Keys keys = known.getIfPresent(address);
                    if (keys == null || now.isAfter(keys.freshUntil())) {
                        return refreshed(registration, keys, now);
                    }
                    if (keys.set().getKeyByKeyId(keyId) != null || !mayFetch(address, now)) {
                        return Mono.just(keys);
                    }
                    return fetch(registration).onErrorReturn(keys);
                })
                .mapNotNull(keys -> keys.set().getKeyByKeyId(keyId));
    }

    private Mono<Keys> refreshed(Registration registration, @Nullable Keys old, Instant now) {
        boolean mayServe = old != null && now.isBefore(old.freshUntil().plus(settings.staleIfError()));
        if (!mayFetch(registration.jwksUri(), now)) {
            return old != null && mayServe
                    ? Mono.just(old)
                    : Mono.error(new KeysUnavailableException("asked too often in this minute"));
        }
        Mono<Keys> fetched = fetch(registration);
        return old != null && mayServe ? fetched.onErrorReturn(old) : fetched;
    }

    /** Joining a fetch that is under way costs nothing; a new one costs a permit. */
    private boolean mayFetch(URI address, Instant now) {
        return flights.containsKey(address)
                || budgets.get(address, key -> new FetchBudget(settings.fetchesPerMinute(), now))
                        .take(now);
    }

    private Mono<Keys> fetch(Registration registration) {
        URI address = registration.jwksUri();
        return Mono.defer(() -> flights.computeIfAbsent(
                address,
                key -> load(registration)
                        .doOnNext(keys -> known.put(address, keys))
                        // Before anybody is told, so that who asks again afterwards does not get this answer again.
                        .doOnTerminate(() -> flights.remove(address))
                        .doOnCancel(() -> flights.remove(address))
                        .cache()));
    }

    private Mono<Keys> load(Registration registration) {
        return Mono.fromSupplier(() -> http.to(registration.jwksUri(), registration.trustedAddresses()))
                .flatMap(client -> answer(client, registration))
                .timeout(settings.timeout())
                .map(this::keys)
                .onErrorMap(failure -> failure instanceof KeysUnavailableException
                        ? failure
                        : new KeysUnavailableException(failure.getClass().getSimpleName(), failure))
                .doOnSuccess(keys -> count("fetched"))
                .doOnError(failure -> count("failed"));
    }

    private static Mono<ResponseEntity<String>> answer(WebClient client, Registration registration) {
        return client.get()
                .uri(registration.jwksUri())
                .accept(MediaType.APPLICATION_JSON, MediaType.parseMediaType("application/jwk-set+json"))
                .exchangeToMono(response -> response.statusCode().value() == 200
                        ? response.toEntity(String.class)
                        : response.releaseBody()
                                .then(Mono.error(new KeysUnavailableException(
                                        "it answered " + response.statusCode().value()))));
    }

    private Keys keys(ResponseEntity<String> response) {
        String body = response.getBody();
        if (body == null) {
            throw new KeysUnavailableException("it answered nothing");
        }
        try {
            return new Keys(JWKSet.parse(body), clock.instant().plus(lifetime(response.getHeaders())));
        } catch (ParseException e) {
            throw new KeysUnavailableException("what it answered is no key set", e);
        }
    }

    private Duration lifetime(HttpHeaders headers) {
        String cacheControl = headers.getCacheControl();
        Matcher maxAge = MAX_AGE.matcher(cacheControl == null ? "" : cacheControl);
        Duration said = maxAge.find() ? Duration.ofSeconds(Long.parseLong(maxAge.group(1))) : settings.lifetime();
        if (said.compareTo(SHORTEST_LIFETIME) < 0) {
            return SHORTEST_LIFETIME;
        }
        return said.compareTo(settings.maxLifetime()) > 0 ? settings.maxLifetime() : said;
    }

    private void count(String outcome) {
        meters.counter("lectern.lti.jwks.fetches", "outcome", outcome).increment();
    }

    private record Keys(JWKSet set, Instant freshUntil) {}
}
