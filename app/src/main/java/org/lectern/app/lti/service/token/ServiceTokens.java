package org.lectern.app.lti.service.token;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.nimbusds.jwt.JWTClaimsSet;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.stream.Collectors;
import org.lectern.app.lti.keys.ToolKeys;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.service.ServiceProperties;
import org.lectern.app.lti.service.http.PlatformAnswer;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformFailureException.Kind;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.app.lti.service.http.ServiceHttp;
import org.lectern.app.session.Secrets;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Access tokens for platforms' services (LTI Security Framework 1.0, section 4.1: client credentials, authenticated by a
 * JWT that the tool's key signed).
 *
 * <p>A token serves for one set of scopes until 60 s before its end ({@code token-margin}; half of its life where that
 * is shorter). Callers of one node share one fetch. Nodes share tokens through Redis, where a lease lets one of them
 * fetch while the others wait a moment for its result; the lease only saves requests: whoever waited in vain fetches for
 * itself, and without Redis every node does. Thread-safe, non-blocking.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class ServiceTokens {

    private static final String ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private static final Duration ASSERTION_LIFETIME = Duration.ofMinutes(5);
    /** What is believed of a token whose answer does not say. */
    private static final long SILENT_LIFETIME_SECONDS = 300;

    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    private static final int LOOKS = 30;

    private final ServiceHttp http;
    private final ToolKeys keys;
    private final SharedTokens shared;
    private final ServiceProperties settings;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Clock clock;
    private final MeterRegistry meters;
    private final Cache<String, AccessToken> known =
            Caffeine.newBuilder().maximumSize(10_000).build();
    private final ConcurrentMap<String, Mono<AccessToken>> flights = new ConcurrentHashMap<>();

    ServiceTokens(
            ServiceHttp http,
            ToolKeys keys,
            SharedTokens shared,
            ServiceProperties settings,
            JsonMapper json,
            IdGenerator ids,
            Clock clock,
            MeterRegistry meters) {
        this.http = http;
        this.keys = keys;
        this.shared = shared;
        this.settings = settings;
        this.json = json;
        this.ids = ids;
        this.clock = clock;
        this.meters = meters;
    }

    /**
     * A token for scopes; errors with {@link PlatformFailureException} when the platform gives none.
     *
     * @param scopes what it is to be good for, at least one
     */
    public Mono<AccessToken> token(Registration registration, Collection<String> scopes) {
        String scope = String.join(" ", new TreeSet<>(scopes));
        String key = key(registration, scope);
        return Mono.defer(() -> {
            AccessToken token = known.getIfPresent(key);
            if (token != null && token.usableUntil().isAfter(clock.instant())) {
                return Mono.just(token);
            }
            return flight(key, shared.find(key).switchIfEmpty(Mono.defer(() -> leased(key, registration, scope))));
        });
    }

    /** Another token in place of one that the platform refused; callers who were refused the same share one. */
    public Mono<AccessToken> renewed(Registration registration, Collection<String> scopes, AccessToken refused) {
        String scope = String.join(" ", new TreeSet<>(scopes));
        String key = key(registration, scope);
        return Mono.defer(() -> {
            AccessToken token = known.getIfPresent(key);
            if (token != null && !token.value().equals(refused.value())) {
                return Mono.just(token);
            }
            known.invalidate(key);
            return flight(key, shared.drop(key, refused.value()).then(fetched(key, registration, scope)));
        });
    }

    private Mono<AccessToken> flight(String key, Mono<AccessToken> fetch) {
        return Mono.defer(() -> flights.computeIfAbsent(
                key,
                unused -> fetch.doOnNext(token -> known.put(key, token))
                        // Before anybody is told, so that who was refused does not get the same token again.
                        .doOnTerminate(() -> flights.remove(key))
                        .doOnCancel(() -> flights.remove(key))
                        .cache()));
    }

    private Mono<AccessToken> leased(String key, Registration registration, String scope) {
        return shared.lease(key, settings.timeout()).flatMap(mine -> {
            if (mine) {
                return fetched(key, registration, scope);
            }
            return shared.find(key)
                    .repeatWhenEmpty(LOOKS, looks -> looks.delayElements(LOOK_EVERY))
                    .onErrorResume(IllegalStateException.class, tooOften -> Mono.empty())
                    .switchIfEmpty(Mono.defer(() -> fetched(key, registration, scope)));
        });
    }

    private Mono<AccessToken> fetched(String key, Registration registration, String scope) {
        URI endpoint = registration.tokenEndpoint();
        if (endpoint == null) {
            return Mono.error(
                    new PlatformFailureException(Kind.NOT_OFFERED, "the registration names no token endpoint"));
        }
        return Mono.defer(() -> http.send(registration, () -> request(registration, endpoint, scope)))
                .map(this::token)
                .doOnNext(token -> count("fetched"))
                .doOnError(failure -> count("failed"))
                .flatMap(token -> shared.keep(key, token).thenReturn(token))
                .onErrorResume(failure -> shared.release(key).then(Mono.error(failure)));
    }

    /** An assertion counts once, so each attempt signs its own. */
    private PlatformRequest request(Registration registration, URI endpoint, String scope) {
        Instant now = clock.instant();
        String assertion = keys.sign(new JWTClaimsSet.Builder()
                .issuer(registration.clientId())
                .subject(registration.clientId())
                .audience(Objects.requireNonNullElseGet(registration.assertionAudience(), endpoint::toString))
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(ASSERTION_LIFETIME)))
                .jwtID(ids.generateId().toString())
                .build());
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", "client_credentials");
        form.put("client_assertion_type", ASSERTION_TYPE);
        form.put("client_assertion", assertion);
        form.put("scope", scope);
        return new PlatformRequest(
                "token",
                HttpMethod.POST,
                endpoint,
                MediaType.APPLICATION_JSON_VALUE,
                MediaType.APPLICATION_FORM_URLENCODED_VALUE,
                form.entrySet().stream()
                        .map(field ->
                                field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                        .collect(Collectors.joining("&")),
                true);
    }

    private AccessToken token(PlatformAnswer answer) {
        if (answer.status() == 401) {
            throw new PlatformFailureException(Kind.REFUSED, "the token endpoint does not know this client", 401, null);
        }
        JsonNode document;
        try {
            document = json.readTree(answer.body());
        } catch (JacksonException noJson) {
            throw new PlatformFailureException(Kind.UNUSABLE, "the token endpoint answered what is no JSON");
        }
        String value = document.path("access_token").asString("");
        String type = document.path("token_type").asString("");
        if (value.isEmpty() || !type.equalsIgnoreCase("bearer")) {
            throw new PlatformFailureException(Kind.UNUSABLE, "the token endpoint answered no bearer token");
        }
        long seconds = Math.clamp(document.path("expires_in").asLong(SILENT_LIFETIME_SECONDS), 0, 86_400);
        Duration lifetime = Duration.ofSeconds(seconds);
        Duration margin = settings.tokenMargin().multipliedBy(2).compareTo(lifetime) > 0
                ? lifetime.dividedBy(2)
                : settings.tokenMargin();
        return new AccessToken(value, clock.instant().plus(lifetime).minus(margin));
    }

    private void count(String outcome) {
        meters.counter("lectern.lti.service.tokens", "outcome", outcome).increment();
    }

    /** With the endpoint, so that what an old one gave out is not taken for a token of the one that replaced it. */
    private static String key(Registration registration, String scope) {
        return registration.id() + ":"
                + Secrets.hexDigest(registration.tokenEndpoint() + " " + registration.assertionAudience() + " " + scope)
                        .substring(0, 16);
    }
}
