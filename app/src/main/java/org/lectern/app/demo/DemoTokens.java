package org.lectern.app.demo;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.lectern.app.session.Secrets;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;

/**
 * The demo platform's OAuth 2 token endpoint: client credentials, authenticated by a JWT that the tool signed with a key
 * of its public key set (RFC 7523; LTI Security Framework 1.0, section 4.1).
 */
@Component
@ConditionalOnDemo
class DemoTokens {

    /** The scopes it knows. */
    static final Set<String> SCOPES = Set.of(
            "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly",
            "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly",
            "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem",
            "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem.readonly",
            "https://purl.imsglobal.org/spec/lti-ags/scope/result.readonly",
            "https://purl.imsglobal.org/spec/lti-ags/scope/score");

    static final String ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    static final Duration LIFETIME = Duration.ofHours(1);

    private final DemoPlatform platform;
    private final Secrets secrets;
    private final Clock clock;
    private final WebClient tool = WebClient.create();
    private final Cache<String, Boolean> usedAssertions = Caffeine.newBuilder()
            .maximumSize(100_000)
            .expireAfterWrite(Duration.ofMinutes(15))
            .build();
    private final Cache<String, Set<String>> issued = Caffeine.newBuilder()
            .maximumSize(100_000)
            .expireAfterWrite(LIFETIME)
            .build();

    DemoTokens(DemoPlatform platform, Secrets secrets, Clock clock) {
        this.platform = platform;
        this.secrets = secrets;
        this.clock = clock;
    }

    /** Issues a token, or says by an OAuth error code why not. */
    Mono<Answer> issue(
            @Nullable String grantType,
            @Nullable String assertionType,
            @Nullable String assertion,
            @Nullable String scope) {
        if (!"client_credentials".equals(grantType)) {
            return Mono.just(new Refused("unsupported_grant_type"));
        }
        if (!ASSERTION_TYPE.equals(assertionType) || assertion == null) {
            return Mono.just(new Refused("invalid_client"));
        }
        Set<String> scopes = new TreeSet<>(Arrays.asList((scope == null ? "" : scope).split(" ")));
        scopes.retainAll(SCOPES);
        if (scopes.isEmpty()) {
            return Mono.just(new Refused("invalid_scope"));
        }
        return toolKeys().map(keySet -> authentic(assertion, keySet) ? granted(scopes) : new Refused("invalid_client"));
    }

    /**
     * The content that the tool's answer to a deep linking request names; empty when it is none, or of another course.
     *
     * @param jwt the answer as it came
     * @param course the course that asked: the request's {@code data}
     */
    Mono<List<Map<String, Object>>> deepLinkAnswer(@Nullable String jwt, String course) {
        return jwt == null ? Mono.empty() : toolKeys().mapNotNull(keySet -> items(jwt, keySet, course));
    }

    /** What a bearer token may do. */
    Permission permits(@Nullable String authorization, List<String> scopes) {
        String token = authorization != null && authorization.startsWith("Bearer ")
                ? authorization.substring("Bearer ".length())
                : "";
        Set<String> granted = issued.getIfPresent(Secrets.hexDigest(token));
        if (granted == null) {
            return Permission.UNKNOWN;
        }
        return scopes.stream().anyMatch(granted::contains) ? Permission.PERMITTED : Permission.NOT_FOR_THIS;
    }

    private Mono<String> toolKeys() {
        return tool.get()
                .uri(platform.origin().resolve("/.well-known/jwks.json"))
                .retrieve()
                .bodyToMono(String.class)
                .timeout(Duration.ofSeconds(5));
    }

    private @Nullable List<Map<String, Object>> items(String text, String keySet, String course) {
        try {
            SignedJWT jwt = SignedJWT.parse(text);
            if (!JWSAlgorithm.RS256.equals(jwt.getHeader().getAlgorithm())
                    || !(JWKSet.parse(keySet).getKeyByKeyId(jwt.getHeader().getKeyID()) instanceof RSAKey key)
                    || !jwt.verify(new RSASSAVerifier(key))) {
                return null;
            }
            JWTClaimsSet claims = jwt.getJWTClaimsSet();
            boolean ours = DemoPlatform.CLIENT_ID.equals(claims.getIssuer())
                    && claims.getAudience().contains(platform.issuer())
                    && claims.getExpirationTime() != null
                    && claims.getExpirationTime().toInstant().isAfter(clock.instant())
                    && "LtiDeepLinkingResponse"
                            .equals(claims.getClaim("https://purl.imsglobal.org/spec/lti/claim/message_type"))
                    && course.equals(claims.getClaim("https://purl.imsglobal.org/spec/lti-dl/claim/data"));
            if (!ours) {
                return null;
            }
            List<Map<String, Object>> items = new ArrayList<>();
            if (claims.getClaim("https://purl.imsglobal.org/spec/lti-dl/claim/content_items") instanceof List<?> list) {
                for (Object one : list) {
                    if (one instanceof Map<?, ?> item) {
                        Map<String, Object> copy = new LinkedHashMap<>();
                        item.forEach((name, value) -> copy.put(String.valueOf(name), value));
                        items.add(copy);
                    }
                }
            }
            return items;
        } catch (ParseException | JOSEException e) {
            return null;
        }
    }

    private Answer granted(Set<String> scopes) {
        String token = secrets.fresh();
        issued.put(Secrets.hexDigest(token), Set.copyOf(scopes));
        return new Granted(token, String.join(" ", scopes));
    }

    private boolean authentic(String assertion, String keySet) {
        try {
            SignedJWT jwt = SignedJWT.parse(assertion);
            if (!JWSAlgorithm.RS256.equals(jwt.getHeader().getAlgorithm())
                    || !(JWKSet.parse(keySet).getKeyByKeyId(jwt.getHeader().getKeyID()) instanceof RSAKey key)
                    || !jwt.verify(new RSASSAVerifier(key))) {
                return false;
            }
            JWTClaimsSet claims = jwt.getJWTClaimsSet();
            Instant now = clock.instant();
            List<String> audience = claims.getAudience();
            return DemoPlatform.CLIENT_ID.equals(claims.getIssuer())
                    && DemoPlatform.CLIENT_ID.equals(claims.getSubject())
                    && audience.contains(platform.origin() + "/demo/platform/token")
                    && claims.getExpirationTime() != null
                    && claims.getExpirationTime().toInstant().isAfter(now)
                    && claims.getExpirationTime().toInstant().isBefore(now.plus(Duration.ofMinutes(10)))
                    && claims.getIssueTime() != null
                    && !claims.getIssueTime().toInstant().isAfter(now.plusSeconds(60))
                    && claims.getJWTID() != null
                    && usedAssertions.asMap().putIfAbsent(claims.getJWTID(), true) == null;
        } catch (ParseException | JOSEException e) {
            return false;
        }
    }

    /** Whether a token is good for something. */
    enum Permission {
        /** It is. */
        PERMITTED,
        /** It is a token, but not for this. */
        NOT_FOR_THIS,
        /** It is none, or has ended. */
        UNKNOWN
    }

    /** What the token endpoint says. */
    sealed interface Answer {}

    /**
     * A token.
     *
     * @param token the access token
     * @param scope what it is good for
     */
    record Granted(String token, String scope) implements Answer {}

    /**
     * No token.
     *
     * @param error an error code of RFC 6749
     */
    record Refused(String error) implements Answer {}
}
