package org.lectern.app.lti.registration;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.app.lti.OperatedNode;
import org.lectern.app.lti.launch.Browser;
import org.lectern.app.session.Expiring;
import org.lectern.db.directory.Directory;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import tools.jackson.databind.JsonNode;

/** Platforms that register themselves, those that mean well and those that do not, all over the wire. */
class DynamicRegistrationIT extends OperatedNode {

    private static final AtomicInteger INSIDE = new AtomicInteger();

    @Autowired
    private Directory directory;

    @Autowired
    @Qualifier("waitingRegistrations")
    private Expiring expiring;

    /** A server of our own network that nobody from outside may make us call. */
    private static DisposableServer inside;

    @BeforeAll
    static void open() {
        inside = HttpServer.create()
                .host("127.0.0.1")
                .port(0)
                .handle((request, response) -> {
                    INSIDE.incrementAndGet();
                    return response.sendString(Mono.just("{}"));
                })
                .bindNow(Duration.ofSeconds(10));
    }

    @AfterAll
    static void close() {
        inside.disposeNow(Duration.ofSeconds(10));
    }

    @BeforeEach
    void forget() {
        REGISTERING.behave();
        INSIDE.set(0);
        String operator = token(true);
        pending().forEach(id -> call("DELETE", "/api/ops/registrations/" + id, operator, null));
        assertThat(pending()).isEmpty();
    }

    @Test
    void registersWaitsForApprovalAndThenLaunches() {
        String address = REGISTERING.configurationAddress();
        HttpResponse<String> asks = new Browser(origin())
                .get(
                        "/lti/register?"
                                + Browser.form(
                                        Map.of("openid_configuration", address, "registration_token", "secret-1")),
                        Browser.PAGE);
        assertThat(asks.statusCode()).isEqualTo(200);
        assertThat(asks.body()).contains("Register Lectern?", "127.0.0.1");
        assertThat(REGISTERING.asked)
                .as("a page that is only opened registers nothing")
                .isEmpty();

        String token = "token-" + UUID.randomUUID();
        assertThat(register(address, token).statusCode()).isEqualTo(200);
        assertThat(REGISTERING.asked).singleElement().satisfies(asked -> {
            assertThat(asked.authorization()).isEqualTo("Bearer " + token);
            JsonNode body = asked.body();
            assertThat(body.path("initiate_login_uri").asString()).isEqualTo(origin() + "/lti/login");
            assertThat(body.path("redirect_uris").toString()).isEqualTo("[\"" + origin() + "/lti/launch\"]");
            assertThat(body.path("jwks_uri").asString()).isEqualTo(origin() + "/.well-known/jwks.json");
            assertThat(body.path("token_endpoint_auth_method").asString()).isEqualTo("private_key_jwt");
            assertThat(body.path("scope").asString())
                    .as("no more than is offered")
                    .isEqualTo("https://purl.imsglobal.org/spec/lti-ags/scope/score");
            JsonNode tool = body.path(ToolConfiguration.TOOL);
            assertThat(tool.path("claims").toString()).isEqualTo("[\"iss\",\"sub\",\"name\"]");
            assertThat(tool.path("messages")
                            .valueStream()
                            .map(one -> one.path("type").asString()))
                    .containsExactly("LtiResourceLinkRequest", "LtiDeepLinkingRequest");
        });

        String id = pending().getFirst();
        JsonNode waiting =
                call("GET", "/api/ops/registrations/" + id, token(true), null).json(200);
        assertThat(waiting.path("source").asString()).isEqualTo("dynamic");
        assertThat(waiting.path("operators").asBoolean()).isFalse();
        var launches =
                launches(REGISTERING.platform(), waiting.path("client_id").asString());
        HttpResponse<String> early = launches.launch(claims -> {});
        assertThat(early.body()).contains("has not been switched on");
        assertRejected("registration-approved", early);

        call("POST", "/api/ops/registrations/" + id + "/approve", token(true), null)
                .json(200);
        launches.session(claims -> {});
        call("POST", "/api/ops/registrations/" + id + "/deny", token(true), null)
                .json(200);
        assertRejected("registration-approved", launches.launch(claims -> {}));
        assertThat(call("GET", "/api/ops/lti/audit?registration=" + id, token(true), null)
                        .json(200)
                        .path("items")
                        .valueStream()
                        .map(one -> one.path("action").asString()))
                .containsExactly("denied", "approved", "requested");
    }

