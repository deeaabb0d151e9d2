package org.lectern.app.lti.launch;

import java.net.URI;
import java.security.PublicKey;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jwk.RsaJwkGenerator;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.lang.JoseException;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRoutes;

/**
 * A platform of its own making: another JWT library than Lectern's (jose4j), another HTTP server, its own keys. It can
 * misbehave as a test asks for.
 */
public final class TestPlatform implements AutoCloseable {

    public static final String LTI = "https://purl.imsglobal.org/spec/lti/claim/";
    public static final String MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#";

    /** How often the keys were asked for. */
    public final AtomicInteger keyFetches = new AtomicInteger();

    volatile Duration keyDelay = Duration.ZERO;
    volatile int keyStatus = 200;

    private final DisposableServer server;
    private final List<PublicJsonWebKey> published = new CopyOnWriteArrayList<>();
    private volatile PublicJsonWebKey signing;

    /** A platform with nothing but its keys. */
    public TestPlatform() {
        this((platform, routes) -> {});
    }

    /** A platform that answers more than its keys. */
    public TestPlatform(BiConsumer<TestPlatform, HttpServerRoutes> more) {
        this.signing = newKey("key-1");
        published.add(signing);
        this.server = HttpServer.create()
                .host("127.0.0.1")
                .port(0)
                .route(routes -> {
                    more.accept(this, routes);
                    routes.get("/keys", (request, response) -> {
                        keyFetches.incrementAndGet();
                        return Mono.delay(keyDelay)
                                .then(response.status(keyStatus)
                                        .header("Content-Type", "application/json")
                                        .header("Cache-Control", "max-age=3600")
                                        .sendString(Mono.just(
                                                new JsonWebKeySet(published).toJson(OutputControlLevel.PUBLIC_ONLY)))
                                        .then());
                    });
                })
                .bindNow();
    }

    /** A key of its own making. */
    public static RsaJsonWebKey newKey(String keyId) {
        try {
            RsaJsonWebKey key = RsaJwkGenerator.generateJwk(2048);
            key.setKeyId(keyId);
            key.setUse("sig");
            return key;
        } catch (JoseException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Where its keys are. */
    public URI keysAddress() {
        return URI.create("http://127.0.0.1:" + server.port() + "/keys");
    }

    /** Its issuer: its own address. */
    public String issuer() {
        return "http://127.0.0.1:" + server.port();
    }

    /** Signs with a new key from now on; the old one is not published any more. */
    public void rotate(String keyId) {
        signing = newKey(keyId);
        published.clear();
        published.add(signing);
    }

    /** The public half of the key that signs now. */
    public PublicKey publicKey() {
        return signing.getPublicKey();
    }

    PublicJsonWebKey signing() {
        return signing;
    }

    /** Publishes a key beside the others. */
    void publish(PublicJsonWebKey key) {
        published.add(key);
    }

    /** The claims of an instructor's launch, all rules kept. */
    public Map<String, Object> claims(String clientId, String nonce, String targetLinkUri) {
        long now = Instant.now().getEpochSecond();
        Map<String, Object> claims = new LinkedHashMap<>();
        claims.put("iss", issuer());
        claims.put("aud", clientId);
        claims.put("sub", "person-1");
        claims.put("iat", now);
        claims.put("exp", now + 300);
        claims.put("nonce", nonce);
        claims.put("name", "Ada Lovelace");
        claims.put("email", "ada@school.example");
        claims.put(LTI + "version", "1.3.0");
        claims.put(LTI + "message_type", "LtiResourceLinkRequest");
        claims.put(LTI + "deployment_id", "deployment-1");
        claims.put(LTI + "target_link_uri", targetLinkUri);
        claims.put(LTI + "resource_link", new LinkedHashMap<>(Map.of("id", "link-1", "title", "Lectern")));
        claims.put(LTI + "roles", new ArrayList<>(List.of(MEMBERSHIP + "Instructor")));
        claims.put(LTI + "context", new LinkedHashMap<>(Map.of("id", "course-1", "title", "Analytical Engines")));
        claims.put("https://platform.example/unknown", Map.of("ignored", true));
        return claims;
    }

    /** Signs claims as the platform does. */
    public String sign(Map<String, Object> claims) {
        PublicJsonWebKey key = signing;
        return sign(claims, signature -> {
            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA256);
            signature.setKeyIdHeaderValue(key.getKeyId());
            signature.setKey(key.getPrivateKey());
        });
    }

    /** Signs claims in another way. */
    public static String sign(Map<String, Object> claims, Consumer<JsonWebSignature> how) {
        try {
            var content = new JwtClaims();
            claims.forEach(content::setClaim);
            var signature = new JsonWebSignature();
            signature.setPayload(content.toJson());
            signature.setDoKeyValidation(false);
            signature.setAlgorithmConstraints(AlgorithmConstraints.NO_CONSTRAINTS);
            how.accept(signature);
            return signature.getCompactSerialization();
        } catch (JoseException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        server.disposeNow(Duration.ofSeconds(5));
    }
}
