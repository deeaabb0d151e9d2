package org.lectern.app.lti.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.lectern.app.lti.launch.TestPlatform.LTI;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.OperatedNode;
import org.lectern.app.lti.launch.TestPlatform;
import org.lectern.db.batch.Batch;
import org.springframework.beans.factory.annotation.Autowired;
import tools.jackson.databind.JsonNode;

/** What operators do about platforms by the API, and what that means for launches, all over the wire. */
class RegistrationsIT extends OperatedNode {

    @Autowired
    private Registrations registrations;

    @Test
    void aPlatformIsRegisteredLaunchesIsPausedAndGoesOn() {
        String client = client();
        String id = register(PLATFORM, client, Map.of("name", "Our school"));
        var launches = launches(PLATFORM, client);
        launches.session(claims -> {});

        JsonNode shown =
                call("GET", "/api/ops/registrations/" + id, token(true), null).json(200);
        assertThat(shown.path("name").asString()).isEqualTo("Our school");
        assertThat(shown.path("source").asString()).isEqualTo("api");
        assertThat(shown.path("approval").asString()).isEqualTo("approved");
        assertThat(shown.path("active_deployment_count").asInt()).isOne();

        call("POST", "/api/ops/registrations/" + id + "/pause", token(true), null)
                .json(200);
        assertRejected("registration-active", launches.launch(claims -> {}));
        call("POST", "/api/ops/registrations/" + id + "/resume", token(true), null)
                .json(200);
        launches.session(claims -> {});

        call("PATCH", "/api/ops/registrations/" + id, token(true), Map.of("name", "Our college", "operators", true))
                .json(200);
        JsonNode audit = call("GET", "/api/ops/lti/audit?registration=" + id, token(true), null)
                .json(200);
        assertThat(audit.path("items")
                        .valueStream()
                        .map(one -> one.path("action").asString()))
                .containsExactly("changed", "resumed", "paused", "created");
        assertThat(audit.path("items").valueStream())
                .allSatisfy(one -> assertThat(one.path("actor").asString()).startsWith("user:"));
        assertThat(audit.path("items").path(0).path("detail").asString()).isEqualTo("name=Our college operators=true");
    }

    @Test
    void theTokenEndpointMayGoByAnotherNameInAssertions() {
        String audience = "https://api.brightspace.example/auth/token";
        String id = register(
                PLATFORM,
                client(),
                Map.of(
                        "token_endpoint",
                        "https://auth-" + UUID.randomUUID() + ".example/",
                        "token_audience",
                        audience));
        String registration = "/api/ops/registrations/" + id;
        assertThat(call("GET", registration, token(true), null)
                        .json(200)
                        .path("token_audience")
                        .asString())
                .isEqualTo(audience);
        call("PATCH", registration, token(true), Map.of("name", "Brightspace")).json(200);
        assertThat(call("PATCH", registration, token(true), Map.of("token_audience", audience + "/2"))
                        .json(200)
                        .path("token_audience")
                        .asString())
                .isEqualTo(audience + "/2");
        assertThat(call("PATCH", registration, token(true), Map.of("token_audience", ""))
                        .json(200)
                        .hasNonNull("token_audience"))
                .as("empty: the endpoint's address again")
                .isFalse();
        String empty = register(PLATFORM, client(), Map.of("token_audience", ""));
        assertThat(call("GET", "/api/ops/registrations/" + empty, token(true), null)
                        .json(200)
                        .hasNonNull("token_audience"))
                .isFalse();
    }

    @Test
    void anotherTokenEndpointTakesNoAudienceAlongFromTheOldOne() {
        String host = "https://auth-" + UUID.randomUUID() + ".example";
        String id = register(
                PLATFORM, client(), Map.of("token_endpoint", host + "/token", "token_audience", "https://old.example"));
        String registration = "/api/ops/registrations/" + id;
        assertThat(patched(registration, Map.of("token_endpoint", host + "/token")))
                .as("the same endpoint again")
                .isEqualTo("https://old.example");
        assertThat(patched(registration, Map.of("token_endpoint", host + "/other")))
                .isNull();
        assertThat(patched(
                        registration,
                        Map.of("token_endpoint", host + "/third", "token_audience", "https://third.example")))
                .isEqualTo("https://third.example");
    }