    @Test
    void aTokenRegistersOnce() {
        String token = "token-" + UUID.randomUUID();
        assertThat(register(REGISTERING.configurationAddress(), token).statusCode())
                .isEqualTo(200);
        assertRefused("used before", register(REGISTERING.configurationAddress(), token));
        assertThat(REGISTERING.asked).hasSize(1);
    }

    @Test
    void anIssuerOfAnotherHostIsRefused() {
        for (String issuer : List.of("https://evil.example", "http://127.0.0.1.evil.example", "127.0.0.1", "urn:x")) {
            REGISTERING.configuration = document -> document.put("issuer", issuer);
            assertRefused("issuer of another host", register(REGISTERING.configurationAddress(), null));
        }
        assertThat(REGISTERING.asked).isEmpty();
        assertThat(pending()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "http://127.0.0.1:%d/openid-configuration, is not acceptable",
        "https://127.0.0.1:%d/openid-configuration, is not acceptable",
        "https://localhost:%d/openid-configuration, is not acceptable",
        "https://[::1]:%d/openid-configuration, is not acceptable",
        "https://169.254.169.254/latest/meta-data?%d, is not acceptable",
        "https://2130706433:%d/, is not acceptable",
        "https://user@lms.example:%d/, is no address",
        "file:///etc/passwd?%d, is no address"
    })
    void addressesOfOurOwnNetworkAreNotCalled(String address, String why) {
        // The reason tells a refusal from a call that failed: nobody here would answer to https.
        assertRefused(why, register(address.formatted(inside.port()), null));
        assertThat(INSIDE).hasValue(0);
    }

