package org.lectern.app.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
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
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.util.IdGenerator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A whole node whose media are in buckets of two regions: upload, worker, playback, and deletion. It has services of its own, since the
 * nodes of other tests would take its jobs and know nothing of its buckets.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "lectern.embedded.directory=target/lectern-regions",
            "lectern.regions.region-header=X-Region",
            "lectern.regions.country-header=X-Country",
            "lectern.storage.replicas.eu-west.url=https://eu.lectern.example/",
            // A region that is away is asked again soon; how is the same as with minutes.
            "lectern.jobs.attempts=8",
            "lectern.jobs.retry-unit=1s"
        })
@DirtiesContext
class VideoRegionsIT {

    private static final Duration PATIENCE = Duration.ofMinutes(4);

    @TempDir
    static Path folder;

    @SuppressWarnings("NullAway.Init") // before the node starts
    private static BucketServer home;

    @SuppressWarnings("NullAway.Init") // before the node starts
    private static BucketServer europe;

    private final HttpClient http = HttpClient.newHttpClient();

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

    @DynamicPropertySource
    static void buckets(DynamicPropertyRegistry registry) throws IOException {
        home = bucket(registry, "lectern.storage.s3.", "home");
        europe = bucket(registry, "lectern.storage.replicas.eu-west.s3.", "europe");
        home.start();
    }

    private static BucketServer bucket(DynamicPropertyRegistry registry, String settings, String name)
            throws IOException {
        BucketServer server = new BucketServer(folder.resolve(name));
        registry.add(settings + "bucket", () -> BucketServer.BUCKET);
        registry.add(settings + "endpoint", server::endpoint);
        registry.add(settings + "access-key", () -> BucketServer.ACCESS_KEY);
        registry.add(settings + "secret-key", () -> BucketServer.SECRET_KEY);
        return server;
    }

    @AfterAll
    static void stop() {
        home.close();
        europe.close();
    }

    @Test
    void aVideoIsMadeAtHomeCopiedPlayedNearbyAndGoneEverywhere() throws Exception {
        byte[] film = Files.readAllBytes(Films.make(ffmpeg, folder, "film.mp4", "320x240", 4));
        String token = token();
        HttpResponse<String> created = http.send(
                request("/api/video/upload", token, "us-east")
                        .header("Tus-Resumable", "1.0.0")
                        .header("Upload-Length", Integer.toString(film.length))
                        .header("Content-Type", "application/offset+octet-stream")
                        .POST(BodyPublishers.ofByteArray(film))
                        .build(),
                BodyHandlers.ofString());
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        String path = created.headers().firstValue("Location").orElseThrow().replace("/upload", "");

        // Europe's bucket is away: that keeps nobody from watching, and is said.
        JsonNode ready = await().atMost(PATIENCE)
                .until(
                        () -> video(path, token, "eu-west"),
                        video -> List.of("ready", "failed", "rejected")
                                .contains(video.path("state").asString()));
        assertThat(ready.path("state").asString()).as(ready.toString()).isEqualTo("ready");
        assertThat(states(ready)).containsExactly("us-east available", "eu-west pending");
        assertThat(ready.path("playlist_url").asString()).startsWith("/media/");
        plays(ready, "eu-west");
        assertThat(europe.objects()).isEmpty();

        europe.start();
        JsonNode whole = await().atMost(PATIENCE)
                .until(
                        () -> video(path, token, "eu-west"),
                        video -> states(video).contains("eu-west available"));
        // All but the source.
        assertThat(europe.objects()).hasSize(home.objects().size() - 1);

        // The reader's region decides, by name or by country.
        assertThat(whole.path("playlist_url").asString()).startsWith("https://eu.lectern.example/media/");
        assertThat(whole.path("poster_url").asString()).startsWith("https://eu.lectern.example/media/");
        JsonNode german = json(http.send(
                HttpRequest.newBuilder(uri(path))
                        .header("Authorization", "Bearer " + token)
                        .header("X-Country", "DE")
                        .build(),
                BodyHandlers.ofString()));
        assertThat(german.path("playlist_url").asString()).startsWith("https://eu.lectern.example/media/");
        JsonNode american = video(path, token, "us-east");
        assertThat(american.path("playlist_url").asString()).startsWith("/media/");
        assertThat(video(path, token, "ap-southeast").path("playlist_url").asString())
                .startsWith("/media/");
        plays(whole, "eu-west");
        plays(american, "us-east");

        // What plays in Europe comes from Europe's bucket.
        home.close();
        plays(whole, "eu-west");
        home.start();
        plays(american, "us-east");

        HttpResponse<String> deleted =
                http.send(request(path, token, "eu-west").DELETE().build(), BodyHandlers.ofString());
        assertThat(deleted.statusCode()).isEqualTo(204);
        await().atMost(PATIENCE)
                .untilAsserted(() ->
                        assertThat(List.of(home.objects(), europe.objects())).allMatch(List::isEmpty));
        assertThat(status(american, "us-east")).isEqualTo(404);
        assertThat(status(whole, "eu-west")).isEqualTo(404);
    }

    private static List<String> states(JsonNode video) {
        return video.path("regions")
                .valueStream()
                .map(one ->
                        one.path("region").asString() + " " + one.path("state").asString())
                .toList();
    }

    /** As a player in a region does, whose proxy leads to this node. */
    private void plays(JsonNode video, String region) throws IOException, InterruptedException {
        URI master = here(video);
        HttpResponse<String> playlist = media(master, region);
        assertThat(playlist.statusCode()).as(playlist.body()).isEqualTo(200);
        assertThat(playlist.body()).contains("RESOLUTION=320x240");
        for (String file : List.of("v0/index.m3u8", "v0/init.mp4", "v0/seg-00000.m4s", "audio/seg-00000.m4s")) {
            assertThat(media(master.resolve(file), region).statusCode())
                    .as(file)
                    .isEqualTo(200);
        }
    }

    private int status(JsonNode video, String region) throws IOException, InterruptedException {
        return media(here(video), region).statusCode();
    }

    private URI here(JsonNode video) {
        return uri(URI.create(video.path("playlist_url").asString("")).getRawPath());
    }

    private HttpResponse<String> media(URI uri, String region) throws IOException, InterruptedException {
        return http.send(
                HttpRequest.newBuilder(uri)
                        .timeout(Duration.ofSeconds(60))
                        .header("X-Region", region)
                        .build(),
                BodyHandlers.ofString());
    }

    private JsonNode video(String path, String token, String region) throws IOException, InterruptedException {
        return json(http.send(request(path, token, region).build(), BodyHandlers.ofString()));
    }

    private static JsonNode json(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return JsonMapper.shared().readTree(answer.body());
    }

    private HttpRequest.Builder request(String path, String token, String region) {
        return HttpRequest.newBuilder(uri(path))
                .timeout(Duration.ofSeconds(60))
                .header("Authorization", "Bearer " + token)
                .header("X-Region", region);
    }

    private URI uri(String path) {
        return URI.create("http://localhost:" + port).resolve(path);
    }

    private String token() {
        NewSession session = new NewSession(
                ids.generateId(),
                "Ada",
                new ContextId(ids.generateId()),
                "Engines",
                Set.of(CourseRole.INSTRUCTOR),
                false,
                LaunchTarget.VIDEO);
        return Objects.requireNonNull(sessions.open(session).block(PATIENCE)).token();
    }
}
