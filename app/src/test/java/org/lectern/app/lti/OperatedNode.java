package org.lectern.app.lti;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.launch.Browser;
import org.lectern.app.lti.launch.TestPlatform;
import org.lectern.app.lti.launch.WireLaunch;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Sessions;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A node with platforms and an issuer of operators' tokens around it, the same for all tests that extend this, and what
 * an operator and a stranger may say to it over the wire.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "lectern.embedded.directory=target/lectern",
            "lectern.roles=web",
            "lectern.ops.audience=" + OperatorIssuer.AUDIENCE,
            "lectern.lti.dynamic-registration.pending-limit=5"
        })
public abstract class OperatedNode {

    /** The client id of the platform that the configuration names. */
    protected static final String CONFIGURED = "client-by-configuration";

    /** The platform that the configuration names. */
    protected static final TestPlatform PLATFORM = new TestPlatform();

    /** A platform that registers itself. */
    protected static final RegisteringPlatform REGISTERING = new RegisteringPlatform();

    static final OperatorIssuer OPERATORS = new OperatorIssuer();

    /** Reads and writes JSON. */
    protected static final JsonMapper JSON = JsonMapper.builder().build();

    @LocalServerPort
    private int port;

    @Autowired
    private Sessions sessions;

    @DynamicPropertySource
    static void around(DynamicPropertyRegistry properties) {
        String prefix = "lectern.lti.registrations[0].";
        properties.add(prefix + "issuer", PLATFORM::issuer);
        properties.add(prefix + "client-id", () -> CONFIGURED);
        properties.add(prefix + "authorization-endpoint", () -> PLATFORM.issuer() + "/authorize");
        properties.add(prefix + "jwks-uri", PLATFORM::keysAddress);
        properties.add(prefix + "deployment-ids", () -> "deployment-1");
        properties.add("lectern.ops.issuer-uri", OPERATORS::issuer);
        properties.add(
                "lectern.lti.dynamic-registration.trusted-hosts",
                () -> URI.create(REGISTERING.platform().issuer()).getAuthority() + ",localhost:"
                        + URI.create(REGISTERING.platform().issuer()).getPort());
    }

    /** Where the node answers. */
    protected URI origin() {
        return URI.create("http://localhost:" + port);
    }

    /** Launches by a platform. */
    protected WireLaunch launches(TestPlatform platform, String client) {
        return new WireLaunch(origin(), platform, client);
    }

    /** A session's token. */
    protected String token(boolean operator) {
        return Objects.requireNonNull(sessions.open(new NewSession(
                                UUID.randomUUID(),
                                "Test",
                                new ContextId(UUID.randomUUID()),
                                "Course",
                                Set.of(operator ? CourseRole.ADMINISTRATOR : CourseRole.INSTRUCTOR),
                                operator,
                                LaunchTarget.OPS))
                        .block(Duration.ofSeconds(30)))
                .token();
    }

    /** Calls the API. */
    protected Answer call(String method, String path, @Nullable String token, @Nullable Object body) {
        var request = HttpRequest.newBuilder(origin().resolve(path)).header("Accept", "application/json");
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        if (body == null) {
            request.method(method, BodyPublishers.noBody());
        } else {
            request.header("Content-Type", "application/json")
                    .method(method, BodyPublishers.ofString(JSON.writeValueAsString(body)));
        }
        HttpResponse<String> response = new Browser(origin()).send(request);
        return new Answer(response.statusCode(), response.body());
    }

    /** Registers a platform by the API; answers its id. */
    protected String register(TestPlatform platform, String client, Map<String, Object> more) {
        Map<String, Object> body = new java.util.HashMap<>(Map.of(
                "issuer",
                platform.issuer(),
                "client_id",
                client,
                "authorization_endpoint",
                platform.issuer() + "/authorize",
                "jwks_uri",
                platform.keysAddress().toString(),
                "deployment_ids",
                java.util.List.of("deployment-1"),
                "trusted_addresses",
                true));
        body.putAll(more);
        return call("POST", "/api/ops/registrations", token(true), body)
                .json(201)
                .path("id")
                .asString();
    }

    /** Asserts that a launch was rejected, and that the operator is told this rule under the reference. */
    protected void assertRejected(String rule, HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(401);
        JsonNode told =
                call("GET", "/api/ops/lti/rejections", token(true), null).json(200);
        assertThat(told.path("items")
                        .valueStream()
                        .filter(one ->
                                response.body().contains(one.path("reference").asString()))
                        .map(one -> one.path("rule").asString()))
                .containsExactly(rule);
    }

    /**
     * An answer.
     *
     * @param status the status
     * @param body the body
     */
    protected record Answer(int status, String body) {

        /** The body of an answer that has this status. */
        public JsonNode json(int expected) {
            assertThat(status).as(body).isEqualTo(expected);
            return JSON.readTree(body);
        }

        /** Asserts a status and the type of problem. */
        public void problem(int expected, String type) {
            assertThat(json(expected).path("type").asString()).isEqualTo("urn:lectern:problem:" + type);
        }
    }
}
