package org.lectern.app.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Request;
import com.microsoft.playwright.assertions.LocatorAssertions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.app.LecternApplication;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Sessions;
import org.lectern.db.ContextId;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.util.IdGenerator;

/**
 * The other stock client of tus, Uppy, as its npm package {@code uppy} brings it (core and its tus plugin, unchanged, in a real
 * Chromium): a person pauses in the middle and goes on later.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = "lectern.embedded.directory=target/lectern")
class UppyIT {

    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final double PATIENCE_MS = 120_000;
    private static final String BUNDLE = "/uppy-6.0.1/uppy.min.js";

    private static final String BEGIN = """
            async film => {
              const { session } = await import('/js/session.js');
              window.headers = { Authorization: `Bearer ${session.token}` };
              const uppy = window.uppy = new Uppy.Uppy();
              uppy.use(Uppy.Tus, { endpoint: '/api/video/upload', chunkSize: 64 * 1024, headers: window.headers });
              const id = uppy.addFile({
                name: 'uppy.mp4',
                type: 'video/mp4',
                data: new Blob([Uint8Array.from(atob(film), letter => letter.charCodeAt(0))], { type: 'video/mp4' }),
                meta: { title: 'Sent by Uppy' },
              });
              uppy.on('upload-progress', (file, progress) => {
                if (progress.bytesUploaded >= 128 * 1024 && !window.paused) {
                  window.paused = true;
                  uppy.pauseAll();
                }
              });
              window.outcome = null;
              uppy.upload().then(result => {
                window.outcome = { sent: result.successful.length, failed: result.failed.map(file => String(file.error)) };
              });
              return id;
            }""";

    private static final String OFFSET = """
            async () => {
              const [file] = uppy.getFiles();
              const answer = await fetch(file.tus.uploadUrl ?? file.response?.uploadURL,
                { method: 'HEAD', headers: { ...window.headers, 'Tus-Resumable': '1.0.0' } });
              return Number(answer.headers.get('Upload-Offset'));
            }""";

    @LocalServerPort
    private int port;

    @Autowired
    @SuppressWarnings("NullAway.Init") // by Spring
    private FfmpegBinaries ffmpeg;

    @Autowired
    @SuppressWarnings("NullAway.Init") // by Spring
    private Sessions sessions;

    @Autowired
    @SuppressWarnings("NullAway.Init") // by Spring
    private IdGenerator ids;

    @TempDir
    private Path folder;

    @Test
    void anUploadIsPausedAndGoesOnWhereItWas() throws Exception {
        Path clip = Films.make(ffmpeg, folder, "uppy.mp4", "640x360", 8);
        int size = Math.toIntExact(Files.size(clip));
        assertThat(size).as("long enough to be paused in").isGreaterThan(512 * 1024);
        try (Browsers browsers = new Browsers()) {
            Page page = browsers.person("http://localhost:" + port);
            page.addInitScript(bundle());
            List<Request> requests = new CopyOnWriteArrayList<>();
            page.onRequest(request -> {
                if (request.url().contains("/api/video/upload")) {
                    requests.add(request);
                }
            });
            page.navigate("/launch?code=" + code());
            page.waitForFunction("() => window.Uppy && document.getElementById('videos')?.ariaBusy === 'false'");
            page.evaluate(BEGIN, Base64.getEncoder().encodeToString(Files.readAllBytes(clip)));
            page.waitForFunction("() => window.paused", null, patience());

            // What was on its way may still arrive; then nothing moves.
            int[] last = {-1};
            Awaitility.await()
                    .atMost(PATIENCE)
                    .pollInterval(Duration.ofMillis(500))
                    .until(() -> {
                        int before = last[0];
                        last[0] = ((Number) page.evaluate(OFFSET)).intValue();
                        return last[0] == before;
                    });
            // Of what it has sent, the piece that the pause cut off does not count.
            assertThat(last[0]).isBetween(64 * 1024, size - 1);
            assertThat(page.evaluate("window.outcome")).isNull();

            int paused = requests.size();
            page.evaluate("uppy.resumeAll()");
            page.waitForFunction("() => window.outcome", null, patience());
            assertThat(page.evaluate("window.outcome.failed.join()")).isEqualTo("");
            assertThat(page.evaluate("window.outcome.sent")).isEqualTo(1);
            // It went on, rather than begin again.
            assertThat(requests.stream().filter(request -> "POST".equals(request.method())))
                    .hasSize(1);
            int resumed = next("PATCH", requests, paused);
            Request asked = requests.subList(0, resumed).reversed().stream()
                    .filter(request -> "HEAD".equals(request.method()))
                    .findFirst()
                    .orElseThrow();
            String offset = Objects.requireNonNull(asked.response()).headerValue("Upload-Offset");
            assertThat(Integer.parseInt(offset)).isGreaterThanOrEqualTo(last[0]);
            assertThat(requests.get(resumed).headers()).containsEntry("upload-offset", offset);

            page.reload();
            assertThat(page.locator("[data-state=ready]")
                            .filter(new Locator.FilterOptions().setHasText("Sent by Uppy")))
                    .isVisible(new LocatorAssertions.IsVisibleOptions().setTimeout(PATIENCE_MS));
        }
    }

    private static int next(String method, List<Request> requests, int from) {
        return IntStream.range(from, requests.size())
                .filter(at -> method.equals(requests.get(at).method()))
                .findFirst()
                .orElseThrow();
    }

    private static Page.WaitForFunctionOptions patience() {
        return new Page.WaitForFunctionOptions().setTimeout(PATIENCE_MS);
    }

    private static String bundle() throws IOException {
        try (InputStream content = Objects.requireNonNull(UppyIT.class.getResourceAsStream(BUNDLE))) {
            return new String(content.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String code() {
        ContextId course = new ContextId(ids.generateId());
        return Objects.requireNonNull(sessions.openWithCode(new NewSession(
                        ids.generateId(),
                        "Ada",
                        course,
                        "Engines",
                        Set.of(CourseRole.INSTRUCTOR),
                        false,
                        LaunchTarget.VIDEO))
                .block(PATIENCE));
    }
}
