package org.lectern.app.lti;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.lectern.app.lti.launch.TestPlatform;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import tools.jackson.databind.json.JsonMapper;

/** An OpenID issuer for operators: its metadata, its keys, its tokens. */
final class OperatorIssuer {

    static final String AUDIENCE = "lectern-operations";

    final AtomicInteger asked = new AtomicInteger();

    private final RsaJsonWebKey key = TestPlatform.newKey("operators-1");
    private final DisposableServer server;

    OperatorIssuer() {
        server = HttpServer.create()
                .host("127.0.0.1")
                .port(0)
                .route(routes -> routes.get("/.well-known/openid-configuration", (request, response) -> {
                            asked.incrementAndGet();
                            return response.header("Content-Type", "application/json")
                                    .sendString(Mono.just(JsonMapper.shared()
                                            .writeValueAsString(Map.of(
                                                    "issuer", issuer(),
                                                    "jwks_uri", issuer() + "/keys",
                                                    "authorization_endpoint", issuer() + "/authorize",
                                                    "token_endpoint", issuer() + "/token",
                                                    "response_types_supported", List.of("code"),
                                                    "subject_types_supported", List.of("public"),
                                                    "id_token_signing_alg_values_supported", List.of("RS256")))));
                        })
                        .get(
                                "/keys",
                                (request, response) -> response.header("Content-Type", "application/json")
                                        .sendString(Mono.just(
                                                new JsonWebKeySet(key).toJson(OutputControlLevel.PUBLIC_ONLY)))))
                .bindNow(Duration.ofSeconds(10));
    }

    String issuer() {
        return "http://127.0.0.1:" + server.port();
    }

    /** A token, with claims changed. */
    String token(Consumer<Map<String, Object>> change) {
        return token(key, change);
    }

    /** A token by another key under the same id. */
    String token(RsaJsonWebKey signing, Consumer<Map<String, Object>> change) {
        long now = Instant.now().getEpochSecond();
        Map<String, Object> claims = new LinkedHashMap<>();
        claims.put("iss", issuer());
        claims.put("sub", "grace@operations.example");
        claims.put("aud", AUDIENCE);
        claims.put("iat", now);
        claims.put("exp", now + 300);
        change.accept(claims);
        return TestPlatform.sign(claims, signature -> {
            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA256);
            signature.setKeyIdHeaderValue("operators-1");
            signature.setKey(signing.getPrivateKey());
        });
    }
}