    @Test
    void aRedirectIntoOurOwnNetworkIsNotFollowed() {
        REGISTERING.redirect = "http://127.0.0.1:" + inside.port() + "/";
        assertRefused("answered 302", register(REGISTERING.configurationAddress(), null));
        assertThat(INSIDE).hasValue(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint"})
    void aConfigurationThatNamesAddressesOfOurOwnNetworkIsRefused(String field) {
        REGISTERING.configuration = document -> document.put(field, "http://127.0.0.1:" + inside.port() + "/x");
        assertRefused("not acceptable", register(REGISTERING.configurationAddress(), null));
        assertThat(INSIDE).hasValue(0);
        assertThat(REGISTERING.asked).isEmpty();
    }

    @Test
    void aConfigurationThatIsTooLargeOrTooSlowIsRefused() {
        REGISTERING.padding = 300_000;
        assertRefused("no small JSON object", register(REGISTERING.configurationAddress(), null));
        REGISTERING.padding = 0;
        REGISTERING.delay = Duration.ofSeconds(20);
        assertRefused("too slow", register(REGISTERING.configurationAddress(), null));
    }

    @Test
    void aConfigurationOrAnAnswerOfNoUseIsRefused() {
        for (Consumer<Map<String, Object>> change : List.<Consumer<Map<String, Object>>>of(
                document -> document.remove("https://purl.imsglobal.org/spec/lti-platform-configuration"),
                document -> document.remove("issuer"),
                document -> document.put("jwks_uri", 7),
                document -> document.put("token_endpoint", "not an address"),
                document -> document.put("id_token_signing_alg_values_supported", List.of("HS256")),
                document -> document.put("token_endpoint_auth_methods_supported", List.of("client_secret_basic")))) {
            REGISTERING.configuration = change;
            assertThat(register(REGISTERING.configurationAddress(), null).statusCode())
                    .isEqualTo(422);
        }
        assertThat(REGISTERING.asked).isEmpty();
        REGISTERING.configuration = document -> {};
        REGISTERING.registered = document -> document.remove("client_id");
        assertRefused("without a client_id", register(REGISTERING.configurationAddress(), null));
        REGISTERING.registered = document -> document.put("client_id", "x".repeat(256));
        assertRefused("without a client_id", register(REGISTERING.configurationAddress(), null));
        assertThat(pending()).isEmpty();
    }

    @Test
    void aRegistrationThatIsThereIsNotChanged() {
        REGISTERING.registered = document -> document.put("client_id", "taken");
        assertThat(register(REGISTERING.configurationAddress(), null).statusCode())
                .isEqualTo(200);
        assertRefused("registered already", register(REGISTERING.configurationAddress(), null));
    }

    @Test
    void aClientOfAnotherPlatformsTokenEndpointIsNotTaken() {
        String client = "client-" + UUID.randomUUID();
        String token = REGISTERING.platform().issuer() + "/token";
        register(PLATFORM, client, Map.of("token_endpoint", token));
        REGISTERING.registered = document -> document.put("client_id", client);
        assertRefused("token endpoint", register(REGISTERING.configurationAddress(), null));
        assertThat(pending()).isEmpty();
    }

    @Test
    void anAudienceOfItsOwnIsKeptAndThatOfSomebodyElseIsNot() {
        String own = REGISTERING.platform().issuer() + "/tokens";
        for (String audience : List.of(own, "https://lms.somebody-else.example/token")) {
            REGISTERING.configuration = document -> document.put("authorization_server", audience);
            assertThat(register(REGISTERING.configurationAddress(), null).statusCode())
                    .isEqualTo(200);
        }
        List<String> kept = pending().stream()
                .map(id -> call("GET", "/api/ops/registrations/" + id, token(true), null)
                        .json(200))
                .map(shown -> shown.hasNonNull("token_audience")
                        ? shown.path("token_audience").asString()
                        : "none")
                .toList();
        assertThat(kept)
                .as("newest first; an assertion for a stranger could be used there")
                .containsExactly("none", own);
    }

    @Test
    void onlySoManyMayWait() {
        for (int i = 0; i < 3; i++) {
            assertThat(register(REGISTERING.configurationAddress(), null).statusCode())
                    .isEqualTo(200);
        }
        assertRefused("Too many platforms", register(REGISTERING.configurationAddress(), null));

        // Another host has room, until all together are too many.
        REGISTERING.configuration = document -> document.replaceAll(
                (name, value) -> value instanceof String text ? text.replace("127.0.0.1", "localhost") : value);
        String other = REGISTERING.configurationAddress().replace("127.0.0.1", "localhost");
        for (int i = 0; i < 2; i++) {
            assertThat(register(other, null).statusCode()).isEqualTo(200);
        }
        assertRefused("Too many platforms", register(other, null));
    }

    @Test
    void aHostRegistersOnePlatformAtATime() throws Exception {
        var reading = new CountDownLatch(1);
        REGISTERING.delay = Duration.ofSeconds(20);
        REGISTERING.configuration = document -> reading.countDown();
        var first = CompletableFuture.supplyAsync(() -> register(REGISTERING.configurationAddress(), null));
        assertThat(reading.await(60, TimeUnit.SECONDS)).isTrue();
        assertRefused("try again in a minute", register(REGISTERING.configurationAddress(), null));
        assertRefused("too slow", first.get(60, TimeUnit.SECONDS));
        REGISTERING.behave();
        assertThat(register(REGISTERING.configurationAddress(), null).statusCode())
                .isEqualTo(200);
    }

    @Test
    void whoWaitsForTwoWeeksIsForgotten() {
        assertThat(register(REGISTERING.configurationAddress(), null).statusCode())
                .isEqualTo(200);
        expiring.removeExpired().block(Duration.ofSeconds(30));
        assertThat(pending()).hasSize(1);
        age(Duration.ofDays(15));
        expiring.removeExpired().block(Duration.ofSeconds(30));
        assertThat(pending()).isEmpty();
    }

    private void age(Duration by) {
        directory
                .write(sql -> sql.sql("update lti_registration set created_at = :then where approval = 'pending'")
                        .bind("then", Instant.now().minus(by))
                        .fetch()
                        .rowsUpdated())
                .block(Duration.ofSeconds(30));
    }

    private HttpResponse<String> register(String configuration, @org.jspecify.annotations.Nullable String token) {
        return new Browser(origin())
                .post(
                        "/lti/register",
                        token == null
                                ? Map.of("openid_configuration", configuration)
                                : Map.of("openid_configuration", configuration, "registration_token", token),
                        Browser.PAGE);
    }

    private static void assertRefused(String why, HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(422);
        assertThat(response.body()).contains("Lectern was not registered", why);
    }

    private List<String> pending() {
        return call("GET", "/api/ops/registrations?limit=200", token(true), null)
                .json(200)
                .path("items")
                .valueStream()
                .filter(one -> one.path("approval").asString().equals("pending"))
                .map(one -> one.path("id").asString())
                .toList();
    }
}
