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
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.fixture.CoursePages;
import org.lectern.app.lti.fixture.PlatformFixture;
import org.lectern.app.lti.platform.Registrations;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

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

    private final PlatformFixture platform = new PlatformFixture(CLIENT);

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
        platform.toolAt(URI.create(tool()));
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
                                URI.create(platform.issuer() + "/keys"),
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
        Page course = course(barred, "storage", CoursePages.Storage.KEEPS);
        FrameLocator tool = course.frameLocator("#tool");
        // The launch was accepted, by the platform's storage; but here the frame may not keep the session either.
        assertThat(tool.locator("#again")).isVisible(PATIENCE);
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        Page window = course.waitForPopup(() -> tool.locator("#again").click());
        assertThat(window.locator("#who")).containsText("Person ada", soon());
        assertThat(window.url()).endsWith("/chat");
        window.close();
        course.close();
    }

    @Test
    void whereNoCookieComesBackThePlatformsStorageBindsTheLoginAndTheFrameGoesOn() {
        partitioned.clearCookies();
        Page course = course(partitioned, "storage", CoursePages.Storage.KEEPS, CoursePages.Answer.BY_HAND);
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
        assertThat(tool.locator("#who")).containsText("Person ada", soon());
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        assertInFrame(course);
    }

    @Test
    void whereThePlatformsStorageIsSilentTheFrameGoesOnByThePartitionedCookie() {
        Page course = course(partitioned, "_parent", CoursePages.Storage.SILENT);
        FrameLocator tool = course.frameLocator("#tool");
        assertThat(tool.locator("#who")).containsText("Person ada", soon());
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
        Page course = course(barred, "_parent", CoursePages.Storage.SILENT);
        FrameLocator tool = course.frameLocator("#tool");
        assertThat(tool.getByText("This launch did not work")).isVisible(PATIENCE);
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        Page window = course.waitForPopup(() -> tool.locator("#again").click());
        assertThat(window.locator("#who")).containsText("Person ada", soon());
        window.close();
        course.close();
    }

    @Test
    void anAnswerFromAnotherOriginThanThePlatformsIsNotBelieved() {
        // The frame answers at once with an error, but it is not of the platform's origin: the real answer counts.
        Page course = course(barred, "_parent", CoursePages.Storage.INTERRUPTED);
        assertThat(course.frameLocator("#tool").locator("#again")).hasText("Open in a new window", textSoon());
        assertThat(course.frameLocator("#tool").locator("h1")).hasText("Lectern needs a window of its own");
        assertThat(said(course)).containsExactly("lti.put_data", "lti.get_data");
        course.close();
    }

    @Test
    void theCloseButtonTellsThePlatform() {
        Page course = partitioned.newPage();
        course.navigate(platform.frame(
                tool() + "/lti/register?openid_configuration="
                        + encoded("https://127.0.0.1/.well-known/openid-configuration"),
                CoursePages.Storage.SILENT));
        FrameLocator tool = course.frameLocator("#tool");
        tool.locator("button.primary").click();
        assertThat(tool.getByText("Lectern was not registered")).isVisible(PATIENCE);
        tool.locator("#close").click();
        course.waitForCondition(() -> said(course).contains("org.imsglobal.lti.close"));
        course.close();
    }

    private Page course(BrowserContext browser, String storage, CoursePages.Storage kind) {
        return course(browser, storage, kind, CoursePages.Answer.AT_ONCE);
    }

    private Page course(BrowserContext browser, String storage, CoursePages.Storage kind, CoursePages.Answer answer) {
        Page course = browser.newPage();
        course.navigate(platform.course(tool() + "/lti/launch?target=chat", "ada", storage, kind, answer));
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
