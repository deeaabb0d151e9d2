package org.lectern.app.e2e;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** One headless Chromium of the machine for a test class; each person gets a context (a profile) of their own. */
final class Browsers implements AutoCloseable {

    private static final int DESKTOP_WIDTH = 1280;
    static final int PHONE_WIDTH = 390;

    private final Playwright playwright;
    private final Browser browser;

    Browsers() {
        playwright = Playwright.create(
                new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        browser = playwright
                .chromium()
                .launch(new BrowserType.LaunchOptions()
                        .setExecutablePath(chromium())
                        .setChromiumSandbox(false)
                        .setArgs(List.of(
                                "--disable-gpu",
                                "--disable-quic",
                                "--no-first-run",
                                "--disable-background-networking",
                                "--disable-component-update",
                                "--disable-sync",
                                "--autoplay-policy=no-user-gesture-required")));
    }

    /**
     * The browser of a person who blocks third-party cookies in the settings. What a frame of another site keeps is
     * partitioned by the site around it, as in every browser of today, unless something is barred.
     *
     * @param profile where its profile is kept
     * @param barred pairs of a site and a site around it within which the first may keep nothing at all, neither cookies
     *     nor storage, as {@code http://tool:1,http://platform:2}
     */
    BrowserContext blockingThirdPartyCookies(Path profile, String... barred) throws IOException {
        String exceptions = Stream.of(barred)
                .map(pair -> "\"%s\":{\"setting\":2}".formatted(pair))
                .collect(Collectors.joining(","));
        Files.createDirectories(profile.resolve("Default"));
        Files.writeString(profile.resolve("Default/Preferences"), """
                {"profile":{"cookie_controls_mode":1,"block_third_party_cookies":true,
                            "content_settings":{"exceptions":{"cookies":{%s}}}}}""".formatted(exceptions));
        BrowserContext context = playwright
                .chromium()
                .launchPersistentContext(
                        profile,
                        new BrowserType.LaunchPersistentContextOptions()
                                .setExecutablePath(chromium())
                                .setChromiumSandbox(false)
                                .setArgs(List.of(
                                        "--disable-gpu",
                                        "--no-first-run",
                                        "--disable-background-networking",
                                        "--test-third-party-cookie-phaseout",
                                        // The last such argument counts: Playwright's own switches partitioned storage
                                        // off,
                                        // and only without it do exceptions bar a frame from everything.
                                        barred.length == 0 ? "--disable-features=Translate" : "--disable-sync")));
        context.setDefaultTimeout(60_000);
        return context;
    }

    private static Path chromium() {
        return Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no Chromium here: install the package chromium"));
    }

    /** A new person's browser at a desk, in the light. */
    Page person(String baseUrl) {
        return page(baseUrl, DESKTOP_WIDTH, ColorScheme.LIGHT);
    }

    /** A new person's browser of that width and colour scheme. */
    Page page(String baseUrl, int width, ColorScheme scheme) {
        BrowserContext context = browser.newContext(new Browser.NewContextOptions()
                .setBaseURL(baseUrl)
                .setViewportSize(width, width == PHONE_WIDTH ? 844 : 800)
                .setColorScheme(scheme));
        context.setDefaultTimeout(30_000);
        return context.newPage();
    }

    @Override
    public void close() {
        playwright.close();
    }
}
