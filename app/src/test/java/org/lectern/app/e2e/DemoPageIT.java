package org.lectern.app.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.ColorScheme;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.app.LecternApplication;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

/** The demo LMS in a real browser: launches into a new tab and into the frame of a course page. */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "lectern.roles=web"})
class DemoPageIT {

    private static Browsers browsers;

    @LocalServerPort
    private int port;

    @BeforeAll
    static void open() {
        browsers = new Browsers();
    }

    @AfterAll
    static void close() {
        browsers.close();
    }

    @ParameterizedTest
    @CsvSource({"1280, LIGHT", "1280, DARK", "390, LIGHT", "390, DARK"})
    void isAccessibleAtEveryWidthAndColour(int width, ColorScheme scheme) {
        for (String address : List.of("/demo", "/demo/courses/bio-201?user=robin")) {
            Page page = browsers.page("http://localhost:" + port, width, scheme);
            page.navigate(address);
            page.screenshot(new Page.ScreenshotOptions()
                    .setFullPage(true)
                    .setPath(Path.of("target/screens/demo" + (address.contains("courses") ? "-course" : "") + "-"
                            + width + "-" + scheme + ".png")));
            assertThat(new AxeBuilder(page).exclude("iframe").analyze().getViolations())
                    .isEmpty();
            assertThat((Boolean) page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
                    .as("nothing sticks out sideways")
                    .isTrue();
            page.context().close();
        }
    }

    @Test
    void launchesIntoANewTab() {
        Page page = browsers.person("http://localhost:" + port);
        List<String> refused = new CopyOnWriteArrayList<>();
        page.navigate("/demo");
        Locator button = page.getByRole(
                        AriaRole.BUTTON, new Page.GetByRoleOptions().setName("Chat as Mei Tanaka, opens a new tab"))
                .first();
        Page tab = page.waitForPopup(button::click);
        tab.onConsoleMessage(message -> {
            if (message.text().contains("Content Security Policy")) {
                refused.add(message.text());
            }
        });
        tab.waitForURL("**/chat");
        tab.locator("#who").waitFor();
        assertThat(tab.locator("#who").textContent().strip()).isEqualTo("Marine Biology · Mei Tanaka");
        assertThat(tab.url()).doesNotContain("code=");
        assertThat(refused).isEmpty();
        page.context().close();
    }

    @Test
    void launchesIntoTheFrameOfTheCoursePage() {
        Page page = browsers.person("http://localhost:" + port);
        page.navigate("/demo/courses/math-110?user=tomas");
        page.waitForCondition(
                () -> page.frames().stream().anyMatch(frame -> frame.url().endsWith("/chat")));
        page.frameLocator("#tool").locator("#who").waitFor();
        page.getByRole(
                        AriaRole.BUTTON,
                        new Page.GetByRoleOptions().setName("Dashboard").setExact(true))
                .click();
        page.waitForCondition(
                () -> page.frames().stream().anyMatch(frame -> frame.url().endsWith("/dashboard")));
        page.context().close();
    }
}
