package org.lectern.app.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.Frame;
import com.microsoft.playwright.FrameLocator;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.assertions.LocatorAssertions;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.launch.TestPlatform;
import org.lectern.app.lti.platform.Registrations;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import reactor.core.publisher.Mono;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.http.server.HttpServerResponse;

/**
 * Launches in a real browser that blocks third-party cookies, with the tool ({@code localhost}) in a frame of a platform
 * of another site ({@code 127.0.0.1}): in one browser the frame has storage partitioned by the site around it, in the
 * other it may keep nothing at all, neither cookies nor storage. What the platform's storage was asked is read from the
 * platform's page.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.roles=web"})
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PlatformStorageIT {

    private static final String CLIENT = "storage-client";
    private static final LocatorAssertions.IsVisibleOptions PATIENCE =
            new LocatorAssertions.IsVisibleOptions().setTimeout(120_000);

    private final TestPlatform platform = new TestPlatform((here, routes) -> routes.get(
                    "/course", (request, response) -> page(response, course(query(request))))
            .get("/storage", (request, response) -> page(response, storage(query(request))))
            .get("/authorize", (request, response) -> page(response, answer(here, query(request)))));

    @TempDir
    private static Path profiles;

    @LocalServerPort
    private int port;

    @Autowired
    private Registrations registrations;

    private Browsers browsers;
    private BrowserContext partitioned;
    private BrowserContext barred;

    @BeforeAll
    void open() throws IOException {
        browsers = new Browsers();
        partitioned = browsers.blockingThirdPartyCookies(profiles.resolve("partitioned"));

        barred = browsers.blockingThirdPartyCookies(profiles.resolve("barred"), tool() + "," + platform.issuer());
        registrations
                .save(
                        new LtiProperties.Platform(
                                null,
                                platform.issuer(),
                                CLIENT,
                                URI.create(platform.issuer() + "/authorize"),
                                null,
                                null,
                                platform.keysAddress(),
                                List.of("deployment-1"),
                                false,
                                false,
                                false,
                                false),
                        Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10));
    }

    @AfterAll
    void close() {
        partitioned.close();
        barred.close();
        browsers.close();
        platform.close();
    }

    @Test
    void whereNoCookieIsKeptThePlatformsStorageBindsTheLogin() {
        Page course = course(barred, "storage", "keeps");
        FrameLocator tool = course.frameLocator("#tool");
        // The launch was accepted, by the platform's storage; but here the frame may not keep the session either.
        assertThat(tool.locator("#again")).isVisible(PATIENCE);
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        Page window = course.waitForPopup(() -> tool.locator("#again").click());
        assertThat(window.locator("#who")).containsText("Ada Lovelace", soon());
        assertThat(window.url()).endsWith("/chat");
        window.close();
        course.close();
    }

    @Test
    void whereNoCookieComesBackThePlatformsStorageBindsTheLoginAndTheFrameGoesOn() {
        Page course = course(partitioned, "storage", "held");
        FrameLocator tool = course.frameLocator("#tool");
        Locator goOn = tool.locator("#held");
        assertThat(goOn).isVisible(PATIENCE);
        // What a browser of today keeps in the frame is the partitioned cookie alone; one that keeps not even that goes
        // on too.
        assertThat(partitioned.cookies())
                .singleElement()
                .satisfies(cookie -> assertThat(cookie.partitionKey).isEqualTo("http://127.0.0.1"));
        partitioned.clearCookies();
        goOn.click();
        assertThat(tool.locator("#who")).containsText("Ada Lovelace", soon());
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        assertInFrame(course);
    }

    @Test
    void whereThePlatformsStorageIsSilentTheFrameGoesOnByThePartitionedCookie() {
        Page course = course(partitioned, "_parent", "silent");
        FrameLocator tool = course.frameLocator("#tool");
        assertThat(tool.locator("#who")).containsText("Ada Lovelace", soon());
        // The first question had no answer in time, so no second one was asked: the cookie came back.
        assertThat(said(course)).containsExactly("lti.put_data");
        assertInFrame(course);
    }

    /** The session is in the frame's own storage, and its token is what the API is asked with. */
    private void assertInFrame(Page course) {
        Frame frame = Objects.requireNonNull(course.frame("tool"));
        assertThat(frame.url()).isEqualTo(tool() + "/chat");
        assertThat(partitioned.cookies()).as("nothing is left of the login").isEmpty();
        assertThat(frame.evaluate("Object.keys(sessionStorage).join()")).isEqualTo("lectern.session");
        assertThat(frame.evaluate("""
                        async () => {
                          const { token } = JSON.parse(sessionStorage.getItem('lectern.session'));
                          const ask = headers => fetch('/api/session', { headers }).then(answer => answer.status);
                          return [await ask({ Authorization: `Bearer ${token}` }), await ask({})].join();
                        }""")).isEqualTo("200,401");
        course.close();
    }

    @Test
    void withNeitherCookieNorStorageTheLoginBeginsAgainInAWindowOfItsOwn() {
        Page course = course(barred, "_parent", "silent");
        FrameLocator tool = course.frameLocator("#tool");
        assertThat(tool.getByText("This launch did not work")).isVisible(PATIENCE);
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        Page window = course.waitForPopup(() -> tool.locator("#again").click());
        assertThat(window.locator("#who")).containsText("Ada Lovelace", soon());
        window.close();
        course.close();
    }

    @Test
    void anAnswerFromAnotherOriginThanThePlatformsIsNotBelieved() {
        // The frame answers at once with an error, but it is not of the platform's origin: the real answer counts.
        Page course = course(barred, "_parent", "interrupted");
        assertThat(course.frameLocator("#tool").locator("#again")).hasText("Open in a new window", textSoon());
        assertThat(course.frameLocator("#tool").locator("h1")).hasText("Lectern needs a window of its own");
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        course.close();
    }

    @Test
    void theCloseButtonTellsThePlatform() {
        Page course = partitioned.newPage();
        course.navigate(platform.issuer() + "/course?kind=silent&tool="
                + encoded(tool() + "/lti/register?openid_configuration="
                        + encoded("https://127.0.0.1/.well-known/openid-configuration")));
        FrameLocator tool = course.frameLocator("#tool");
        tool.locator("button.primary").click();
        assertThat(tool.getByText("Lectern was not registered")).isVisible(PATIENCE);
        tool.locator("#close").click();
        course.waitForCondition(() -> said(course).contains("org.imsglobal.lti.close"));
        course.close();
    }

    private Page course(BrowserContext browser, String storage, String kind) {
        Map<String, String> login = new LinkedHashMap<>();
        login.put("iss", platform.issuer());
        login.put("client_id", CLIENT);
        login.put("login_hint", kind);
        login.put("target_link_uri", tool() + "/lti/launch?target=chat");
        login.put("lti_storage_target", storage);
        Page course = browser.newPage();
        course.navigate(platform.issuer() + "/course?kind=" + kind + "&tool="
                + encoded(tool() + "/lti/login?" + org.lectern.app.lti.launch.Browser.form(login)));
        return course;
    }

    private String tool() {
        return "http://localhost:" + port;
    }

    /** The subjects of the messages that reached the platform, in order. */
    @SuppressWarnings("unchecked")
    private static List<String> said(Page course) {
        return (List<String>) course.evaluate("window.said");
    }

    /**
     * The platform's page around the tool, with a storage frame beside it. Its storage keeps what it is given, is silent,
     * or is interrupted: there a frame of another origin speaks first.
     */
    private static String course(Map<String, String> query) {
        String kind = query.getOrDefault("kind", "keeps");
        return """
                <!doctype html><html lang="en"><head><title>Course</title><script>
                window.said = [];
                const kept = new Map();
                addEventListener('message', event => {
                  const message = event.data;
                  if (!message || typeof message.subject !== 'string') return;
                  window.said.push(message.subject);
                  if ('%1$s' === 'silent' || !message.message_id) return;
                  const answer = { subject: message.subject + '.response', message_id: message.message_id, key: message.key };
                  if (message.subject === 'lti.put_data') kept.set(message.key, message.value);
                  answer.value = kept.get(message.key) ?? null;
                  if ('%1$s' === 'interrupted') {
                    // The storage frame has an origin of its own, so what it says is a stranger's word.
                    document.getElementById('storage').contentWindow.postMessage({ ...answer, error: { code: 'no' } }, '*');
                    setTimeout(() => event.source.postMessage(answer, event.origin), 300);
                  } else event.source.postMessage(answer, event.origin);
                });
                </script></head><body>
                <iframe id="storage" name="storage" %3$s src="/storage?kind=%1$s"></iframe>
                <iframe id="tool" name="tool" width="900" height="700" src="%2$s"></iframe>
                </body></html>""".formatted(
                        kind,
                        query.getOrDefault("tool", "").replace("&", "&amp;"),
                        kind.equals("interrupted") ? "sandbox=\"allow-scripts\"" : "");
    }

    /** The frame that {@code lti_storage_target} names: passes on what it was asked, or speaks out of turn. */
    private static String storage(Map<String, String> query) {
        return """
                <!doctype html><html lang="en"><head><title>Storage</title><script>
                const kept = new Map();
                addEventListener('message', event => {
                  const message = event.data;
                  if ('%s' === 'interrupted') { parent.frames['tool'].postMessage(message, '*'); return; }
                  parent.said.push(message.subject);
                  if (message.subject === 'lti.put_data') kept.set(message.key, message.value);
                  event.source.postMessage({ subject: message.subject + '.response', message_id: message.message_id,
                    key: message.key, value: kept.get(message.key) ?? null }, event.origin);
                });
                </script></head><body></body></html>""".formatted(query.getOrDefault("kind", "keeps"));
    }

    /** The platform's answer to a login: a page whose form posts itself to the tool. */
    private static String answer(TestPlatform platform, Map<String, String> query) {
        String token = platform.sign(platform.claims(
                CLIENT,
                Objects.requireNonNull(query.get("nonce")),
                Objects.requireNonNull(query.get("redirect_uri")) + "?target=chat"));
        return """
                <!doctype html><html lang="en"><head><title>Sign in</title></head><body>
                <form method="post" action="%s" id="f"><input type="hidden" name="id_token" value="%s">
                <input type="hidden" name="state" value="%s"></form>
                %s</body></html>""".formatted(
                        query.get("redirect_uri"),
                        token,
                        query.get("state"),
                        "held".equals(query.get("login_hint"))
                                ? "<button id=\"held\" form=\"f\">Go on</button>"
                                : "<script>document.getElementById('f').submit()</script>");
    }

    private static Mono<Void> page(HttpServerResponse response, String html) {
        return response.header("Content-Type", "text/html;charset=utf-8")
                .sendString(Mono.just(html))
                .then();
    }

    private static Map<String, String> query(HttpServerRequest request) {
        return org.lectern.app.lti.launch.Browser.query(URI.create(request.uri()));
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static LocatorAssertions.ContainsTextOptions soon() {
        return new LocatorAssertions.ContainsTextOptions().setTimeout(120_000);
    }

    private static LocatorAssertions.HasTextOptions textSoon() {
        return new LocatorAssertions.HasTextOptions().setTimeout(120_000);
    }
}