    @Test
    void theConfigurationMayNameMoreDeploymentsThanOneStatementTakes() {
        Registration saved = registrations
                .save(
                        new LtiProperties.Platform(
                                null,
                                PLATFORM.issuer(),
                                client(),
                                URI.create(PLATFORM.issuer() + "/authorize"),
                                null,
                                null,
                                PLATFORM.keysAddress(),
                                IntStream.rangeClosed(0, Batch.MAX_ROWS)
                                        .mapToObj(Integer::toString)
                                        .toList(),
                                false,
                                false,
                                false,
                                false),
                        Registrations.Source.CONFIGURATION)
                .blockOptional(Duration.ofSeconds(20))
                .orElseThrow();
        assertThat(call("GET", "/api/ops/registrations/" + saved.id(), token(true), null)
                        .json(200)
                        .path("active_deployment_count")
                        .asInt())
                .isEqualTo(Batch.MAX_ROWS + 1);
    }

    /** The audience of assertions after a change. */
    private @Nullable String patched(String registration, Map<String, Object> change) {
        return call("PATCH", registration, token(true), change)
                .json(200)
                .path("token_audience")
                .asStringOpt()
                .orElse(null);
    }

    @Test
    void oneIssuerHasManyClientsAndAClientManyDeployments() {
        String one = client();
        String other = client();
        register(PLATFORM, one, Map.of("deployment_ids", List.of("deployment-1", "deployment-2")));
        register(PLATFORM, other, Map.of("deployment_ids", List.of("deployment-3")));
        launches(PLATFORM, one).session(claims -> {});
        launches(PLATFORM, one).session(deployment("deployment-2"));
        launches(PLATFORM, other).session(deployment("deployment-3"));
        assertRejected("deployment", launches(PLATFORM, other).launch(deployment("deployment-2")));
        call("POST", "/api/ops/registrations", token(true), body(one, true)).problem(409, "conflict");
    }

    @Test
    void aDeploymentSeenForTheFirstTimeWaitsForApproval() {
        String client = client();
        String id = register(PLATFORM, client, Map.of("pending_deployments", true));
        String deployments = "/api/ops/registrations/" + id + "/deployments";
        String unseen = "1:" + UUID.randomUUID();
        var launches = launches(PLATFORM, client);
        assertRejected("deployment", launches.launch(deployment(unseen)));
        assertRejected("deployment", launches.launch(deployment(unseen)));
        JsonNode list = call("GET", deployments, token(true), null).json(200);
        assertThat(list.path("items").path(0).path("deployment_id").asString()).isEqualTo(unseen);
        assertThat(list.path("items").path(0).path("state").asString()).isEqualTo("pending");

        call("PUT", deployments, token(true), Map.of("deployment_id", unseen, "state", "active"))
                .json(200);
        String inIt = launches.session(deployment(unseen)).path("token").asString();
        String elsewhere = launches.session(claims -> {}).path("token").asString();
        call("GET", "/api/session", inIt, null).json(200);
        call("PUT", deployments, token(true), Map.of("deployment_id", unseen, "state", "blocked"))
                .json(200);
        call("GET", "/api/session", inIt, null).problem(401, "unauthenticated");
        call("GET", "/api/session", elsewhere, null).json(200);
        assertRejected("deployment", launches.launch(deployment(unseen)));
        call("PUT", deployments, token(true), Map.of("deployment_id", unseen, "state", "pending"))
                .problem(400, "invalid-request");
    }

    @Test
    void withoutThatOptionAnUnknownDeploymentLeavesNoTrace() {
        String client = client();
        String id = register(PLATFORM, client, Map.of());
        assertRejected("deployment", launches(PLATFORM, client).launch(deployment("unknown")));
        assertThat(call("GET", "/api/ops/registrations/" + id + "/deployments", token(true), null)
                        .json(200)
                        .path("items")
                        .size())
                .isOne();
    }

    @Test
    void anonymousLaunchesWorkOnlyWhereTheRegistrationSaysSoAndAreNobodyTwice() {
        String client = client();
        String id = register(PLATFORM, client, Map.of());
        var launches = launches(PLATFORM, client);
        Consumer<Map<String, Object>> anonymous =
                claims -> List.of("sub", "name", "email").forEach(claims::remove);
        assertRejected("subject", launches.launch(anonymous));
        call("PATCH", "/api/ops/registrations/" + id, token(true), Map.of("anonymous_launches", true))
                .json(200);
        JsonNode first = launches.session(anonymous);
        JsonNode second = launches.session(anonymous);
        assertThat(first.path("user_id")).isNotEqualTo(second.path("user_id"));
        assertThat(first.path("context_id")).isEqualTo(second.path("context_id"));
        assertRejected("subject", launches.launch(claims -> claims.put("sub", "")));
    }

