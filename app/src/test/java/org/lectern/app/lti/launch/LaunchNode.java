package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.lectern.app.lti.launch.TestPlatform.LTI;

import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.platform.Registrations;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A node that a platform of the tests launches from, the same for all tests that extend this: logins, answers and what the
 * operator is told. Every rejection is asserted by the rule that the operator is told; the client only sees that the
 * launch was rejected.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.roles=web"})
abstract class LaunchNode {

    static final String CLIENT = "client-a";
    static final JsonMapper JSON = JsonMapper.builder().build();
    /** How often the platform gave out a service token; each one is another. */
    static final AtomicInteger TOKENS = new AtomicInteger();

    static final TestPlatform PLATFORM = new TestPlatform((platform, routes) -> routes.post(
            "/token",
            (request, response) -> request.receive()
                    .then(Mono.delay(Duration.ofMillis(300)))
                    .then(response.header("Content-Type", "application/json")
                            .sendString(Mono.fromSupplier(() -> "{\"access_token\":\"token-" + TOKENS.incrementAndGet()
                                    + "\",\"token_type\":\"Bearer\",\"expires_in\":3600}"))
                            .then())));

    @LocalServerPort
    int port;

    @Autowired
    Registrations registrations;

    @Autowired
    Rejections rejections;

    @DynamicPropertySource
    static void platformByConfiguration(DynamicPropertyRegistry properties) {
        String prefix = "lectern.lti.registrations[0].";
        properties.add(prefix + "issuer", PLATFORM::issuer);
        properties.add(prefix + "client-id", () -> CLIENT);
        properties.add(prefix + "authorization-endpoint", () -> PLATFORM.issuer() + "/authorize?tenant=7");
        properties.add(prefix + "token-endpoint", () -> PLATFORM.issuer() + "/token");
        properties.add(prefix + "jwks-uri", PLATFORM::keysAddress);
        properties.add(prefix + "deployment-ids", () -> "deployment-1,deployment-2");
    }

    URI origin() {
        return URI.create("http://localhost:" + port);
    }

    String target() {
        return origin() + "/lti/launch?target=chat";
    }

    Browser browser() {
        return new Browser(origin());
    }

    Map<String, String> loginFields(Map<String, String> changes) {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("iss", PLATFORM.issuer());
        fields.put("login_hint", "hint");
        fields.put("target_link_uri", target());
        fields.put("client_id", CLIENT);
        fields.putAll(changes);
        return fields;
    }

    HttpResponse<String> login(Browser browser, UnaryOperator<Map<String, String>> change) {
        return browser.get("/lti/login?" + Browser.form(change.apply(loginFields(Map.of()))), Browser.JSON);
    }

    Begun begin(Browser browser, Map<String, String> changes) {
        HttpResponse<String> redirect = browser.get("/lti/login?" + Browser.form(loginFields(changes)), Browser.PAGE);
        assertThat(redirect.statusCode()).as(redirect.body()).isEqualTo(302);
        return Begun.of(Browser.query(Browser.location(redirect)));
    }

    Map<String, Object> claims(Begun login) {
        return PLATFORM.claims(CLIENT, login.nonce(), target());
    }

    static HttpResponse<String> answer(Browser browser, Begun login, String token, String accept) {
        return browser.post("/lti/launch", Map.of("id_token", token, "state", login.state()), accept);
    }

    HttpResponse<String> launch(Consumer<Map<String, Object>> change) {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        Map<String, Object> claims = claims(login);
        change.accept(claims);
        return answer(browser, login, PLATFORM.sign(claims), Browser.JSON);
    }

    static Map<String, String> at(TestPlatform platform, String client) {
        return Map.of("iss", platform.issuer(), "client_id", client);
    }

    HttpResponse<String> launchAt(TestPlatform platform, String client) {
        var browser = browser();
        Begun login = begin(browser, at(platform, client));
        return answer(browser, login, platform.sign(platform.claims(client, login.nonce(), target())), Browser.JSON);
    }

    void register(TestPlatform platform, String client) {
        registrations
                .save(platform(platform, client, false), Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10));
    }

    static LtiProperties.Platform platform(String client, boolean operators) {
        return platform(PLATFORM, client, operators);
    }

    static LtiProperties.Platform platform(TestPlatform platform, String client, boolean operators) {
        return new LtiProperties.Platform(
                null,
                platform.issuer(),
                client,
                URI.create(platform.issuer() + "/authorize"),
                null,
                null,
                platform.keysAddress(),
                List.of("deployment-1"),
                false,
                operators,
                false,
                false);
    }

    HttpResponse<String> postJson(String path, String body) {
        return browser()
                .send(HttpRequest.newBuilder(origin().resolve(path))
                        .header("Content-Type", "application/json")
                        .header("Accept", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body, StandardCharsets.UTF_8)));
    }

    /** The value of an attribute in a page. */
    static String attribute(String page, String name) {
        int start = page.indexOf(name + "=\"") + name.length() + 2;
        return page.substring(start, page.indexOf('"', start));
    }

    /** What follows a marker up to the closing quote, with a prefix of it. */
    static String attribute(String page, String marker, String prefix) {
        int start = page.indexOf(marker) + marker.length();
        return prefix + page.substring(start, page.indexOf('"', start));
    }

    static JsonNode session(HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return JSON.readTree(response.body());
    }

    /** The client learns that it was rejected and a reference; the operator finds the rule under that reference. */
    void assertRejected(LaunchRule rule, HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(401);
        JsonNode problem = JSON.readTree(response.body());
        assertThat(problem.path("type").asString()).isEqualTo("urn:lectern:problem:launch-rejected");
        String detail = problem.path("detail").asString();
        assertThat(recent().stream()
                        .filter(one -> detail.endsWith(one.reference()))
                        .map(one -> one.rule() + ": " + one.detail()))
                .singleElement()
                .satisfies(told -> assertThat(told).startsWith(rule.id() + ": "));
    }

    List<Rejections.Rejection> recent() {
        return Objects.requireNonNull(rejections.recent().block(Duration.ofSeconds(10)));
    }

    static void roles(Map<String, Object> claims, String... roles) {
        claims.put(LTI + "roles", List.of(roles));
    }

    static String sign(Map<String, Object> claims, Consumer<JsonWebSignature> how) {
        return TestPlatform.sign(claims, how);
    }

    static void rs256(JsonWebSignature signature, RsaJsonWebKey key) {
        signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA256);
        signature.setKeyIdHeaderValue(key.getKeyId());
        signature.setKey(key.getPrivateKey());
    }

    static long now() {
        return Instant.now().getEpochSecond();
    }

    static <T> List<T> inParallel(int times, Callable<T> work) throws InterruptedException, ExecutionException {
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<T>> running = IntStream.range(0, times)
                    .mapToObj(unused -> threads.submit(work))
                    .toList();
            List<T> results = new ArrayList<>();
            for (Future<T> one : running) {
                results.add(one.get());
            }
            return results;
        }
    }

    /**
     * What the platform was asked.
     *
     * @param state to be sent back beside the token
     * @param nonce to be sent back inside it
     */
    record Begun(String state, String nonce) {

        static Begun of(Map<String, String> asked) {
            return new Begun(Objects.requireNonNull(asked.get("state")), Objects.requireNonNull(asked.get("nonce")));
        }
    }
}
