package org.lectern.app.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jwt.JWTClaimsSet;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.keys.ToolKeys;
import org.lectern.app.lti.launch.Browser;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The demo LMS by plain HTTP, as a script would use it: from its form to a session, on a port chosen freely. */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.roles=web"})
class DemoIT {

    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Pattern ACTION = Pattern.compile("<form[^>]* action=\"([^\"]+)\"");
    private static final Pattern FIELD = Pattern.compile("<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"");

    @LocalServerPort
    private int port;

    @Autowired
    private ToolKeys toolKeys;

    @ParameterizedTest
    @CsvSource({
        "bio-201, mei, student, chat, false",
        "math-110, priya, ta, video, false",
        "hist-305, ingrid, instructor, dashboard, false",
        "bio-201, robin, administrator, ops, true",
        "load-test-7, user-4711, student, chat, false"
    })
    void launchesAnybodyAsAnything(String course, String user, String role, String target, boolean operator) {
        JsonNode session = launch("localhost", course, user, role, target);
        assertThat(session.path("roles").toString()).isEqualTo("[\"" + role + "\"]");
        assertThat(session.path("target").asString()).isEqualTo(target);
        assertThat(session.path("operator").asBoolean()).isEqualTo(operator);
        assertThat(session.path("token").asString()).startsWith("lectern_");
        assertThat(session.path("context_title").asString()).isNotEmpty();
    }

    @Test
    void worksUnderTheOtherNameOfThisMachineToo() {
        assertThat(launch("127.0.0.1", "bio-201", "mei", "student", "chat")
                        .path("name")
                        .asString())
                .isEqualTo("Mei Tanaka");
    }

    @Test
    void onePersonKeepsOneIdOverCoursesAndCoursesDiffer() {
        JsonNode biology = launch("localhost", "bio-201", "mei", "student", "chat");
        JsonNode history = launch("localhost", "hist-305", "mei", "student", "chat");
        assertThat(biology.path("user_id")).isEqualTo(history.path("user_id"));
        assertThat(biology.path("context_id")).isNotEqualTo(history.path("context_id"));
    }

    @Test
    void goesOnLaunchingAfterItsKeysRotated() {
        launch("localhost", "bio-201", "mei", "student", "chat");
        assertThat(browser("localhost")
                        .post("/demo/platform/rotate", Map.of(), Browser.JSON)
                        .statusCode())
                .isEqualTo(204);
        launch("localhost", "bio-201", "mei", "student", "chat");
        JsonNode keys = JSON.readTree(
                browser("localhost").get("/demo/platform/jwks", Browser.JSON).body());
        assertThat(keys.path("keys")).hasSize(2);
        assertThat(keys.path("keys").path(0).has("d")).isFalse();
    }

    @Test
    void thePageListsEveryCourseAndTheCoursePageEmbedsTheTool() {
        var browser = browser("localhost");
        String page = browser.get("/demo", Browser.PAGE).body();
        assertThat(page)
                .contains("Marine Biology", "Linear Algebra", "Cities of the Silk Road", "action=\"/demo/launch\"");
        String course =
                browser.get("/demo/courses/bio-201?user=jonas", Browser.PAGE).body();
        assertThat(course).contains("<iframe", "target=\"tool\"", "value=\"ta\"");
        assertThat(browser.get("/demo/courses/none", Browser.PAGE).statusCode()).isEqualTo(404);
    }

    @Test
    void aFormOfNoUseIsTheClientsMistake() {
        var browser = browser("localhost");
        assertThat(browser.post("/demo/launch", Map.of("course", "bio-201"), Browser.JSON)
                        .statusCode())
                .isEqualTo(400);
        assertThat(browser.post("/demo/launch", fields("bio-201", "mei", "dean", "chat"), Browser.JSON)
                        .statusCode())
                .isEqualTo(400);
        assertThat(browser.post("/demo/launch", fields("../etc", "mei", "student", "chat"), Browser.JSON)
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void thePlatformAnswersOnlyItsClientAndOnlyRegisteredAddresses() {
        var browser = browser("localhost");
        Map<String, String> asked = new HashMap<>(authorization(browser, fields("bio-201", "mei", "student", "chat")));
        assertThat(authorize(browser, asked).body()).contains("name=\"id_token\"");

        Map<String, String> elsewhere = new HashMap<>(asked);
        elsewhere.put("redirect_uri", "https://evil.example/lti/launch");
        assertThat(authorize(browser, elsewhere).statusCode()).isEqualTo(400);

        for (Map.Entry<String, String> wrong : Map.of(
                        "client_id", "somebody",
                        "response_type", "code",
                        "scope", "profile",
                        "response_mode", "query",
                        "nonce", "",
                        "login_hint", "robin")
                .entrySet()) {
            Map<String, String> changed = new HashMap<>(asked);
            changed.put(wrong.getKey(), wrong.getValue());
            assertThat(authorize(browser, changed).body())
                    .as(wrong.getKey())
                    .contains("name=\"error\"")
                    .doesNotContain("id_token");
        }
    }

    @Test
    void theTokenEndpointTakesOnlyAnAssertionTheToolSignedAndEachOnce() {
        String assertion = assertion(Instant.now());
        JsonNode token = JSON.readTree(token(assertion).body());
        assertThat(token.path("access_token").asString()).isNotEmpty();
        assertThat(token.path("token_type").asString()).isEqualTo("Bearer");
        assertThat(token.path("expires_in").asInt()).isEqualTo(3600);
        assertThat(token(assertion).statusCode()).as("replay").isEqualTo(400);
        assertThat(token(assertion(Instant.now().minusSeconds(3600))).statusCode())
                .as("expired")
                .isEqualTo(400);
        assertThat(token(assertion(Instant.now()) + "x").statusCode())
                .as("changed")
                .isEqualTo(400);
    }

    @Test
    void answersOnThisMachineOnly() throws SocketException {
        var proxied =
                HttpRequest.newBuilder(origin("localhost").resolve("/demo")).header("X-Forwarded-For", "203.0.113.9");
        assertThat(browser("localhost").send(proxied).statusCode()).isEqualTo(403);
        var outside = NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> address instanceof Inet4Address && !address.isLoopbackAddress())
                .map(InetAddress::getHostAddress)
                .findFirst();
        outside.ifPresent(address -> assertThat(
                        browser(address).get("/demo", Browser.JSON).statusCode())
                .isEqualTo(403));
    }

    private JsonNode launch(String host, String course, String user, String role, String target) {
        var browser = browser(host);
        HttpResponse<String> page = authorize(browser, authorization(browser, fields(course, user, role, target)));
        assertThat(page.statusCode()).isEqualTo(200);
        Matcher action = ACTION.matcher(page.body());
        assertThat(action.find()).isTrue();
        Map<String, String> answer = new HashMap<>();
        Matcher field = FIELD.matcher(page.body());
        while (field.find()) {
            answer.put(field.group(1), field.group(2));
        }
        HttpResponse<String> session = browser.post(action.group(1), answer, Browser.JSON);
        assertThat(session.statusCode()).as(session.body()).isEqualTo(200);
        return JSON.readTree(session.body());
    }

    /** From the demo's form over the tool's login to the parameters of the authentication request. */
    private Map<String, String> authorization(Browser browser, Map<String, String> form) {
        HttpResponse<String> start = browser.post("/demo/launch", form, Browser.PAGE);
        assertThat(start.statusCode()).as(start.body()).isEqualTo(303);
        HttpResponse<String> login = browser.get(Browser.location(start).toString(), Browser.PAGE);
        assertThat(login.statusCode()).as(login.body()).isEqualTo(302);
        URI authorize = Browser.location(login);
        assertThat(authorize.toString()).startsWith("http://localhost:" + port + "/demo/platform/authorize?");
        return Browser.query(authorize);
    }

    private HttpResponse<String> authorize(Browser browser, Map<String, String> parameters) {
        return browser.get(
                "http://localhost:" + port + "/demo/platform/authorize?" + Browser.form(parameters), Browser.PAGE);
    }

    private HttpResponse<String> token(String assertion) {
        return browser("localhost")
                .post(
                        "/demo/platform/token",
                        Map.of(
                                "grant_type",
                                "client_credentials",
                                "client_assertion_type",
                                DemoTokens.ASSERTION_TYPE,
                                "client_assertion",
                                assertion,
                                "scope",
                                "https://purl.imsglobal.org/spec/lti-ags/scope/score"),
                        Browser.JSON);
    }

    private String assertion(Instant now) {
        return toolKeys.sign(new JWTClaimsSet.Builder()
                .issuer(DemoPlatform.CLIENT_ID)
                .subject(DemoPlatform.CLIENT_ID)
                .audience("http://localhost:" + port + "/demo/platform/token")
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plusSeconds(60)))
                .jwtID(UUID.randomUUID().toString())
                .build());
    }

    private static Map<String, String> fields(String course, String user, String role, String target) {
        return Map.of("course", course, "user", user, "role", role, "target", target);
    }

    private URI origin(String host) {
        return URI.create("http://" + host + ":" + port);
    }

    private Browser browser(String host) {
        return new Browser(origin(host));
    }
}
