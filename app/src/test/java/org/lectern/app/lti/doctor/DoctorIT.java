package org.lectern.app.lti.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;
import org.jose4j.keys.resolvers.JwksVerificationKeyResolver;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.lectern.app.lti.OperatedNode;
import org.lectern.app.lti.launch.Browser;
import org.lectern.app.lti.launch.TestPlatform;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;

/** The doctor before platforms that are well and platforms that are not, over the wire. */
class DoctorIT extends OperatedNode {

    private static final List<String> TOKEN_REQUESTS = new CopyOnWriteArrayList<>();
    private static volatile int tokenStatus = 200;
    private static volatile String tokenAnswer = "{\"access_token\":\"t\"}";
    private static volatile String date = "";

    private static final TestPlatform OTHER = new TestPlatform((self, routes) -> routes.get(
                    "/authorize", (request, response) -> response.status(400).send())
            .get("/dated", (request, response) -> {
                if (!date.isEmpty()) {
                    response.header("Date", date);
                }
                return response.sendString(Mono.just("{\"keys\":[]}"));
            })
            .post(
                    "/token",
                    (request, response) -> request.receive()
                            .aggregate()
                            .asString()
                            .flatMap(body -> {
                                TOKEN_REQUESTS.add(body);
                                return response.status(tokenStatus)
                                        .sendString(Mono.just(tokenAnswer))
                                        .then();
                            })));

    @AfterAll
    static void close() {
        OTHER.close();
    }

    @Test
    void findsNothingWrongWhereNothingIs() throws Exception {
        tokenStatus = 200;
        tokenAnswer = "{\"access_token\":\"t\"}";
        TOKEN_REQUESTS.clear();
        String client = "well-" + UUID.randomUUID();
        String id = register(
                OTHER,
                client,
                Map.of("token_endpoint", OTHER.issuer() + "/token", "token_audience", "https://tokens.example"));
        Map<String, String> steps = check(id);
        assertThat(steps)
                .containsEntry("registration", "ok")
                .containsEntry("deployments", "ok")
                .containsEntry("authorization-endpoint", "ok")
                .containsEntry("key-set", "ok")
                .containsEntry("clock", "ok")
                .containsEntry("token-endpoint", "ok")
                .containsEntry("rejections", "ok")
                .as("http, so somebody should look")
                .containsEntry("issuer", "warning");

        Map<String, String> asked = Browser.query(URI.create("http://platform/?" + TOKEN_REQUESTS.getFirst()));
        String keys = call("GET", "/.well-known/jwks.json", null, null).body();
        var claims = new JwtConsumerBuilder()
                .setVerificationKeyResolver(new JwksVerificationKeyResolver(new JsonWebKeySet(keys).getJsonWebKeys()))
                .setExpectedAudience("https://tokens.example")
                .setExpectedIssuer(client)
                .setExpectedSubject(client)
                .setRequireJwtId()
                .setRequireExpirationTime()
                .build()
                .processToClaims(asked.get("client_assertion"));
        assertThat(claims.getSubject()).isEqualTo(client);
    }

    @Test
    void namesWhatIsWrong() {
        tokenStatus = 401;
        tokenAnswer = "{\"error\":\"invalid_client\"}";
        date = "Tue, 01 Jan 2030 00:00:00 GMT";
        String client = "ill-" + UUID.randomUUID();
        String id = register(
                OTHER,
                client,
                Map.of(
                        "token_endpoint", OTHER.issuer() + "/token",
                        "jwks_uri", OTHER.issuer() + "/dated",
                        "authorization_endpoint", OTHER.issuer() + "/nowhere",
                        "deployment_ids", List.of()));
        launches(OTHER, client).launch(claims -> {});
        assertThat(check(id))
                .containsEntry("deployments", "failure")
                .containsEntry("authorization-endpoint", "failure")
                .containsEntry("key-set", "failure")
                .containsEntry("clock", "failure")
                .containsEntry("token-endpoint", "failure")
                .containsEntry("rejections", "warning");
        date = "";
        call("POST", "/api/ops/registrations/" + id + "/pause", token(true), null)
                .json(200);
        assertThat(check(id)).containsEntry("registration", "failure");
        tokenStatus = 400;
        tokenAnswer = "{\"error\":\"invalid_scope\"}";
        assertThat(check(id)).containsEntry("token-endpoint", "warning");
        tokenAnswer = "<html>";
        assertThat(check(id)).containsEntry("token-endpoint", "failure");
    }

    @Test
    void aPlatformThatIsGoneIsNamedAsSuchAndAnUntrustedAddressIsNotCalled() {
        Map<String, Object> gone = Map.of(
                "authorization_endpoint", "http://127.0.0.1:1/authorize",
                "jwks_uri", "http://127.0.0.1:1/keys",
                "token_endpoint", "http://127.0.0.1:1/token");
        String id = register(OTHER, "gone-" + UUID.randomUUID(), gone);
        assertThat(check(id))
                .containsEntry("authorization-endpoint", "failure")
                .containsEntry("key-set", "failure")
                .containsEntry("token-endpoint", "failure");
        assertThat(call("POST", "/api/ops/registrations/" + id + "/check", token(true), null)
                        .body())
                .doesNotContain("java.", "Exception:");
    }

    @Test
    void onlyOperatorsMayAsk() {
        String id = register(OTHER, "asked-" + UUID.randomUUID(), Map.of());
        call("POST", "/api/ops/registrations/" + id + "/check", token(false), null)
                .problem(403, "forbidden");
        call("POST", "/api/ops/registrations/" + UUID.randomUUID() + "/check", token(true), null)
                .problem(404, "not-found");
    }

    private Map<String, String> check(String id) {
        JsonNode found = call("POST", "/api/ops/registrations/" + id + "/check", token(true), null)
                .json(200);
        return found.path("steps")
                .valueStream()
                .collect(Collectors.toMap(
                        step -> step.path("step").asString(),
                        step -> step.path("verdict").asString()));
    }
}
