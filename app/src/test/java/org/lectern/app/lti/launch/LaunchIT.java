package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.lectern.app.lti.launch.TestPlatform.LTI;

import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jose4j.jwk.EcJwkGenerator;
import org.jose4j.jwk.EllipticCurveJsonWebKey;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jwk.RsaJwkGenerator;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.keys.EllipticCurves;
import org.jose4j.keys.HmacKey;
import org.jose4j.lang.JoseException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.platform.Approval;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.RegistrationDesk;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.lti.service.token.AccessToken;
import org.lectern.app.lti.service.token.ServiceTokens;
import org.lectern.app.session.Secrets;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.infra.session.Operator;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;

/** Launches over the wire, from a platform that shares no code with Lectern; those of the certification are in {@link CertificationIT}. */
class LaunchIT extends LaunchNode {

    @Autowired
    private RegistrationDesk desk;

    @Autowired
    private Logins logins;

    @Autowired
    private Members members;

    @Autowired
    private Directory directory;

    @Autowired
    private ServiceTokens tokens;

    @Autowired
    private MeterRegistry meters;

    // Launches that must work.

    @Test
    void launchesAndHandsTheSessionOverForTheOneTimeCode() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        HttpResponse<String> answer = answer(browser, login, PLATFORM.sign(claims(login)), Browser.PAGE);

        assertThat(answer.statusCode()).isEqualTo(303);
        URI page = Browser.location(answer);
        assertThat(page.getPath()).isEqualTo("/launch");
        assertThat(answer.headers().firstValue("cache-control"))
                .hasValueSatisfying(value -> assertThat(value).contains("no-store"));

        String code = Objects.requireNonNull(Browser.query(page).get("code"));
        HttpResponse<String> handOver = postJson("/api/session", "{\"code\":\"" + code + "\"}");
        assertThat(handOver.statusCode()).isEqualTo(200);
        JsonNode session = JSON.readTree(handOver.body());
        assertThat(session.path("target").asString()).isEqualTo("chat");
        assertThat(session.path("name").asString()).isEqualTo("Ada Lovelace");
        assertThat(session.path("context_title").asString()).isEqualTo("Analytical Engines");
        assertThat(session.path("roles").toString()).isEqualTo("[\"instructor\"]");
        assertThat(session.path("operator").asBoolean()).isFalse();
        assertThat(UUID.fromString(session.path("context_id").asString()).version())
                .isEqualTo(7);
        assertThat(UUID.fromString(session.path("user_id").asString()).version())
                .isEqualTo(7);
        assertThat(Instant.parse(session.path("expires_at").asString())).isAfter(Instant.now());

