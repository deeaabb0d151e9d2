package org.lectern.app.lti;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.lectern.app.lti.launch.TestPlatform;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;
import reactor.netty.http.server.HttpServerRoutes;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The platform's side of Dynamic Registration; it can misbehave as a test asks for. */
public final class RegisteringPlatform {

    /** What was asked of the registration endpoint, with the bearer token. */
    public final List<Asked> asked = new CopyOnWriteArrayList<>();
    /** Changes the configuration. */
    public volatile Consumer<Map<String, Object>> configuration = document -> {};
    /** Changes the answer of the registration. */
    public volatile Consumer<Map<String, Object>> registered = document -> {};
    /** Redirects the configuration elsewhere; empty for not. */
    public volatile String redirect = "";
    /** Waits before the configuration is answered. */
    public volatile Duration delay = Duration.ZERO;
    /** Makes the configuration longer by so many characters. */
    public volatile int padding = 0;

    private final AtomicInteger clients = new AtomicInteger();
    private final TestPlatform platform = new TestPlatform(this::routes);

    /** The platform that launches. */
    public TestPlatform platform() {
        return platform;
    }

    /** Behaves again. */
    public void behave() {
        asked.clear();
        configuration = document -> {};
        registered = document -> {};
        redirect = "";
        delay = Duration.ZERO;
        padding = 0;
    }

    /** Where its configuration is. */
    public String configurationAddress() {
        return platform.issuer() + "/openid-configuration";
    }

    private void routes(TestPlatform self, HttpServerRoutes routes) {
        routes.get("/openid-configuration", this::configuration).post("/register", this::register);
    }

    private Publisher<Void> configuration(HttpServerRequest request, HttpServerResponse response) {
        if (!redirect.isEmpty()) {
            return response.sendRedirect(redirect);
        }
        String issuer = platform.issuer();
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("issuer", issuer);
        document.put("authorization_endpoint", issuer + "/authorize");
        document.put("token_endpoint", issuer + "/token");
        document.put("jwks_uri", platform.keysAddress().toString());
        document.put("registration_endpoint", issuer + "/register");
        document.put("token_endpoint_auth_methods_supported", List.of("private_key_jwt"));
        document.put("id_token_signing_alg_values_supported", List.of("RS256"));
        document.put(
                "scopes_supported",
                List.of("openid", "https://purl.imsglobal.org/spec/lti-ags/scope/score", "https://lms.example/other"));
        document.put("claims_supported", List.of("iss", "sub", "name"));
        document.put(
                "https://purl.imsglobal.org/spec/lti-platform-configuration",
                Map.of(
                        "product_family_code",
                        "testlms",
                        "messages_supported",
                        List.of(Map.of("type", "LtiResourceLinkRequest"), Map.of("type", "LtiDeepLinkingRequest"))));
        document.put("padding", "x".repeat(padding));
        configuration.accept(document);
        return Mono.delay(delay).then(json(response, document));
    }

    private Publisher<Void> register(HttpServerRequest request, HttpServerResponse response) {
        return request.receive().aggregate().asString().flatMap(body -> {
            asked.add(new Asked(
                    Objects.requireNonNullElse(request.requestHeaders().get("Authorization"), ""),
                    JsonMapper.shared().readTree(body)));
            Map<String, Object> document = new LinkedHashMap<>();
            document.put("client_id", "dynamic-" + System.nanoTime() + "-" + clients.incrementAndGet());
            document.put(
                    "https://purl.imsglobal.org/spec/lti-tool-configuration", Map.of("deployment_id", "deployment-1"));
            registered.accept(document);
            return json(response.status(201), document);
        });
    }

    private static Mono<Void> json(HttpServerResponse response, Map<String, Object> document) {
        return response.header("Content-Type", "application/json")
                .sendString(Mono.just(JsonMapper.shared().writeValueAsString(document)))
                .then();
    }

    /**
     * What the tool asked for.
     *
     * @param authorization the header
     * @param body the registration
     */
    public record Asked(String authorization, JsonNode body) {}
}