    @Test
    void whatNobodyLaunchedFromCanBeDeletedAndItsTraceStays() {
        String unused = register(PLATFORM, client(), Map.of());
        call("DELETE", "/api/ops/registrations/" + unused, token(true), null);
        call("GET", "/api/ops/registrations/" + unused, token(true), null).problem(404, "not-found");
        assertThat(call("GET", "/api/ops/lti/audit?registration=" + unused, token(true), null)
                        .json(200)
                        .path("items")
                        .path(0)
                        .path("action")
                        .asString())
                .isEqualTo("deleted");

        String client = client();
        String used = register(PLATFORM, client, Map.of());
        launches(PLATFORM, client).session(claims -> {});
        call("DELETE", "/api/ops/registrations/" + used, token(true), null).problem(409, "conflict");
        launches(PLATFORM, client).session(claims -> {});
    }

    @Test
    void whatTheConfigurationSaysIsChangedThereButAPauseHolds() {
        JsonNode configured = call("GET", "/api/ops/registrations?limit=200", token(true), null)
                .json(200)
                .path("items")
                .valueStream()
                .filter(one -> one.path("client_id").asString().equals(CONFIGURED)
                        && one.path("issuer").asString().equals(PLATFORM.issuer()))
                .findFirst()
                .orElseThrow();
        String path = "/api/ops/registrations/" + configured.path("id").asString();
        call("PATCH", path, token(true), Map.of("operators", true)).problem(409, "conflict");
        call("DELETE", path, token(true), null).problem(409, "conflict");
        call("POST", path + "/pause", token(true), null).json(200);
        try {
            // What each start of a node does.
            registrations
                    .save(
                            new LtiProperties.Platform(
                                    null,
                                    PLATFORM.issuer(),
                                    CONFIGURED,
                                    URI.create(PLATFORM.issuer() + "/authorize"),
                                    null,
                                    null,
                                    PLATFORM.keysAddress(),
                                    List.of("deployment-1"),
                                    false,
                                    false,
                                    false,
                                    false),
                            Registrations.Source.CONFIGURATION)
                    .block(Duration.ofSeconds(10));
            assertRejected("registration-active", launches(PLATFORM, CONFIGURED).launch(claims -> {}));
        } finally {
            call("POST", path + "/resume", token(true), null).json(200);
        }
        launches(PLATFORM, CONFIGURED).session(claims -> {});
    }

    @ParameterizedTest
    @CsvSource({
        "false, http://lms.example/keys",
        "false, https://127.0.0.1/keys",
        "false, https://localhost/keys",
        "false, https://user@lms.example/keys",
        "true, ftp://lms.example/keys",
        "true, javascript:alert(1)",
        "true, /keys"
    })
    void addressesHaveToBeAcceptable(boolean trusted, String address) {
        Map<String, Object> body = body(client(), trusted);
        body.put("jwks_uri", address);
        call("POST", "/api/ops/registrations", token(true), body).problem(400, "invalid-request");
    }

    @Test
    void onlyOperatorsMayAskOrChange() {
        String id = register(PLATFORM, client(), Map.of());
        for (String path : List.of("", "/" + id, "/" + id + "/deployments")) {
            call("GET", "/api/ops/registrations" + path, token(false), null).problem(403, "forbidden");
            call("GET", "/api/ops/registrations" + path, null, null).problem(401, "unauthenticated");
        }
        call("POST", "/api/ops/registrations", token(false), body(client(), true))
                .problem(403, "forbidden");
        call("POST", "/api/ops/registrations/" + id + "/pause", token(false), null)
                .problem(403, "forbidden");
        call("DELETE", "/api/ops/registrations/" + id, token(false), null).problem(403, "forbidden");
        call("GET", "/api/ops/lti/audit", token(false), null).problem(403, "forbidden");
    }

    @Test
    void theListIsPagedNewestFirst() {
        String older = register(PLATFORM, client(), Map.of());
        String newer = register(PLATFORM, client(), Map.of());
        JsonNode page =
                call("GET", "/api/ops/registrations?limit=1", token(true), null).json(200);
        assertThat(page.path("items").path(0).path("id").asString()).isEqualTo(newer);
        JsonNode next = call(
                        "GET",
                        "/api/ops/registrations?limit=1&before="
                                + page.path("next").asString(),
                        token(true),
                        null)
                .json(200);
        assertThat(next.path("items").path(0).path("id").asString()).isEqualTo(older);
        call("GET", "/api/ops/registrations?limit=201", token(true), null).problem(400, "invalid-request");
    }

