package org.lectern.app.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.assertions.LocatorAssertions;
import com.microsoft.playwright.options.ColorScheme;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.launch.Browser;
import org.lectern.app.lti.launch.TestPlatform;
import org.lectern.app.lti.platform.Registrations;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

/**
 * The pages of LTI's own messages and those for operators and for whoever was rejected: each says what it has to, breaks
 * no rule of WCAG 2.2 AA, and fits a desk and a phone, in light and in dark. Screenshots are left in
 * {@code target/screens}.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.roles=web"})
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LtiPagesIT {

    private static final String CLIENT = "pages-client";
    private static final String DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings";

    private final TestPlatform platform = new TestPlatform();

    @LocalServerPort
    private int port;

    @Autowired
    private Registrations registrations;

    private Browsers browsers;

    @BeforeAll
    void open() {
        browsers = new Browsers();
        registrations
                .save(
                        new LtiProperties.Platform(
                                "A school with a rather long name, of engineering and of the applied arts",
                                platform.issuer(),
                                CLIENT,
                                URI.create(platform.issuer() + "/authorize"),
                                null,
                                null,
                                platform.keysAddress(),
                                List.of("deployment-1"),
                                false,
                                true,
                                false,
                                false),
                        Registrations.Source.CONFIGURATION)
                .block(Duration.ofSeconds(10));
    }

    @AfterAll
    void close() {
        browsers.close();
        platform.close();
    }

    @ParameterizedTest
    @CsvSource({"1280, LIGHT", "390, DARK"})
    void everyPageOfLtiIsAccessibleAndFits(int width, ColorScheme scheme) {
        Page page = browsers.page(tool(), width, scheme);
        page.navigate("/lti/register?openid_configuration=https%3A%2F%2Flms.example%2Fopenid&registration_token=t");
        assertThat(page.locator("h1")).hasText("Register Lectern?");
        examine(page, "register");
        page.navigate("/lti/register");
        assertThat(page.locator("h1")).hasText("Lectern was not registered");
        examine(page, "register-refused");
        page.navigate("/lti/login");
        assertThat(page.locator("h1")).hasText("This launch did not work");
        assertThat(page.locator("strong")).containsText("-");
        examine(page, "rejected");
        page.navigate("/lti/doctor");
        assertThat(page.locator("h1")).hasText("Open Lectern from your course");
        examine(page, "doctor-without-session");

        enter(
                page,
                claims -> claims.put(
                        TestPlatform.LTI + "roles",
                        List.of("http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator")));
        page.navigate("/lti/doctor");
        page.getByLabel("Check: A school").first().click();
        assertThat(page.getByText("key-set", new Page.GetByTextOptions().setExact(true)))
                .isVisible(patience());
        assertThat(page.locator("#rejections tbody tr").first()).isVisible();
        examine(page, "doctor");

        enter(page, claims -> {
            claims.put(TestPlatform.LTI + "message_type", "LtiDeepLinkingRequest");
            claims.put(
                    DEEP_LINKING,
                    Map.of(
                            "deep_link_return_url",
                            platform.issuer() + "/return",
                            "accept_types",
                            List.of("ltiResourceLink"),
                            "accept_presentation_document_targets",
                            List.of("iframe"),
                            "accept_multiple",
                            true));
        });
        page.navigate("/lti/deep-link");
        assertThat(page.locator("#picker")).isVisible(patience());
        page.locator("#items input").first().check();
        examine(page, "deep-link");

        enter(page, claims -> {
            claims.put(TestPlatform.LTI + "message_type", "LtiSubmissionReviewRequest");
            claims.put(TestPlatform.LTI + "for_user", Map.of("user_id", "person-1"));
        });
        page.navigate("/lti/review");
        assertThat(page.locator("main")).containsText("Ada Lovelace", textPatience());
        examine(page, "review");

        enter(page, claims -> claims.put(TestPlatform.LTI + "message_type", "LtiDataPrivacyLaunchRequest"));
        page.navigate("/lti/privacy");
        assertThat(page.locator("main")).containsText("A school", textPatience());
        examine(page, "privacy");

        enter(page, claims -> claims.put(TestPlatform.LTI + "message_type", "LtiEulaRequest"));
        page.navigate("/lti/eula");
        assertThat(page.locator("#answer")).isVisible(patience());
        examine(page, "eula");
        page.context().close();
    }

    /** Launches as a script does, and gives the session to the page's tab. */
    private void enter(Page page, Consumer<Map<String, Object>> change) {
        String target = tool() + "/lti/launch?target=chat";
        var browser = new Browser(URI.create(tool()));
        HttpResponse<String> login = browser.post(
                "/lti/login",
                Map.of("iss", platform.issuer(), "client_id", CLIENT, "login_hint", "hint", "target_link_uri", target),
                Browser.PAGE);
        Map<String, String> asked = Browser.query(Browser.location(login));
        Map<String, Object> claims = platform.claims(CLIENT, Objects.requireNonNull(asked.get("nonce")), target);
        change.accept(claims);
        HttpResponse<String> session = browser.post(
                "/lti/launch",
                Map.of("id_token", platform.sign(claims), "state", Objects.requireNonNull(asked.get("state"))),
                Browser.JSON);
        assertThat(session.statusCode()).as(session.body()).isEqualTo(200);
        page.navigate("/");
        page.evaluate("session => sessionStorage.setItem('lectern.session', session)", session.body());
    }

    private static void examine(Page page, String name) {
        int width = page.viewportSize().width;
        page.screenshot(new Page.ScreenshotOptions()
                .setFullPage(true)
                .setPath(Path.of("target/screens/lti-" + name + "-" + width + ".png")));
        assertThat(new AxeBuilder(page)
                        .withTags(List.of("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"))
                        .analyze()
                        .getViolations())
                .as("%s at %d", name, width)
                .extracting(rule -> rule.getId(), rule -> rule.getNodes().toString())
                .isEmpty();
        assertThat((Integer) page.evaluate(
                        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"))
                .as("%s is wider than %d", name, width)
                .isLessThanOrEqualTo(0);
    }

    private String tool() {
        return "http://localhost:" + port;
    }

    private static LocatorAssertions.IsVisibleOptions patience() {
        return new LocatorAssertions.IsVisibleOptions().setTimeout(60_000);
    }

    private static LocatorAssertions.ContainsTextOptions textPatience() {
        return new LocatorAssertions.ContainsTextOptions().setTimeout(60_000);
    }
}