        assertThat(postJson("/api/session", "{\"code\":\"" + code + "\"}").statusCode())
                .as("a code works once")
                .isEqualTo(401);
    }

    /** What comes at once is written together: nobody gets another one's login, person or session. */
    @Test
    void aClassThatLaunchesAtOnceIsNotMixedUp() throws Exception {
        var turn = new AtomicInteger();
        String course = "course-" + UUID.randomUUID();
        // Some of them twice at once, as with an impatient finger; some into a course of their own.
        List<Map.Entry<String, JsonNode>> launched = inParallel(80, () -> {
            int number = turn.getAndIncrement();
            String subject = course + "-" + number % 60;
            HttpResponse<String> answer = launch(claims -> {
                claims.put("sub", subject);
                claims.put("name", "Name of " + subject);
                claims.put(
                        LTI + "context",
                        Map.of("id", number % 60 < 50 ? course : course + "-other", "title", "Title of " + subject));
            });
            return Map.entry(subject, session(answer));
        });
        assertThat(launched).hasSize(80).allSatisfy(each -> {
            assertThat(each.getValue().path("name").asString()).isEqualTo("Name of " + each.getKey());
            assertThat(each.getValue().path("context_title").asString()).isEqualTo("Title of " + each.getKey());
        });
        assertThat(launched.stream().map(each -> each.getValue().path("token").asString()))
                .doesNotHaveDuplicates();
        Map<String, Set<String>> users = launched.stream()
                .collect(Collectors.groupingBy(
                        Map.Entry::getKey,
                        Collectors.mapping(
                                each -> each.getValue().path("user_id").asString(), Collectors.toSet())));
        assertThat(users)
                .hasSize(60)
                .allSatisfy((subject, ids) -> assertThat(ids).hasSize(1));
        assertThat(users.values().stream().flatMap(Set::stream)).doesNotHaveDuplicates();
        Map<String, Long> members = launched.stream()
                .map(each -> each.getValue().path("context_id").asString())
                .distinct()
                .collect(Collectors.toMap(context -> context, this::members));
        assertThat(members.values()).containsExactlyInAnyOrder(50L, 10L);
    }

    private long members(String context) {
        return Objects.requireNonNull(
                members.list(new ContextId(UUID.fromString(context)), null, 1000, Freshness.PRIMARY)
                        .count()
                        .block(Duration.ofSeconds(10)));
    }

    @Test
    void loginByPostAndSessionAsJson() {
        var browser = browser();
        HttpResponse<String> redirect =
                browser.post("/lti/login", loginFields(Map.of("lti_message_hint", "a b&c")), Browser.PAGE);
        assertThat(redirect.statusCode()).isEqualTo(302);
        URI authorize = Browser.location(redirect);
        assertThat(authorize.toString()).startsWith(PLATFORM.issuer() + "/authorize?tenant=7&");
        Map<String, String> asked = Browser.query(authorize);
        assertThat(asked)
                .containsEntry("scope", "openid")
                .containsEntry("response_type", "id_token")
                .containsEntry("response_mode", "form_post")
                .containsEntry("prompt", "none")
                .containsEntry("client_id", CLIENT)
                .containsEntry("redirect_uri", origin() + "/lti/launch")
                .containsEntry("login_hint", "hint")
                .containsEntry("lti_message_hint", "a b&c");
        assertThat(redirect.headers().allValues("set-cookie"))
                .anySatisfy(cookie ->
                        assertThat(cookie).contains("SameSite=None", "Secure", "HTTPOnly", "Partitioned", "Path=/lti"));

        Begun login = Begun.of(asked);
        JsonNode session = session(answer(browser, login, PLATFORM.sign(claims(login)), Browser.JSON));
        assertThat(session.path("token").asString()).startsWith("lectern_");
        assertThat(session.path("roles").toString()).isEqualTo("[\"instructor\"]");
    }

    static Stream<Arguments> validLaunches() {
        return Stream.of(
                valid(
                        "unresolved variable as a name",
                        "[\"instructor\"]",
                        claims -> claims.put("name", "$Person.name.full")),
                valid("audience as a list of one", "[\"instructor\"]", claims -> claims.put("aud", List.of(CLIENT))),
                valid("azp that is ours", "[\"instructor\"]", claims -> claims.put("azp", CLIENT)),
                valid("clock a minute ahead", "[\"instructor\"]", claims -> claims.put("iat", now() + 60)),
                valid("unknown claims", "[\"instructor\"]", claims -> {
                    claims.put(LTI + "not_yet_invented", Map.of("a", List.of(1, 2)));
                    claims.put("https://platform.example/more", "x".repeat(4000));
                }),
                valid("expired a minute ago by our clock", "[\"instructor\"]", claims -> claims.put("exp", now() - 60)),
                valid("lifetime as a fraction", "[\"instructor\"]", claims -> claims.put("exp", now() + 300.5)),
                valid(
                        "unresolved variable in the custom parameters",
                        "[\"instructor\"]",
                        claims -> claims.put(
                                LTI + "custom", Map.of("target", "$Context.target", "other", "$Person.email.primary"))),
                valid(
                        "second deployment",
                        "[\"instructor\"]",
                        claims -> claims.put(LTI + "deployment_id", "deployment-2")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("validLaunches")
    void accepts(String name, String roles, Consumer<Map<String, Object>> change) {
        JsonNode session = session(launch(change));
        assertThat(session.path("roles").toString()).isEqualTo(roles);
    }

    @Test
    void acceptsES256() throws JoseException {
        EllipticCurveJsonWebKey key = EcJwkGenerator.generateJwk(EllipticCurves.P256);
        key.setKeyId("curve-1");
        PLATFORM.publish(key);
        var browser = browser();
        Begun login = begin(browser, Map.of());
        String token = TestPlatform.sign(claims(login), signature -> {
            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256);
            signature.setKeyIdHeaderValue("curve-1");
            signature.setKey(key.getPrivateKey());
        });
        assertThat(session(answer(browser, login, token, Browser.JSON))
                        .path("token")
                        .asString())
                .isNotEmpty();
    }

    @Test
    void theSamePersonAndContextKeepTheirIdsAndDeploymentsKeepApart() {
        JsonNode first = session(launch(claims -> {}));
        JsonNode again = session(launch(claims -> claims.put("name", "Countess Lovelace")));
        JsonNode elsewhere = session(launch(claims -> claims.put(LTI + "deployment_id", "deployment-2")));
        assertThat(again.path("user_id")).isEqualTo(first.path("user_id"));
        assertThat(again.path("context_id")).isEqualTo(first.path("context_id"));
        assertThat(elsewhere.path("user_id")).isEqualTo(first.path("user_id"));
        assertThat(elsewhere.path("context_id")).isNotEqualTo(first.path("context_id"));
    }

    @Test
    void theLaunchMakesThePersonAMemberOfTheCourse() {
        String course = "course-" + UUID.randomUUID();
        JsonNode session = session(launch(claims -> claims.put(LTI + "context", Map.of("id", course))));
        Member member = Objects.requireNonNull(members.find(
                        ContextId.parse(session.path("context_id").asString()),
                        UUID.fromString(session.path("user_id").asString()),
                        Freshness.PRIMARY)
                .block(Duration.ofSeconds(10)));
        assertThat(member.name()).isEqualTo("Ada Lovelace");
        assertThat(member.email()).isEqualTo("ada@school.example");
        assertThat(member.roles()).containsExactly("instructor");
    }

    @Test
    void launchesAtTheSameTimeAgreeOnOneContextAndOnePerson() throws Exception {
        String course = "course-" + UUID.randomUUID();
        String person = "person-" + UUID.randomUUID();
        List<JsonNode> sessions = inParallel(
                8,
                () -> session(launch(claims -> {
                    claims.put("sub", person);
                    claims.put(LTI + "context", Map.of("id", course));
                })));
        assertThat(sessions.stream()
                        .map(session -> session.path("context_id").asString())
                        .distinct())
                .hasSize(1);
        assertThat(sessions.stream()
                        .map(session -> session.path("user_id").asString())
                        .distinct())
                .hasSize(1);
    }

    @Test
    void twoTabsLaunchAtOnceInOneBrowser() {
        var browser = browser();
        Begun first = begin(browser, Map.of());
        Begun second = begin(browser, Map.of());
        assertThat(answer(browser, first, PLATFORM.sign(claims(first)), Browser.PAGE)
                        .statusCode())
                .isEqualTo(303);
        assertThat(answer(browser, second, PLATFORM.sign(claims(second)), Browser.PAGE)
                        .statusCode())
                .isEqualTo(303);
    }

    // Launches that must be rejected, each by its rule.

    static Stream<Arguments> badClaims() {
        return Stream.of(
                bad("wrong issuer", LaunchRule.ISSUER, claims -> claims.put("iss", "https://evil.example")),
                bad(
                        "issuer with a slash more",
                        LaunchRule.ISSUER,
                        claims -> claims.put("iss", claims.get("iss") + "/")),
                bad("missing issuer", LaunchRule.ISSUER, claims -> claims.remove("iss")),
                bad("wrong audience", LaunchRule.AUDIENCE, claims -> claims.put("aud", "client-b")),
                bad("missing audience", LaunchRule.AUDIENCE, claims -> claims.remove("aud")),
                bad("untrusted extra audience", LaunchRule.AUDIENCE, claims -> {
                    claims.put("aud", List.of(CLIENT, "https://other.example"));
                    claims.put("azp", CLIENT);
                }),
                bad("wrong azp", LaunchRule.AUTHORIZED_PARTY, claims -> claims.put("azp", "client-b")),
                bad(
                        "several audiences and no azp",
                        LaunchRule.AUTHORIZED_PARTY,
                        claims -> claims.put("aud", List.of(CLIENT, CLIENT))),
                bad("expired", LaunchRule.EXPIRY, claims -> claims.put("exp", now() - 600)),
                bad("no expiry", LaunchRule.EXPIRY, claims -> claims.remove("exp")),
                bad("expiry as text", LaunchRule.EXPIRY, claims -> claims.put("exp", "tomorrow")),
                bad("issued in the future", LaunchRule.ISSUED_AT, claims -> claims.put("iat", now() + 600)),
                bad("issued yesterday", LaunchRule.ISSUED_AT, claims -> claims.put("iat", now() - 86_400)),
                bad("no issue time", LaunchRule.ISSUED_AT, claims -> claims.remove("iat")),
                bad("nonce of our own making", LaunchRule.NONCE, claims -> claims.put("nonce", "made-up")),
                bad("no nonce", LaunchRule.NONCE, claims -> claims.remove("nonce")),
                bad("wrong version", LaunchRule.VERSION, claims -> claims.put(LTI + "version", "1.1")),
                bad("no version", LaunchRule.VERSION, claims -> claims.remove(LTI + "version")),
                bad(
                        "wrong message type",
                        LaunchRule.MESSAGE_TYPE,
                        claims -> claims.put(LTI + "message_type", "LtiStartProctoring")),
                bad("no message type", LaunchRule.MESSAGE_TYPE, claims -> claims.remove(LTI + "message_type")),
                bad("no deployment", LaunchRule.DEPLOYMENT, claims -> claims.remove(LTI + "deployment_id")),
                bad(
                        "unknown deployment",
                        LaunchRule.DEPLOYMENT,
                        claims -> claims.put(LTI + "deployment_id", "deployment-9")),
                bad("no target_link_uri", LaunchRule.TARGET_LINK_URI, claims -> claims.remove(LTI + "target_link_uri")),
                bad(
                        "another target_link_uri",
                        LaunchRule.TARGET_LINK_URI,
                        claims -> claims.put(LTI + "target_link_uri", "https://evil.example/lti/launch")),
                bad("no resource link", LaunchRule.RESOURCE_LINK, claims -> claims.remove(LTI + "resource_link")),
                bad(
                        "resource link without id",
                        LaunchRule.RESOURCE_LINK,
                        claims -> claims.put(LTI + "resource_link", Map.of("title", "no id"))),
                bad(
                        "resource link id too long",
                        LaunchRule.RESOURCE_LINK,
                        claims -> claims.put(LTI + "resource_link", Map.of("id", "x".repeat(256)))),
                bad(
                        "deployment id too long",
                        LaunchRule.DEPLOYMENT,
                        claims -> claims.put(LTI + "deployment_id", "x".repeat(256))),
                bad("deployment id as a number", LaunchRule.DEPLOYMENT, claims -> claims.put(LTI + "deployment_id", 1)),
                bad(
                        "context id too long",
                        LaunchRule.CONTEXT,
                        claims -> claims.put(LTI + "context", Map.of("id", "x".repeat(256)))),
                bad("not valid yet", LaunchRule.ISSUED_AT, claims -> claims.put("nbf", now() + 600)),
                bad("empty audience", LaunchRule.AUDIENCE, claims -> claims.put("aud", List.of())),
                bad("role as a number", LaunchRule.ROLES, claims -> claims.put(LTI + "roles", List.of(7))),
                bad("sub that is empty", LaunchRule.SUBJECT, claims -> claims.put("sub", "")),
                bad("no sub", LaunchRule.SUBJECT, claims -> claims.remove("sub")),
                bad("sub too long", LaunchRule.SUBJECT, claims -> claims.put("sub", "x".repeat(256))),
                bad("sub as a number", LaunchRule.SUBJECT, claims -> claims.put("sub", 7)),
                bad("no roles", LaunchRule.ROLES, claims -> claims.remove(LTI + "roles")),
                bad("roles as text", LaunchRule.ROLES, claims -> claims.put(LTI + "roles", "Instructor")),
                bad(
                        "context without id",
                        LaunchRule.CONTEXT,
                        claims -> claims.put(LTI + "context", Map.of("title", "no id"))),
                bad("context as text", LaunchRule.CONTEXT, claims -> claims.put(LTI + "context", "course-1")),
                bad(
                        "no LTI claims at all",
                        LaunchRule.VERSION,
                        claims -> claims.keySet().removeIf(name -> name.startsWith(LTI))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badClaims")
    void rejects(String name, LaunchRule rule, Consumer<Map<String, Object>> change) {
        assertRejected(rule, launch(change));
    }

    static Stream<Arguments> badTokens() {
        RsaJsonWebKey stranger = TestPlatform.newKey("key-1");
        return Stream.of(
                token(
                        "bad signature",
                        LaunchRule.SIGNATURE,
                        claims -> sign(claims, signature -> rs256(signature, stranger))),
                token("changed content", LaunchRule.SIGNATURE, claims -> {
                    String[] parts = PLATFORM.sign(claims).split("\\.", -1);
                    claims.put("sub", "somebody-else");
                    return parts[0] + "." + PLATFORM.sign(claims).split("\\.", -1)[1] + "." + parts[2];
                }),
                token(
                        "alg none",
                        LaunchRule.ALGORITHM,
                        claims -> sign(claims, signature -> {
                            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.NONE);
                            signature.setKeyIdHeaderValue("key-1");
                        })),
                token(
                        "HS256 with the public key",
                        LaunchRule.ALGORITHM,
                        claims -> sign(claims, signature -> {
                            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.HMAC_SHA256);
                            signature.setKeyIdHeaderValue(PLATFORM.signing().getKeyId());
                            signature.setKey(new HmacKey(
                                    PLATFORM.signing().getPublicKey().getEncoded()));
                        })),
                token(
                        "RS512",
                        LaunchRule.ALGORITHM,
                        claims -> sign(claims, signature -> {
                            rs256(signature, (RsaJsonWebKey) PLATFORM.signing());
                            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA512);
                        })),
                token(
                        "no kid",
                        LaunchRule.KEY_ID,
                        claims -> sign(claims, signature -> {
                            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA256);
                            signature.setKey(PLATFORM.signing().getPrivateKey());
                        })),
                token(
                        "unknown kid",
                        LaunchRule.KEY_KNOWN,
                        claims -> sign(claims, signature -> {
                            rs256(signature, stranger);
                            signature.setKeyIdHeaderValue("nobody-knows");
                        })),
                token(
                        "key inside the header",
                        LaunchRule.SIGNATURE,
                        claims -> sign(claims, signature -> {
                            rs256(signature, stranger);
                            signature.setKeyIdHeaderValue(PLATFORM.signing().getKeyId());
                            signature.setJwkHeader(stranger);
                            signature.setHeader("jku", "https://evil.example/keys");
                        })),
                token(
                        "x5u of a stranger in the header",
                        LaunchRule.SIGNATURE,
                        claims -> sign(claims, signature -> {
                            rs256(signature, stranger);
                            signature.setKeyIdHeaderValue(PLATFORM.signing().getKeyId());
                            signature.setHeader("x5u", "https://evil.example/certificate");
                        })),
                token("token too long", LaunchRule.RESPONSE_PARAMETERS, claims -> "x".repeat(70_000)),
                token("not a token", LaunchRule.TOKEN_FORM, claims -> "not.a.token"),
                token("two parts", LaunchRule.TOKEN_FORM, claims -> "e30.e30"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badTokens")
    void rejectsToken(String name, LaunchRule rule, Function<Map<String, Object>, String> made) {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        assertRejected(rule, answer(browser, login, made.apply(claims(login)), Browser.JSON));
    }

    @Test
    void rejectsAReplayedAnswer() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        String token = PLATFORM.sign(claims(login));
        assertThat(answer(browser, login, token, Browser.JSON).statusCode()).isEqualTo(200);
        assertRejected(LaunchRule.STATE, answer(browser, login, token, Browser.JSON));
    }

    @Test
    void rejectsAReplayedTokenUnderAFreshLogin() {
        var browser = browser();
        Begun first = begin(browser, Map.of());
        String token = PLATFORM.sign(claims(first));
        assertThat(answer(browser, first, token, Browser.JSON).statusCode()).isEqualTo(200);
        assertRejected(LaunchRule.NONCE, answer(browser, begin(browser, Map.of()), token, Browser.JSON));
    }

    @Test
    void ofManyReplaysInParallelExactlyOneWins() throws Exception {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        String token = PLATFORM.sign(claims(login));
        List<Integer> statuses =
                inParallel(10, () -> answer(browser, login, token, Browser.JSON).statusCode());
        assertThat(statuses).containsOnlyOnce(200);
        assertThat(statuses.stream().filter(status -> status == 401)).hasSize(9);
    }

    @Test
    void ofTenReplaysInParallelOverTwoNodesExactlyOneWins() throws Exception {
        try (var other = anotherNode()) {
            URI elsewhere =
                    URI.create("http://localhost:" + other.getEnvironment().getRequiredProperty("local.server.port"));
            onlyOneNodeFetchesAServiceToken(other);
            aRejectionOnOneNodeIsFoundOnTheOther(elsewhere);
            aPauseOnOneNodeHoldsAtOnceOnTheOther(elsewhere);
            for (int round = 0; round < 5; round++) {
                var browser = browser();
                Begun login = begin(browser, Map.of());
                Map<String, String> answer = Map.of("id_token", PLATFORM.sign(claims(login)), "state", login.state());
                var turn = new AtomicInteger();
                List<Integer> statuses = inParallel(10, () -> {
                    URI node = turn.getAndIncrement() % 2 == 0 ? origin() : elsewhere;
                    return browser.post(node + "/lti/launch", answer, Browser.JSON)
                            .statusCode();
                });
                assertThat(statuses).containsOnlyOnce(200);
                assertThat(statuses.stream().filter(status -> status == 401)).hasSize(9);
            }
        }
    }

    /** A second node on the same servers. */
    private ConfigurableApplicationContext anotherNode() {
        return new SpringApplicationBuilder(LecternApplication.class)
                .run(
                        "--server.port=0",
                        "--lectern.roles=web",
                        "--lectern.demo.enabled=false",
                        "--lectern.lti.public-url=" + origin(),
                        "--lectern.embedded.directory=target/lectern");
    }

    private void onlyOneNodeFetchesAServiceToken(ConfigurableApplicationContext other) {
        Registration registration = Objects.requireNonNull(
                registrations.find(PLATFORM.issuer(), CLIENT).block(Duration.ofSeconds(10)));
        int before = TOKENS.get();
        Set<String> scopes = Set.of("urn:test:" + UUID.randomUUID());
        List<String> values = Objects.requireNonNull(Flux.range(0, 40)
                .flatMap(
                        i -> (i % 2 == 0 ? tokens : other.getBean(ServiceTokens.class)).token(registration, scopes), 40)
                .map(AccessToken::value)
                .collectList()
                .block(Duration.ofSeconds(60)));
        assertThat(Set.copyOf(values)).as("one token on both nodes").hasSize(1);
        assertThat(TOKENS.get() - before).isOne();
    }

    private void aRejectionOnOneNodeIsFoundOnTheOther(URI elsewhere) {
        HttpResponse<String> rejected = browser()
                .post(elsewhere + "/lti/launch", Map.of("id_token", "not.a.token", "state", "none"), Browser.JSON);
        assertRejected(LaunchRule.TOKEN_FORM, rejected);
    }

    /** Although both nodes remember the registration for logins. */
    private void aPauseOnOneNodeHoldsAtOnceOnTheOther(URI elsewhere) {
        Registration known = Objects.requireNonNull(registrations
                .save(platform("client-remembered", false), Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10)));
        Map<String, String> fields = loginFields(Map.of("client_id", known.clientId()));
        var browser = browser();
        begin(browser, fields);
        Begun underWay = Begun.of(Browser.query(
                Browser.location(browser.get(elsewhere + "/lti/login?" + Browser.form(fields), Browser.PAGE))));
        desk.pause(known.id(), true, new Operator("test")).block(Duration.ofSeconds(10));
        Map<String, Object> claims = claims(underWay);
        claims.put("aud", known.clientId());
        assertRejected(
                LaunchRule.REGISTRATION_ACTIVE,
                browser.post(
                        elsewhere + "/lti/launch",
                        Map.of("id_token", PLATFORM.sign(claims), "state", underWay.state()),
                        Browser.JSON));
        assertRejected(LaunchRule.REGISTRATION_ACTIVE, login(browser, with("client_id", known.clientId())));
        // There its first step follows with the message; what counts did not wait for that.
        String login = elsewhere + "/lti/login?" + Browser.form(fields);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> browser.get(login, Browser.JSON).statusCode() == 401);
        desk.pause(known.id(), false, new Operator("test")).block(Duration.ofSeconds(10));
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> browser.get(login, Browser.JSON).statusCode() == 302);
    }

    @Test
    void aRegistrationThatIsRememberedAndGoneBeginsNoLogin() {
        var gone = new Registration(
                UUID.randomUUID(),
                PLATFORM.issuer(),
                "client-gone",
                "Gone",
                URI.create(PLATFORM.issuer() + "/authorize"),
                null,
                null,
                PLATFORM.keysAddress(),
                true,
                Approval.APPROVED,
                false,
                false,
                false,
                false);
        assertThatThrownBy(() ->
                        logins.begin(gone, target(), null, null, "hint", null).block(Duration.ofSeconds(10)))
                .isInstanceOfSatisfying(
                        LaunchRejectedException.class,
                        rejected -> assertThat(rejected.rule()).isEqualTo(LaunchRule.LOGIN_REGISTRATION));
    }

    @Test
    void rejectsAStateFromAnotherBrowser() {
        Begun login = begin(browser(), Map.of());
        String token = PLATFORM.sign(claims(login));
        assertRejected(LaunchRule.BROWSER_BINDING, answer(browser(), login, token, Browser.JSON));

        var victim = browser();
        Begun own = begin(victim, Map.of());
        Begun foreign = begin(browser(), Map.of());
        assertThat(own.state()).isNotEqualTo(foreign.state());
        assertRejected(
                LaunchRule.BROWSER_BINDING, answer(victim, foreign, PLATFORM.sign(claims(foreign)), Browser.JSON));
    }

    @Test
    void withoutCookiesThePlatformsStorageBindsTheLoginToItsBrowser() {
        Map<String, String> fields = loginFields(Map.of("lti_storage_target", "storage_frame"));
        HttpResponse<String> page = browser().get("/lti/login?" + Browser.form(fields), Browser.PAGE);
        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.headers().allValues("set-cookie"))
                .as("the cookie is tried as well")
                .isNotEmpty();
        assertThat(page.body()).contains("data-storage=\"storage_frame\"", "data-origin=\"" + PLATFORM.issuer() + "\"");
        String secret = attribute(page.body(), "data-secret");
        Begun login = Begun.of(Browser.query(
                URI.create(attribute(page.body(), "href=\"http", "http").replace("&amp;", "&"))));
        String token = PLATFORM.sign(claims(login));

        // A browser that keeps no cookie gets the page that asks the platform, and nothing is used up.
        HttpResponse<String> asks = answer(browser(), login, token, Browser.PAGE);
        assertThat(asks.statusCode()).isEqualTo(200);
        assertThat(attribute(asks.body(), "data-key")).isEqualTo(attribute(page.body(), "data-key"));
        assertThat(asks.body()).doesNotContain(secret);

        HttpResponse<String> done = browser()
                .send(HttpRequest.newBuilder(origin().resolve("/lti/launch"))
                        .header("Accept", Browser.PAGE)
                        .header("Origin", origin().toString())
                        .header("Content-Type", "application/x-www-form-urlencoded")
                        .POST(HttpRequest.BodyPublishers.ofString(Browser.form(
                                Map.of("id_token", token, "state", login.state(), "browser_secret", secret)))));
        assertThat(done.statusCode()).isEqualTo(303);
    }

    @Test
    void aSecretThatAStrangersPageSendsOnCountsForNothing() {
        Map<String, String> fields = loginFields(Map.of("lti_storage_target", "_parent"));
        HttpResponse<String> page = browser().get("/lti/login?" + Browser.form(fields), Browser.PAGE);
        String secret = attribute(page.body(), "data-secret");
        Begun login = Begun.of(Browser.query(
                URI.create(attribute(page.body(), "href=\"http", "http").replace("&amp;", "&"))));
        assertRejected(
                LaunchRule.BROWSER_BINDING,
                browser()
                        .send(HttpRequest.newBuilder(origin().resolve("/lti/launch"))
                                .header("Accept", Browser.JSON)
                                .header("Origin", "https://evil.example")
                                .header("Content-Type", "application/x-www-form-urlencoded")
                                .POST(HttpRequest.BodyPublishers.ofString(Browser.form(Map.of(
                                        "id_token", PLATFORM.sign(claims(login)),
                                        "state", login.state(),
                                        "browser_secret", secret))))));
    }

    @Test
    void rejectsAnUnknownState() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        assertRejected(
                LaunchRule.STATE,
                answer(browser, new Begun("x".repeat(43), login.nonce()), PLATFORM.sign(claims(login)), Browser.JSON));
    }

    @Test
    void rejectsAStateThatIsTooOld() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        assertThat(directory
                        .write(sql -> sql.sql("""
                                        update lti_login set expires_at = now() - interval '1 second'
                                        where state_digest = :state""")
                                .bind("state", Secrets.digest(login.state()))
                                .fetch()
                                .rowsUpdated())
                        .block(Duration.ofSeconds(10)))
                .isOne();
        assertRejected(LaunchRule.STATE, answer(browser, login, PLATFORM.sign(claims(login)), Browser.JSON));
    }

    @ParameterizedTest
    @ValueSource(strings = {"weak", "for encryption", "for another algorithm"})
    void rejectsAPublishedKeyThatIsNotFit(String how) throws JoseException {
        RsaJsonWebKey key = RsaJwkGenerator.generateJwk(how.equals("weak") ? 1024 : 2048);
        key.setKeyId(how);
        switch (how) {
            case "for encryption" -> key.setUse("enc");
            case "for another algorithm" -> key.setAlgorithm(AlgorithmIdentifiers.RSA_USING_SHA512);
            default -> {}
        }
        try (var platform = new TestPlatform()) {
            platform.publish(key);
            register(platform, "client-unfit");
            var browser = browser();
            Begun login = begin(browser, at(platform, "client-unfit"));
            String token = TestPlatform.sign(platform.claims("client-unfit", login.nonce(), target()), signature -> {
                rs256(signature, key);
                signature.setDoKeyValidation(false);
            });
            assertRejected(LaunchRule.KEY_KNOWN, answer(browser, login, token, Browser.JSON));
        }
    }

    @Test
    void rejectsAnswersWithoutTokenOrState() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        assertRejected(
                LaunchRule.RESPONSE_PARAMETERS,
                browser.post("/lti/launch", Map.of("state", login.state()), Browser.JSON));
        assertRejected(
                LaunchRule.RESPONSE_PARAMETERS,
                browser.post("/lti/launch", Map.of("id_token", PLATFORM.sign(claims(login))), Browser.JSON));
    }

    @Test
    void anErrorOfThePlatformIsNamedAndEndsTheLogin() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        assertRejected(
                LaunchRule.PLATFORM_ERROR,
                browser.post("/lti/launch", Map.of("error", "login_required", "state", login.state()), Browser.JSON));
        assertRejected(LaunchRule.STATE, answer(browser, login, PLATFORM.sign(claims(login)), Browser.JSON));
    }

    @Test
    void rejectsTheTokenOfOneRegistrationAtAnother() {
        registrations
                .save(platform("client-b", false), Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10));
        var browser = browser();
        Begun login = begin(browser, Map.of("client_id", "client-b"));
        assertRejected(LaunchRule.AUDIENCE, answer(browser, login, PLATFORM.sign(claims(login)), Browser.JSON));
        assertRejected(LaunchRule.LOGIN_REGISTRATION, login(browser, fields -> {
            fields.remove("client_id");
            return fields;
        }));
    }

    @Test
    void rejectsLoginsThatAreIncompleteOrOfNobodyKnown() {
        var browser = browser();
        for (String field : List.of("iss", "login_hint", "target_link_uri")) {
            assertRejected(LaunchRule.LOGIN_PARAMETERS, login(browser, fields -> {
                fields.remove(field);
                return fields;
            }));
        }
        assertRejected(LaunchRule.LOGIN_REGISTRATION, login(browser, with("iss", "https://unknown.example")));
        assertRejected(LaunchRule.LOGIN_REGISTRATION, login(browser, with("client_id", "nobody")));
        assertRejected(LaunchRule.LOGIN_PARAMETERS, login(browser, with("login_hint", "x".repeat(4097))));
        assertThat(browser.get("/lti/launch", Browser.JSON).statusCode()).isEqualTo(405);
    }

    @Test
    void rejectsATargetOfAnotherOrigin() {
        for (String target : List.of(
                "https://evil.example/lti/launch",
                origin().toString().replace("http:", "https:") + "/lti/launch",
                origin() + ".evil.example/lti/launch",
                "http://localhost@evil.example/lti/launch")) {
            assertRejected(LaunchRule.LOGIN_TARGET, login(browser(), with("target_link_uri", target)));
        }
    }

    @Test
    void aPausedRegistrationRefusesLoginsAndLaunchesUnderWay() {
        Registration paused = Objects.requireNonNull(registrations
                .save(platform("client-p", false), Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10)));
        var browser = browser();
        Begun underWay = begin(browser, Map.of("client_id", "client-p"));
        desk.pause(paused.id(), true, new Operator("test")).block(Duration.ofSeconds(10));
        Map<String, Object> claims = claims(underWay);
        claims.put("aud", "client-p");
        assertRejected(LaunchRule.REGISTRATION_ACTIVE, answer(browser, underWay, PLATFORM.sign(claims), Browser.JSON));
        assertRejected(LaunchRule.REGISTRATION_ACTIVE, login(browser, with("client_id", "client-p")));
        desk.pause(paused.id(), false, new Operator("test")).block(Duration.ofSeconds(10));
        assertThat(login(browser, with("client_id", "client-p")).statusCode()).isEqualTo(302);
    }

    /** The launch has passed every rule when it finds the platform closed: by whoever was first at the database. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "update lti_registration set operator_paused = true where id = :id",
                "update lti_registration set approval = 'denied' where id = :id",
                "update lti_registration set operators = false where id = :id",
                "update lti_deployment set state = 'blocked' where registration_id = :id"
            })
    void aLaunchUnderWayGetsNoSessionOfAPlatformThatIsBeingClosed(String closing) throws Exception {
        String client = "client-" + UUID.randomUUID();
        Registration registration = Objects.requireNonNull(registrations
                .save(platform(client, true), Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10)));
        CompletableFuture<Boolean> commit = new CompletableFuture<>();
        CompletableFuture<?> closed = directory
                .write(sql -> sql.sql(closing)
                        .bind("id", registration.id())
                        .fetch()
                        .rowsUpdated()
                        .then(Mono.fromFuture(commit)))
                .toFuture();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<HttpResponse<String>> script = threads.submit(() -> administratorsLaunch(client, Browser.JSON));
            Future<HttpResponse<String>> page = threads.submit(() -> administratorsLaunch(client, Browser.PAGE));
            Awaitility.await()
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> script.isDone() || page.isDone() || (waitForALock() == 1 && queued() == 1));
            assertThat(launch(claims -> {}).statusCode())
                    .as("other platforms do not wait with it")
                    .isEqualTo(200);
            commit.complete(true);
            closed.get(10, TimeUnit.SECONDS);
            assertRejected(LaunchRule.REGISTRATION_ACTIVE, script.get(20, TimeUnit.SECONDS));
            assertThat(page.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(401);
        }
    }

    private double queued() {
        return meters.get("lectern.session.openings.waiting").gauge().value();
    }

    private HttpResponse<String> administratorsLaunch(String client, String accept) {
        var browser = browser();
        Begun login = begin(browser, Map.of("client_id", client));
        Map<String, Object> claims = claims(login);
        claims.put("aud", client);
        roles(claims, "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator");
        return answer(browser, login, PLATFORM.sign(claims), accept);
    }

    private long waitForALock() {
        return Objects.requireNonNull(directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select count(*) as waits from pg_stat_activity
                                        where wait_event_type = 'Lock' and query like '%into session %'""")
                                .map(row -> Objects.requireNonNull(row.get("waits", Long.class)))
                                .one())
                .blockFirst(Duration.ofSeconds(10)));
    }

    @Test
    void anAdministratorIsAnOperatorOnlyWhereTheRegistrationSaysSo() {
        Consumer<Map<String, Object>> administrator =
                claims -> roles(claims, "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator");
        JsonNode plain = session(launch(administrator));
        assertThat(plain.path("operator").asBoolean()).isFalse();
        assertThat(plain.path("roles").toString()).isEqualTo("[\"administrator\"]");

        registrations
                .save(platform("client-o", true), Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10));
        var browser = browser();
        Begun login = begin(browser, Map.of("client_id", "client-o"));
        Map<String, Object> claims = claims(login);
        claims.put("aud", "client-o");
        administrator.accept(claims);
        JsonNode operator = session(answer(browser, login, PLATFORM.sign(claims), Browser.JSON));
        assertThat(operator.path("operator").asBoolean()).isTrue();

        Begun again = begin(browser, Map.of("client_id", "client-o"));
        Map<String, Object> ofTheCourse = claims(again);
        ofTheCourse.put("aud", "client-o");
        roles(ofTheCourse, "http://purl.imsglobal.org/vocab/lis/v2/membership#Administrator");
        JsonNode courseOnly = session(answer(browser, again, PLATFORM.sign(ofTheCourse), Browser.JSON));
        assertThat(courseOnly.path("operator").asBoolean())
                .as("who administers a course runs no server")
                .isFalse();
        assertThat(courseOnly.path("roles").toString()).isEqualTo("[\"administrator\"]");
    }

    @Test
    void aRotationOfThePlatformsKeysWorksWithinOneLaunch() {
        try (var platform = new TestPlatform()) {
            register(platform, "client-r");
            assertThat(launchAt(platform, "client-r").statusCode()).isEqualTo(200);
            platform.rotate("key-2");
            assertThat(launchAt(platform, "client-r").statusCode()).isEqualTo(200);
            platform.rotate("key-3");
            assertThat(launchAt(platform, "client-r").statusCode()).isEqualTo(200);
            assertThat(platform.keyFetches).hasValue(3);
        }
    }

    @Test
    void aFloodOfUnknownKeyIdsIsThrottledAndThePlatformGoesOnLaunching() throws Exception {
        try (var platform = new TestPlatform()) {
            register(platform, "client-f");
            assertThat(launchAt(platform, "client-f").statusCode()).isEqualTo(200);
            RsaJsonWebKey stranger = TestPlatform.newKey("stranger");
            inParallel(40, () -> {
                        var browser = browser();
                        Begun login = begin(browser, at(platform, "client-f"));
                        return answer(
                                browser,
                                login,
                                TestPlatform.sign(platform.claims("client-f", login.nonce(), target()), signature -> {
                                    rs256(signature, stranger);
                                    signature.setKeyIdHeaderValue("unknown-" + UUID.randomUUID());
                                }),
                                Browser.JSON);
                    })
                    .forEach(response -> assertRejected(LaunchRule.KEY_KNOWN, response));
            assertThat(platform.keyFetches.get()).isLessThanOrEqualTo(8);
            assertThat(launchAt(platform, "client-f").statusCode()).isEqualTo(200);
        }
    }

    @Test
    void manyLaunchesAtOnceFetchThePlatformsKeysOnce() throws Exception {
        try (var platform = new TestPlatform()) {
            register(platform, "client-s");
            platform.keyDelay = Duration.ofMillis(300);
            assertThat(inParallel(8, () -> launchAt(platform, "client-s").statusCode()))
                    .containsOnly(200);
            assertThat(platform.keyFetches).hasValue(1);
        }
    }

    @Test
    void aSlowKeyAddressHoldsUpNobodyElse() {
        // Far more launches wait for the slow platform than this node has threads; the order is what counts, so on a
        // machine that was too slow to see it, it is tried again.
        try (var slow = new TestPlatform();
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            slow.keyDelay = Duration.ofMinutes(1);
            Awaitility.await().atMost(Duration.ofMinutes(2)).untilAsserted(() -> {
                String client = "client-slow-" + UUID.randomUUID();
                register(slow, client);
                int asked = slow.keyFetches.get();
                List<Future<HttpResponse<String>>> waiting = IntStream.range(0, 30)
                        .mapToObj(i -> threads.submit(() -> launchAt(slow, client)))
                        .toList();
                Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> slow.keyFetches.get() > asked);
                assertThat(launch(claims -> {}).statusCode()).isEqualTo(200);
                boolean overtook = waiting.stream().noneMatch(Future::isDone);
                for (Future<HttpResponse<String>> one : waiting) {
                    assertRejected(LaunchRule.KEYS_AVAILABLE, one.get());
                }
                assertThat(overtook).isTrue();
            });
        }
    }

    @Test
    void aDeadKeyAddressIsNamedAndOldKeysGoOnServing() {
        try (var platform = new TestPlatform()) {
            register(platform, "client-d");
            platform.keyStatus = 500;
            assertRejected(LaunchRule.KEYS_AVAILABLE, launchAt(platform, "client-d"));
            platform.keyStatus = 200;
            assertThat(launchAt(platform, "client-d").statusCode()).isEqualTo(200);
            platform.keyStatus = 500;
            assertThat(launchAt(platform, "client-d").statusCode()).isEqualTo(200);
        }
    }

    // What a rejected user and the operator see.

    @Test
    void theRejectedUserSeesAFriendlyPageWithNothingButAReference() {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        Map<String, Object> claims = claims(login);
        claims.put("iss", "https://evil.example");
        HttpResponse<String> page = answer(browser, login, PLATFORM.sign(claims), Browser.PAGE);
        assertThat(page.statusCode()).isEqualTo(401);
        assertThat(page.headers().firstValue("content-type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("text/html"));
        Rejections.Rejection told = recent().getFirst();
        assertThat(page.body()).contains("This launch did not work", told.reference());
        assertThat(page.body()).doesNotContain(told.rule(), "evil.example", CLIENT, PLATFORM.issuer());
        assertThat(told.detail()).contains("evil.example");
        assertThat(told.clientId()).isEqualTo(CLIENT);
        assertThat(told.traceId()).isNotBlank();
    }

    @Test
    void publishesTheToolsKeysWithCacheHeaders() {
        HttpResponse<String> keys = browser().get("/.well-known/jwks.json", Browser.JSON);
        assertThat(keys.statusCode()).isEqualTo(200);
        assertThat(keys.headers().firstValue("cache-control")).hasValue("max-age=600, public");
        JsonNode first = JSON.readTree(keys.body()).path("keys").path(0);
        assertThat(first.path("kty").asString()).isEqualTo("RSA");
        assertThat(first.path("alg").asString()).isEqualTo("RS256");
        assertThat(first.has("d")).as("the private part").isFalse();
    }

    private static Arguments valid(String name, String roles, Consumer<Map<String, Object>> change) {
        return Arguments.of(name, roles, change);
    }

    private static Arguments bad(String name, LaunchRule rule, Consumer<Map<String, Object>> change) {
        return Arguments.of(name, rule, change);
    }

    private static Arguments token(String name, LaunchRule rule, Function<Map<String, Object>, String> made) {
        return Arguments.of(name, rule, made);
    }

    private static UnaryOperator<Map<String, String>> with(String field, String value) {
        return fields -> {
            Map<String, String> changed = new HashMap<>(fields);
            changed.put(field, value);
            return changed;
        };
    }
}