    @Test
    void aClientOfATokenEndpointBelongsToOneRegistration() {
        String client = client();
        String host = UUID.randomUUID() + ".example";
        String first = register(PLATFORM, client, Map.of("token_endpoint", "https://" + host + "/token"));
        for (String same : List.of(
                "https://" + host + "/elsewhere?x=1",
                "https://" + host.toUpperCase(Locale.ROOT) + "/token",
                "https://" + host + ":443/token",
                "https://" + host + ".:0443/token",
                "https://" + host + ":/token",
                "HTTPS://user@" + host)) {
            Map<String, Object> body = stranger(client, same);
            assertThat(call("POST", "/api/ops/registrations", token(true), body)
                            .json(409)
                            .path("detail")
                            .asString())
                    .as(same)
                    .contains("token endpoint");
        }
        String other = call(
                        "POST",
                        "/api/ops/registrations",
                        token(true),
                        stranger(client, "https://" + host + ":8443/token"))
                .json(201)
                .path("id")
                .asString();
        call(
                        "PATCH",
                        "/api/ops/registrations/" + other,
                        token(true),
                        Map.of("token_endpoint", "https://" + host + "/token"))
                .problem(409, "conflict");
        call("POST", "/api/ops/registrations", token(true), stranger(client(), "https://" + host + "/token"))
                .json(201);

        // The configuration has the last word, or a stranger who was first could keep a node from starting.
        registrations
                .save(
                        new LtiProperties.Platform(
                                null,
                                "https://configured-" + host,
                                client,
                                URI.create("https://configured.example/authorize"),
                                URI.create("https://" + host + "/token"),
                                null,
                                PLATFORM.keysAddress(),
                                List.of(),
                                false,
                                false,
                                false,
                                false),
                        Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10));
        assertThat(call("GET", "/api/ops/registrations/" + first, token(true), null)
                        .json(200)
                        .path("token_endpoint")
                        .isNull())
                .isTrue();
    }

    @Test
    void anIssuerMayHaveAnyNumberOfClients() {
        try (var platform = new TestPlatform()) {
            for (int i = 0; i < 101; i++) {
                register(platform, "client-%03d".formatted(i), Map.of());
            }
            launches(platform, "client-100").session(claims -> {});
            assertRejected(
                    "login-registration", launches(platform, "client-101").launch(claims -> {}));
        }
    }

    @Test
    void aPlatformThatIsPausedOrLosesItsOperatorsEndsTheirSessions() {
        String client = client();
        String id = register(PLATFORM, client, Map.of("operators", true));
        String registration = "/api/ops/registrations/" + id;
        var launches = launches(PLATFORM, client);
        Consumer<Map<String, Object>> administrator = claims -> claims.put(
                LTI + "roles", List.of("http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"));
        String operator = launches.session(administrator).path("token").asString();
        String learner = launches.session(claims -> {}).path("token").asString();
        call("GET", registration, operator, null).json(200);

        call("PATCH", registration, token(true), Map.of("operators", false)).json(200);
        call("GET", registration, operator, null).problem(401, "unauthenticated");
        call("GET", "/api/session", learner, null).json(200);

        call("POST", registration + "/pause", token(true), null).json(200);
        call("GET", "/api/session", learner, null).problem(401, "unauthenticated");
    }

    private static Map<String, Object> stranger(String client, String tokenEndpoint) {
        Map<String, Object> body = body(client, true);
        body.put("issuer", "https://" + UUID.randomUUID() + ".example");
        body.put("token_endpoint", tokenEndpoint);
        return body;
    }

    private static String client() {
        return "client-" + UUID.randomUUID();
    }

    private static Map<String, Object> body(String client, boolean trusted) {
        return new java.util.HashMap<>(Map.of(
                "issuer",
                PLATFORM.issuer(),
                "client_id",
                client,
                "authorization_endpoint",
                trusted ? PLATFORM.issuer() + "/authorize" : "https://lms.example/authorize",
                "jwks_uri",
                PLATFORM.keysAddress().toString(),
                "trusted_addresses",
                trusted));
    }

    private static Consumer<Map<String, Object>> deployment(String id) {
        return claims -> claims.put(LTI + "deployment_id", id);
    }
}
