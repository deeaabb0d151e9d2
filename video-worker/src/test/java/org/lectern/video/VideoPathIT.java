package org.lectern.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.tus.java.client.ProtocolException;
import io.tus.java.client.TusClient;
import io.tus.java.client.TusUpload;
import io.tus.java.client.TusUploader;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.storage.StorageFolder;
import org.lectern.video.media.Clips;
import org.lectern.video.media.Rational;
import org.lectern.video.media.SourceInfo;
import org.lectern.video.orders.VideoJobs;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.TestConstructor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** From an instructor's file to a played segment, over the wire, with real servers, a real FFmpeg and a stock tus client. */
@SpringBootTest(
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "spring.jackson.property-naming-strategy=SNAKE_CASE",
            "spring.threads.virtual.enabled=true",
            "spring.autoconfigure.exclude=org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration",
            "lectern.embedded.directory=target/lectern",
            "lectern.video.max-upload=64MB",
            "lectern.video.course-quota=128MB",
            "lectern.video.retention=30m",
            "lectern.video.parallel-from=8s",
            "lectern.video.parallel-range=4s",
            "lectern.storage.replicas.eu-west.directory=target/lectern/eu-west",
            "lectern.video.probe-timeout=120s"
        })
@TestConstructor(autowireMode = TestConstructor.AutowireMode.ALL)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VideoPathIT {

    private static final Duration PATIENCE = Duration.ofMinutes(4);

    @TempDir
    static Path folder;

    private final ContextId course = new ContextId(UUID.randomUUID());
    private final String instructor = TestVideoNode.token(CourseRole.INSTRUCTOR, course);
    private final String student = TestVideoNode.token(CourseRole.STUDENT, course);
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final StorageFolder storage;
    private final Shards shards;
    private final VideoJobs orders;
    private final String address;
    private byte[] film = {};

    VideoPathIT(
            @Autowired StorageFolder storage,
            @Autowired Shards shards,
            @Autowired VideoJobs orders,
            @LocalServerPort int port) {
        this.orders = orders;
        this.storage = storage;
        this.shards = shards;
        this.address = "http://127.0.0.1:" + port;
    }

    @BeforeAll
    void makeFilm() throws IOException, InterruptedException {
        film = Files.readAllBytes(new Clips(folder).film("film.mp4", "640x360", 6));
    }

    private HttpRequest.Builder request(String path, String token) {
        return HttpRequest.newBuilder(URI.create(address).resolve(path))
                .timeout(Duration.ofSeconds(30))
                .header("Authorization", "Bearer " + token);
    }

    private HttpRequest.Builder tus(String path, String token) {
        return request(path, token).header("Tus-Resumable", "1.0.0");
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), BodyHandlers.ofString());
    }

    private JsonNode json(String path, String token) throws IOException, InterruptedException {
        HttpResponse<String> answer = send(request(path, token));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return JsonMapper.shared().readTree(answer.body());
    }

    private String create(String token, long length, String filename) throws IOException, InterruptedException {
        HttpResponse<String> created = send(tus("/api/video/upload", token)
                .header("Upload-Length", Long.toString(length))
                .header("Upload-Metadata", "filename " + base64(filename))
                .POST(BodyPublishers.noBody()));
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        return created.headers().firstValue("Location").orElseThrow();
    }

    private HttpRequest.Builder patch(String location, String token, long offset, BodyPublisher body) {
        return tus(location, token)
                .header("Upload-Offset", Long.toString(offset))
                .header("Content-Type", "application/offset+octet-stream")
                .method("PATCH", body);
    }

    private HttpResponse<String> head(String location, String token) throws IOException, InterruptedException {
        return send(tus(location, token).method("HEAD", BodyPublishers.noBody()));
    }

    private long offset(String location) throws IOException, InterruptedException {
        HttpResponse<String> answer = head(location, instructor);
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.headers().firstValueAsLong("Upload-Offset").orElseThrow();
    }

    private String upload(byte[] content, String filename) throws IOException, InterruptedException {
        String location = create(instructor, content.length, filename);
        assertThat(send(patch(location, instructor, 0, BodyPublishers.ofByteArray(content)))
                        .statusCode())
                .isEqualTo(204);
        return location.replace("/upload", "");
    }

    private JsonNode awaitSettled(String path) {
        return Awaitility.await()
                .atMost(PATIENCE)
                .pollInterval(Duration.ofSeconds(1))
                .until(
                        () -> json(path, instructor),
                        video -> !List.of("uploading", "queued", "processing")
                                .contains(video.path("state").asString()));
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void whoFollowsAVideoHearsNoMoreOnceTheSessionHasEnded() throws Exception {
        String assistant = TestVideoNode.token(CourseRole.TA, course);
        String path = create(instructor, 1000, "never.mp4").replace("/upload", "");
        HttpResponse<Stream<String>> stream =
                http.send(request(path + "/events", assistant).build(), BodyHandlers.ofLines());
        var lines = stream.body().iterator();
        assertThat(lines.next()).isEqualTo("event:video");
        TestVideoNode.ENDED.add(CourseRole.TA);
        try {
            assertTimeoutPreemptively(Duration.ofSeconds(30), () -> lines.forEachRemaining(line -> {}));
        } finally {
            TestVideoNode.ENDED.clear();
        }
        assertThat(json(path, instructor).path("state").asString()).isEqualTo("uploading");
    }

    @Test
    void anInstructorUploadsWithAStockClientAndAStudentWatches()
            throws IOException, InterruptedException, ProtocolException {
        TusClient client = new TusClient();
        client.setUploadCreationURL(URI.create(address + "/api/video/upload").toURL());
        client.setHeaders(Map.of("Authorization", "Bearer " + instructor));
        TusUpload upload = new TusUpload(folder.resolve("film.mp4").toFile());
        upload.setMetadata(Map.of("filename", "film.mp4", "title", "Über Filme"));
        TusUploader uploader = client.createUpload(upload);
        uploader.setChunkSize(16 * 1024);
        uploader.setRequestPayloadSize(64 * 1024);
        while (uploader.uploadChunk() > -1) {
            // Until all is sent.
        }
        uploader.finish();
        String path = uploader.getUploadURL().getPath().replace("/upload", "");

        HttpResponse<String> events = http.send(
                request(path + "/events", instructor).timeout(PATIENCE).build(), BodyHandlers.ofString());
        assertThat(events.body()).contains("event:video").contains("\"state\":\"ready\"");
        JsonNode video = awaitSettled(path);
        assertThat(video.path("state").asString()).as(video.toString()).isEqualTo("ready");
        assertThat(video.path("title").asString()).isEqualTo("Über Filme");
        assertThat(video.path("duration").asDouble()).isBetween(5.9, 6.2);
        assertThat(video.path("renditions").size()).isEqualTo(3);

        JsonNode seen = json("/api/video", student).path("items").path(0);
        assertThat(seen.path("id").asString()).isEqualTo(video.path("id").asString());
        JsonNode elsewhere =
                json("/api/video", TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID())));
        assertThat(elsewhere.path("items").size()).isZero();

        play(video);
        Path copy = copied(path);
        watch(path);
        caption(path);

        // Gone for everybody, and its bytes with it.
        assertThat(send(request(path, student).DELETE()).statusCode()).isEqualTo(403);
        Path bytes = storage.root().resolve("objects/video/" + course + "/" + content(video));
        assertThat(bytes).isDirectory();
        assertThat(send(request(path, instructor).DELETE()).statusCode()).isEqualTo(204);
        assertThat(send(request(path, instructor)).statusCode()).isEqualTo(404);
        Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(bytes) && !Files.exists(copy));
    }

    /** As a player does: no session, only addresses that lead from one to the next. */
    private void play(JsonNode video) throws IOException, InterruptedException {
        URI master = URI.create(address).resolve(video.path("playlist_url").asString());
        HttpResponse<String> playlist = get(master);
        assertThat(playlist.headers().firstValue("Cache-Control")).contains("private, no-store");
        assertThat(playlist.headers().firstValue("Content-Type")).contains("application/vnd.apple.mpegurl");
        assertThat(playlist.body()).contains("RESOLUTION=640x360", "RESOLUTION=426x240", "audio/index.m3u8");

        URI rendition = master.resolve("v0/index.m3u8");
        var segment = Pattern.compile("(?m)^seg.*$").matcher(get(rendition).body());
        assertThat(segment.find()).isTrue();
        URI first = rendition.resolve(segment.group());
        HttpResponse<String> whole = get(first);
        assertThat(whole.headers().firstValue("Cache-Control")).contains("private, max-age=31536000, immutable");
        assertThat(whole.headers().firstValue("X-Content-Type-Options")).contains("nosniff");
        long length = whole.headers().firstValueAsLong("Content-Length").orElseThrow();
        String tag = whole.headers().firstValue("ETag").orElseThrow();

        HttpResponse<byte[]> part = http.send(
                HttpRequest.newBuilder(first).header("Range", "bytes=10-19").build(), BodyHandlers.ofByteArray());
        assertThat(part.statusCode()).isEqualTo(206);
        assertThat(part.body()).hasSize(10);
        assertThat(part.headers().firstValue("Content-Range")).contains("bytes 10-19/" + length);
        assertThat(status(HttpRequest.newBuilder(first).header("Range", "bytes=" + length + "-")))
                .isEqualTo(416);
        assertThat(status(HttpRequest.newBuilder(first).header("If-None-Match", tag)))
                .isEqualTo(304);

        String text = first.toString();
        assertThat(status(HttpRequest.newBuilder(URI.create(text.replaceFirst("\\.[\\w-]{4}", ".AAAA")))))
                .isEqualTo(403);
        assertThat(status(HttpRequest.newBuilder(master.resolve("source")))).isEqualTo(404);
        assertThat(status(HttpRequest.newBuilder(master.resolve("%2e%2e/source"))))
                .isEqualTo(404);
        assertThat(status(HttpRequest.newBuilder(master.resolve("v0/..%2f..%2fsource"))))
                .isEqualTo(404);
        assertThat(status(HttpRequest.newBuilder(master.resolve("v9/index.m3u8"))))
                .isEqualTo(404);
    }

    private void watch(String path) throws IOException, InterruptedException {
        assertThat(watched(path, "{\"from\":0,\"to\":0.9}")).isEqualTo(204);
        assertThat(json(path, student).path("position").asDouble()).isEqualTo(0.9);
        assertThat(json(path, instructor).path("position").asDouble()).isZero();
        for (String wrong :
                List.of("{\"from\":3,\"to\":1}", "{\"from\":0,\"to\":99}", "{\"from\":-1,\"to\":2}", "{}")) {
            assertThat(watched(path, wrong)).as(wrong).isEqualTo(400);
        }
    }

    /** The other region has a copy of what is played soon after, and says so; the source stays at home. */
    private Path copied(String path) throws IOException {
        JsonNode video = Awaitility.await()
                .atMost(PATIENCE)
                .until(
                        () -> json(path, student),
                        now -> now.path("regions")
                                .path(1)
                                .path("state")
                                .asString("")
                                .equals("available"));
        assertThat(video.path("regions").path(0).path("region").asString()).isEqualTo("us-east");
        assertThat(video.path("regions").path(1).path("region").asString()).isEqualTo("eu-west");
        String below = "objects/video/" + course + "/" + content(video);
        Path home = storage.root().resolve(below);
        Path copy = Path.of("target/lectern/eu-west").resolve(below);
        try (Stream<Path> files = Files.walk(home)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path there = copy.resolve(home.relativize(file));
                if (file.endsWith("source")) {
                    assertThat(there).doesNotExist();
                } else {
                    assertThat(Files.mismatch(file, there)).as(file.toString()).isEqualTo(-1);
                }
            }
        }
        return copy;
    }

    @Test
    void aLongVideoCanBePlayedBeforeAllOfItIsMade() throws Exception {
        Path clip = new Clips(folder).film("shares.mp4", "480x360", 10);
        String path = upload(Files.readAllBytes(clip), "shares.mp4");
        JsonNode video = awaitSettled(path);
        assertThat(video.path("state").asString()).as(video.toString()).isEqualTo("ready");
        String name = video.path("renditions").path(0).path("name").asString();
        // The smallest one comes first, unless this machine was so fast that all are there.
        assertThat(name).isIn("240p", "360p");
        String first = video.path("playlist_url").asString();
        assertThat(get(URI.create(address).resolve(first)).body()).contains("RESOLUTION=320x240");

        JsonNode whole = Awaitility.await()
                .atMost(PATIENCE)
                .until(
                        () -> json(path, student),
                        now -> now.path("renditions")
                                .path(0)
                                .path("name")
                                .asString()
                                .equals("360p"));
        URI master = URI.create(address).resolve(whole.path("playlist_url").asString());
        URI rendition = master.resolve("v0/index.m3u8");
        String playlist = get(rendition).body();
        assertThat(playlist.lines()
                        .filter(line -> line.startsWith("#EXT-X-MAP"))
                        .count())
                .isEqualTo(3);
        var segment = Pattern.compile("(?m)^[^#].*$").matcher(playlist);
        int segments = 0;
        while (segment.find()) {
            assertThat(status(HttpRequest.newBuilder(rendition.resolve(segment.group()))))
                    .isEqualTo(200);
            segments++;
        }
        assertThat(segments).isEqualTo(3);
        assertThat(get(URI.create(address).resolve(first)).body()).contains("RESOLUTION=320x240");
        assertThat(status(HttpRequest.newBuilder(
                        URI.create(address).resolve(whole.path("poster_url").asString()))))
                .isEqualTo(200);

        JsonNode usage = json("/api/video/storage", instructor);
        assertThat(usage.path("source_bytes").asLong()).isGreaterThanOrEqualTo(Files.size(clip));
        assertThat(usage.path("output_bytes").asLong()).isPositive();
        assertThat(send(request("/api/video/storage", student)).statusCode()).isEqualTo(403);
    }

    /** Staff add captions and chapters; a player finds them by the addresses it has. */
    private void caption(String path) throws IOException, InterruptedException {
        String text = "1\n00:00:01,000 --> 00:00:02,000\nGrüße\n";
        assertThat(put(path + "/captions/de", student, "application/x-subrip", text))
                .isEqualTo(403);
        assertThat(put(path + "/chapters", student, "application/json", "{\"chapters\":[]}"))
                .isEqualTo(403);
        String stranger = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        assertThat(put(path + "/captions/de", stranger, "text/vtt", text)).isEqualTo(404);
        assertThat(put(path + "/captions/no_language", instructor, "text/vtt", text))
                .isEqualTo(400);
        assertThat(put(path + "/captions/de", instructor, "text/vtt", "nothing"))
                .isEqualTo(422);
        assertThat(put(path + "/captions/de", instructor, "application/x-subrip", text))
                .isEqualTo(200);
        assertThat(put(path + "/captions/pt-br", instructor, "text/vtt", text)).isEqualTo(200);
        assertThat(put(
                        path + "/chapters",
                        instructor,
                        "application/json",
                        "{\"chapters\":[{\"start\":3,\"title\":\"End\"},{\"start\":0,\"title\":\"Beginning\"}]}"))
                .isEqualTo(204);
        assertThat(put(
                        path + "/chapters",
                        instructor,
                        "application/json",
                        "{\"chapters\":[{\"start\":99,\"title\":\"Beyond\"}]}"))
                .isEqualTo(422);

        JsonNode video = json(path, student);
        assertThat(video.path("chapters").path(0).path("title").asString()).isEqualTo("Beginning");
        assertThat(video.path("captions").path(0).path("label").asString()).isEqualTo("Deutsch");
        assertThat(video.path("captions").path(1).path("language").asString()).isEqualTo("pt-BR");
        URI file = URI.create(address)
                .resolve(video.path("captions").path(0).path("url").asString());
        HttpResponse<String> answer = get(file);
        assertThat(answer.body()).startsWith("WEBVTT").contains("Grüße");
        assertThat(answer.headers().firstValue("Cache-Control")).contains("private, no-store");
        URI master = URI.create(address).resolve(video.path("playlist_url").asString());
        assertThat(get(master).body())
                .contains("TYPE=SUBTITLES,GROUP-ID=\"captions\",NAME=\"Deutsch\",LANGUAGE=\"de\"")
                .contains("SUBTITLES=\"captions\"\nv0/index.m3u8");
        assertThat(get(master.resolve("captions/de.m3u8")).body()).contains("\nde.vtt\n");
        assertThat(status(HttpRequest.newBuilder(master.resolve("captions/fr.vtt"))))
                .isEqualTo(404);

        assertThat(send(request(path + "/captions/de", student).DELETE()).statusCode())
                .isEqualTo(403);
        assertThat(send(request(path + "/captions/de", instructor).DELETE()).statusCode())
                .isEqualTo(204);
        assertThat(get(master).body()).doesNotContain("Deutsch");
    }

    private int put(String path, String token, String type, String body) throws IOException, InterruptedException {
        return send(request(path, token).header("Content-Type", type).PUT(BodyPublishers.ofString(body)))
                .statusCode();
    }

    private int watched(String path, String body) throws IOException, InterruptedException {
        return send(request(path + "/watch", student)
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString(body)))
                .statusCode();
    }

    private HttpResponse<String> get(URI uri) throws IOException, InterruptedException {
        HttpResponse<String> answer = http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(uri + " " + answer.body()).isEqualTo(200);
        return answer;
    }

    private int status(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.timeout(Duration.ofSeconds(60)).build(), BodyHandlers.discarding())
                .statusCode();
    }

    /** The folder of objects, as the address of the playlist says. */
    private static String content(JsonNode video) {
        return video.path("playlist_url").asString("").split("/", -1)[5];
    }

    @Test
    void aBrokenConnectionLosesNothing() throws Exception {
        byte[] film = Clips.variant(this.film);
        String location = create(instructor, film.length, "broken.mp4");
        int half = film.length / 2;
        URI server = URI.create(address);
        try (Socket socket = new Socket(server.getHost(), server.getPort())) {
            OutputStream out = socket.getOutputStream();
            out.write(("PATCH " + location + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + instructor
                            + "\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream"
                            + "\r\nContent-Length: " + film.length + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            out.write(film, 0, half);
            out.flush();
            Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> offset(location) == half);
            // While that request is open, nobody else may write.
            assertThat(send(patch(location, instructor, half, BodyPublishers.ofByteArray(new byte[1])))
                            .statusCode())
                    .isEqualTo(423);
        }
        byte[] rest = Arrays.copyOfRange(film, half, film.length);
        HttpResponse<String> resumed = Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(
                        () -> send(patch(location, instructor, half, BodyPublishers.ofByteArray(rest))),
                        answer -> answer.statusCode() != 423);
        assertThat(resumed.statusCode()).isEqualTo(204);
        assertThat(offset(location)).isEqualTo(film.length);

        awaitStored(film);
        assertThat(send(request(location.replace("/upload", ""), instructor).DELETE())
                        .statusCode())
                .isEqualTo(204);
    }

    @Test
    void everyRuleOfTheProtocol() throws Exception {
        HttpResponse<String> options =
                send(request("/api/video/upload", instructor).method("OPTIONS", BodyPublishers.noBody()));
        assertThat(options.headers().firstValue("Tus-Version")).contains("1.0.0");
        assertThat(options.headers().firstValue("Tus-Extension").orElseThrow()).contains("creation", "termination");
        assertThat(options.headers().firstValue("Tus-Max-Size")).contains(Long.toString(64L * 1024 * 1024));

        HttpRequest.Builder tooLarge = tus("/api/video/upload", instructor)
                .header("Upload-Length", "99999999999")
                .POST(BodyPublishers.noBody());
        assertThat(send(tooLarge).statusCode()).isEqualTo(413);
        assertThat(send(tus("/api/video/upload", instructor).POST(BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(400);
        HttpResponse<String> old = send(request("/api/video/upload", instructor)
                .header("Upload-Length", "1")
                .POST(BodyPublishers.noBody()));
        assertThat(old.statusCode()).isEqualTo(412);
        assertThat(old.headers().firstValue("Tus-Version")).contains("1.0.0");
        assertThat(send(tus("/api/video/upload", student)
                                .header("Upload-Length", "9")
                                .POST(BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(403);

        String location = create(instructor, 10, "ten.mp4");
        BodyPublisher five = BodyPublishers.ofString("12345");
        assertThat(send(patch(location, instructor, 3, five)).statusCode()).isEqualTo(409);
        assertThat(send(tus(location, instructor)
                                .header("Upload-Offset", "0")
                                .header("Content-Type", "text/plain")
                                .method("PATCH", five))
                        .statusCode())
                .isEqualTo(415);
        String stranger = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        assertThat(head(location, stranger).statusCode()).isEqualTo(404);
        assertThat(send(patch(location, stranger, 0, five)).statusCode()).isEqualTo(404);
        assertThat(send(tus(location, stranger).DELETE()).statusCode()).isEqualTo(404);
        assertThat(head(location, student).statusCode()).isEqualTo(403);

        assertThat(send(patch(location, instructor, 0, five).header("Upload-Checksum", "sha1 " + base64("wrong")))
                        .statusCode())
                .isEqualTo(460);
        assertThat(offset(location)).isZero();
        byte[] digest = MessageDigest.getInstance("SHA-256").digest("12345".getBytes(StandardCharsets.US_ASCII));
        HttpResponse<String> right = send(patch(location, instructor, 0, five)
                .header("Upload-Checksum", "sha256 " + Base64.getEncoder().encodeToString(digest)));
        assertThat(right.statusCode()).isEqualTo(204);
        assertThat(right.headers().firstValue("Upload-Offset")).contains("5");
        assertThat(right.headers().firstValue("Upload-Expires")).isPresent();
        assertThat(head(location, instructor).headers().firstValue("Upload-Metadata"))
                .contains("filename " + base64("ten.mp4"));
        assertThat(send(patch(location, instructor, 5, BodyPublishers.ofString("123456")))
                        .statusCode())
                .isEqualTo(413);

        Path growing = storage.root().resolve("uploads/" + course + location.substring(location.lastIndexOf('/')));
        assertThat(growing).exists();
        assertThat(json(location.replace("/upload", ""), instructor)
                        .path("state")
                        .asString())
                .isEqualTo("uploading");
        assertThat(send(request(location.replace("/upload", ""), student)).statusCode())
                .isEqualTo(404);
        assertThat(send(tus(location, instructor).DELETE()).statusCode()).isEqualTo(204);
        assertThat(head(location, instructor).statusCode()).isEqualTo(404);
        assertThat(growing).doesNotExist();
    }

    @Test
    void uploadsInPartsBecomeOneVideo() throws Exception {
        byte[] film = Clips.variant(this.film);
        int cut = film.length / 3;
        List<String> parts = new ArrayList<>();
        for (byte[] bytes : List.of(Arrays.copyOf(film, cut), Arrays.copyOfRange(film, cut, film.length))) {
            HttpResponse<String> created = send(tus("/api/video/upload", instructor)
                    .header("Upload-Concat", "partial")
                    .header("Upload-Length", Integer.toString(bytes.length))
                    .POST(BodyPublishers.noBody()));
            assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
            parts.add(created.headers().firstValue("Location").orElseThrow());
            if (parts.size() == 1) {
                assertThat(send(patch(parts.getFirst(), instructor, 0, BodyPublishers.ofByteArray(bytes)))
                                .statusCode())
                        .isEqualTo(204);
            }
        }
        // A part is no video.
        assertThat(send(request(parts.getFirst().replace("/upload", ""), instructor))
                        .statusCode())
                .isEqualTo(404);
        assertThat(head(parts.getFirst(), instructor).headers().firstValue("Upload-Concat"))
                .contains("partial");
        // Not before every part is whole.
        assertThat(concatenate("final;" + String.join(" ", parts)).statusCode()).isEqualTo(409);
        assertThat(send(patch(
                                parts.getLast(),
                                instructor,
                                0,
                                BodyPublishers.ofByteArray(Arrays.copyOfRange(film, cut, film.length))))
                        .statusCode())
                .isEqualTo(204);
        for (String wrong :
                List.of("whole", "final;", "final;/etc/passwd", "final;" + parts.getFirst() + " " + parts.getFirst())) {
            assertThat(concatenate(wrong).statusCode()).as(wrong).isEqualTo(400);
        }
        String stranger = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        assertThat(send(tus("/api/video/upload", stranger)
                                .header("Upload-Concat", "final;" + String.join(" ", parts))
                                .POST(BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(404);

        HttpResponse<String> whole = concatenate("final;" + String.join(" ", parts));
        assertThat(whole.statusCode()).as(whole.body()).isEqualTo(201);
        String location = whole.headers().firstValue("Location").orElseThrow();
        HttpResponse<String> head = head(location, instructor);
        assertThat(head.headers().firstValue("Upload-Concat").orElseThrow()).startsWith("final;");
        assertThat(head.headers().firstValue("Upload-Length")).contains(Integer.toString(film.length));
        assertThat(send(patch(location, instructor, film.length, BodyPublishers.ofString("x")))
                        .statusCode())
                .isEqualTo(403);
        assertThat(head(parts.getFirst(), instructor).statusCode()).isEqualTo(404);
        awaitStored(film);
        assertThat(send(request(location.replace("/upload", ""), instructor).DELETE())
                        .statusCode())
                .isEqualTo(204);
    }

    private HttpResponse<String> concatenate(String header) throws IOException, InterruptedException {
        return send(tus("/api/video/upload", instructor)
                .header("Upload-Concat", header)
                .POST(BodyPublishers.noBody()));
    }

    private void awaitStored(byte[] source) {
        Awaitility.await()
                .atMost(PATIENCE)
                .until(() -> Clips.stored(storage.root().resolve("objects/video/" + course), source));
    }

    @Test
    void whatIsNoVideoIsRefusedAtItsFirstBytes() throws Exception {
        String location = create(instructor, 5000, "x.mp4");
        HttpResponse<String> refused = send(
                patch(location, instructor, 0, BodyPublishers.ofString("#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n")));
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(415);
        assertThat(head(location, instructor).statusCode()).isEqualTo(404);
    }

    @Test
    void aCourseHasAQuota() throws Exception {
        String other = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        String first = create(other, 60_000_000, "a.mp4");
        create(other, 50_000_000, "b.mp4");
        HttpResponse<String> full = send(tus("/api/video/upload", other)
                .header("Upload-Length", "30000000")
                .POST(BodyPublishers.noBody()));
        assertThat(full.statusCode()).isEqualTo(413);
        assertThat(full.body()).contains("in all");
        assertThat(send(tus(first, other).DELETE()).statusCode()).isEqualTo(204);
        create(other, 30_000_000, "c.mp4");
    }

    /** Requests that come at once do not pass a limit together that each of them would keep alone. */
    @Test
    void limitsHoldForRequestsThatComeAtOnce() throws Exception {
        String full = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        assertThat(atOnce(24, () -> tus("/api/video/upload", full).header("Upload-Length", "30000000")))
                .containsOnly(201, 413)
                .filteredOn(status -> status == 201)
                .hasSize(4);
        String many = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        assertThat(atOnce(60, () -> tus("/api/video/upload", many).header("Upload-Length", "5")))
                .containsOnly(201, 429)
                .filteredOn(status -> status == 201)
                .hasSize(50);

        String thrifty = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));
        HttpResponse<String> created = send(tus("/api/video/upload", thrifty)
                .header("Upload-Concat", "partial")
                .header("Upload-Length", Integer.toString(film.length))
                .POST(BodyPublishers.noBody()));
        String part = created.headers().firstValue("Location").orElseThrow();
        assertThat(send(patch(part, thrifty, 0, BodyPublishers.ofByteArray(film)))
                        .statusCode())
                .isEqualTo(204);
        // A part is used once, whoever asks.
        assertThat(atOnce(8, () -> tus("/api/video/upload", thrifty).header("Upload-Concat", "final;" + part)))
                .containsOnlyOnce(201)
                .allMatch(status -> List.of(201, 404, 409).contains(status));
        assertThat(json("/api/video", thrifty).path("items").size()).isEqualTo(1);
        Path uploads = storage.root().resolve("uploads/" + thrifty.substring(thrifty.indexOf('.') + 1));
        Awaitility.await()
                .atMost(PATIENCE)
                .untilAsserted(() -> assertThat(uploads).isEmptyDirectory());
    }

    /** The same bytes are stored and made once; they stay for whoever has them, and go with the last. */
    @Test
    void theSameBytesAreSharedAndGoWithTheLast() throws Exception {
        byte[] clip = Files.readAllBytes(new Clips(folder).film("shared.mp4", "320x240", 2));
        Path objects = storage.root().resolve("objects/video/" + course);
        String first = upload(clip, "first.mp4");
        JsonNode one = awaitSettled(first);
        assertThat(one.path("state").asString()).as(one.toString()).isEqualTo("ready");
        String content = content(one);
        long before =
                json("/api/video/storage", instructor).path("source_bytes").asLong();

        String second = upload(clip, "second.mp4");
        JsonNode two = awaitSettled(second);
        assertThat(two.path("state").asString()).as(two.toString()).isEqualTo("ready");
        String output = outputOf(one);
        assertThat(content(two)).isEqualTo(content);
        assertThat(outputOf(two)).isEqualTo(output);
        assertThat(two.path("renditions")).isEqualTo(one.path("renditions"));
        assertThat(json("/api/video/storage", instructor).path("source_bytes").asLong())
                .isEqualTo(before);
        URI theirs = URI.create(address).resolve(two.path("playlist_url").asString());
        assertThat(status(HttpRequest.newBuilder(URI.create(
                        theirs.toString().replace(content, UUID.randomUUID().toString())))))
                .isEqualTo(403);

        // What a killed node leaves of an attempt.
        Path left = Files.createDirectories(objects.resolve(content).resolve(UUID.randomUUID() + "/v0"));
        Files.writeString(left.resolve("seg-00000.m4s"), "half");
        retire(first);
        Awaitility.await()
                .atMost(PATIENCE)
                .until(() -> send(request(first, instructor)).statusCode() == 404 && !Files.exists(left));
        assertThat(get(theirs).body()).contains("RESOLUTION=320x240");
        assertThat(status(HttpRequest.newBuilder(theirs.resolve("v0/init.mp4"))))
                .isEqualTo(200);

        // The last one goes while the same bytes come again.
        String third = create(instructor, clip.length, "third.mp4");
        CompletableFuture<HttpResponse<Void>> gone =
                http.sendAsync(request(second, instructor).DELETE().build(), BodyHandlers.discarding());
        assertThat(send(patch(third, instructor, 0, BodyPublishers.ofByteArray(clip)))
                        .statusCode())
                .isEqualTo(204);
        assertThat(gone.join().statusCode()).isEqualTo(204);
        JsonNode three = awaitSettled(third.replace("/upload", ""));
        assertThat(three.path("state").asString()).as(three.toString()).isEqualTo("ready");
        if (!content(three).equals(content)) {
            Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(objects.resolve(content)));
        }
        URI again = URI.create(address).resolve(three.path("playlist_url").asString());
        assertThat(status(HttpRequest.newBuilder(again.resolve("v0/init.mp4")))).isEqualTo(200);
        assertThat(objects.resolve(content(three)).resolve("source")).hasBinaryContent(clip);
        assertThat(send(tus(third, instructor).DELETE()).statusCode()).isEqualTo(204);
        Path copy = Path.of("target/lectern/eu-west/objects/video/" + course + "/" + content(three));
        Awaitility.await()
                .atMost(PATIENCE)
                .until(() -> !Files.exists(objects.resolve(content(three))) && !Files.exists(copy));
    }

    /** What failed attempts left of a content that is worked on is not forgotten, and goes when the work has ended. */
    @Test
    void whatIsBusyIsTidiedLater() throws Exception {
        byte[] clip = Files.readAllBytes(new Clips(folder).film("busy.mp4", "320x240", 2));
        String path = upload(clip, "busy.mp4");
        JsonNode video = awaitSettled(path);
        assertThat(video.path("state").asString()).as(video.toString()).isEqualTo("ready");
        UUID content = UUID.fromString(content(video));
        Path objects = storage.root().resolve("objects/video/" + course + "/" + content);
        Path left = Files.createDirectories(objects.resolve(UUID.randomUUID() + "/v0"));
        Files.writeString(left.resolve("seg-00000.m4s"), "half");
        Path foreign = Files.createDirectories(objects.resolve("notes")).resolve("of-an-operator.txt");
        Files.writeString(foreign, "not ours");

        state(path, "processing");
        shards.write(course, transaction -> orders.tidy(transaction, content).thenReturn(true))
                .block(PATIENCE);
        for (int again = 0; again < 3; again++) {
            int round = again;
            // Each time twice as late as before.
            Awaitility.await().atMost(PATIENCE).until(() -> hastenTidying(content, round) == 1);
        }
        Awaitility.await().atMost(PATIENCE).until(() -> tidyings(content, 3) == 1);
        assertThat(left).exists();

        state(path, "ready");
        assertThat(hastenTidying(content, 3)).isEqualTo(1);
        Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(left));
        assertThat(objects.resolve(outputOf(video)).resolve("master.m3u8")).exists();
        assertThat(foreign).exists();
        assertThat(tidyings(content, 4)).isZero();
        assertThat(send(request(path, instructor).DELETE()).statusCode()).isEqualTo(204);
    }

    /** While nodes are replaced, older ones store under a video's id and leave its content empty. */
    @Test
    void whatOlderNodesHaveStoredIsMadePlayedKeptAndDeleted() throws Exception {
        // Nobody else's bytes: what is done to its row here leaves its share of them counted.
        byte[] clip = Clips.variant(Files.readAllBytes(new Clips(folder).film("older.mp4", "320x240", 2)));
        String path = upload(clip, "older.mp4");
        JsonNode video = awaitSettled(path);
        assertThat(video.path("state").asString()).as(video.toString()).isEqualTo("ready");
        UUID id = UUID.fromString(path.substring(path.lastIndexOf('/') + 1));
        Path objects = storage.root().resolve("objects/video/" + course);
        Path source = objects.resolve(content(video)).resolve("source");
        Files.createDirectories(objects.resolve(id.toString()));
        Files.move(source, objects.resolve(id + "/source"));
        state(path, "queued");
        older(id);
        shards.write(
                        course,
                        transaction -> orders.transcode(
                                        transaction,
                                        orders.newId(),
                                        id,
                                        new SourceInfo(2000, 320, 240, new Rational(30, 1), 0, 1),
                                        0)
                                .thenReturn(true))
                .block(PATIENCE);
        JsonNode made = awaitSettled(path);
        assertThat(made.path("state").asString()).as(made.toString()).isEqualTo("ready");
        assertThat(content(made)).isEqualTo(id.toString());

        older(id);
        Path left = Files.createDirectories(objects.resolve(id + "/" + UUID.randomUUID() + "/v0"));
        Files.writeString(left.resolve("seg-00000.m4s"), "half");
        shards.write(course, transaction -> orders.tidy(transaction, id).thenReturn(true))
                .block(PATIENCE);
        Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(left));
        URI master = URI.create(address)
                .resolve(json(path, student).path("playlist_url").asString());
        assertThat(get(master).body()).contains("RESOLUTION=320x240");
        assertThat(status(HttpRequest.newBuilder(master.resolve("v0/init.mp4"))))
                .isEqualTo(200);

        assertThat(send(request(path, instructor).DELETE()).statusCode()).isEqualTo(204);
        Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(objects.resolve(id.toString())));

        // What failed for good after it was stored: the row does not say that something is.
        String failed = create(instructor, 1000, "failed.mp4").replace("/upload", "");
        Path stored = objects.resolve(failed.substring(failed.lastIndexOf('/') + 1));
        Files.writeString(Files.createDirectories(stored).resolve("source"), "a film");
        state(failed, "failed");
        assertThat(send(request(failed, instructor).DELETE()).statusCode()).isEqualTo(204);
        Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(stored));
    }

    private void older(UUID id) {
        shards.write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql("update video set content_id = null where context_id = :context and id = :id")
                                .bind("context", course.value())
                                .bind("id", id)
                                .fetch()
                                .rowsUpdated())
                .block(PATIENCE);
    }

    private void state(String path, String state) {
        shards.write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql(
                                        "update video set state = :state,"
                                                + " error_code = case when :state = 'failed' then 'failed' end where context_id = :context and id = :id")
                                .bind("state", state)
                                .bind("context", course.value())
                                .bind("id", UUID.fromString(path.substring(path.lastIndexOf('/') + 1)))
                                .fetch()
                                .rowsUpdated())
                .block(PATIENCE);
    }

    private long tidyings(UUID content, int again) {
        return tidyings(
                "select count(*) as moved from job where context_id = :context and kind = 'video.tidy'"
                        + " and payload->>'content' = :content and payload->>'again' = :again and state = 'waiting'",
                content,
                again);
    }

    /** The time until it looks again, which doubles, is over at once. */
    private long hastenTidying(UUID content, int again) {
        return tidyings(
                "with hastened as (update job set run_at = now() - interval '1 second'"
                        + " where context_id = :context and kind = 'video.tidy' and payload->>'content' = :content"
                        + " and payload->>'again' = :again and state = 'waiting'"
                        + " and run_at > now() + interval '14 minutes' * power(2, (payload->>'again')::int) returning 1)"
                        + " select count(*) as moved from hastened",
                content,
                again);
    }

    private long tidyings(String sql, UUID content, int again) {
        Long moved = shards.write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql(sql)
                                .bind("context", course.value())
                                .bind("content", content.toString())
                                .bind("again", Integer.toString(again))
                                .map(row -> Objects.requireNonNull(row.get("moved", Long.class)))
                                .one())
                .block(PATIENCE);
        return Objects.requireNonNull(moved);
    }

    private static String outputOf(JsonNode video) {
        return video.path("playlist_url").asString("").split("/", -1)[6];
    }

    /**
     * Its time is over: half an hour after it became ready, said in a job; here the half hour is over at once. Where only the job comes
     * early, as one does that was asked for when videos were kept for a shorter time, the video stays until then.
     */
    private void retire(String path) throws IOException, InterruptedException {
        String early = "run_at = now() - interval '1 second'";
        assertThat(hastenRetirement(path, early)).isEqualTo(1);
        Awaitility.await().atMost(PATIENCE).until(() -> hastenRetirement(path, "score = score") == 1);
        assertThat(send(request(path, instructor)).statusCode()).isEqualTo(200);
        assertThat(
                        hastenRetirement(
                                path,
                                early
                                        + ", payload = jsonb_set(payload, '{since}', to_jsonb((payload->>'since')::timestamptz - interval '30 minutes'))"))
                .isEqualTo(1);
    }

    /** Changes the jobs that wait for the end of a video's time; answers how many there are. */
    private long hastenRetirement(String path, String change) {
        Long moved = shards.write(
                        course,
                        transaction -> transaction
                                .sql()
                                .sql("update job set " + change
                                        + " where context_id = :context and kind = 'video.retire' and payload->>'video' = :video"
                                        + " and run_at > now() + interval '20 minutes'")
                                .bind("context", course.value())
                                .bind("video", path.substring(path.lastIndexOf('/') + 1))
                                .fetch()
                                .rowsUpdated())
                .block(PATIENCE);
        return Objects.requireNonNull(moved);
    }

    private List<Integer> atOnce(int times, Supplier<HttpRequest.Builder> request) {
        List<CompletableFuture<HttpResponse<Void>>> answers = IntStream.range(0, times)
                .mapToObj(unused -> http.sendAsync(
                        request.get().POST(BodyPublishers.noBody()).build(), BodyHandlers.discarding()))
                .toList();
        return answers.stream().map(answer -> answer.join().statusCode()).toList();
    }

    @Test
    void whatCannotBeDecodedIsRefusedWithItsReasonAndItsBytesGo() throws Exception {
        byte[] hollow = new byte[4000];
        System.arraycopy("\0\0\0\u0018ftypisom".getBytes(StandardCharsets.ISO_8859_1), 0, hollow, 0, 12);
        String path = upload(hollow, "x.mp4");
        JsonNode video = awaitSettled(path);
        assertThat(video.path("state").asString()).isEqualTo("rejected");
        assertThat(video.path("error").path("code").asString()).isEqualTo("broken");
        assertThat(Objects.requireNonNull(video.path("error").path("detail").asString()))
                .contains("damaged");
        assertThat(send(request(path, student)).statusCode()).isEqualTo(404);
        Path file = storage.root().resolve("uploads/" + course + path.substring(path.lastIndexOf('/')));
        Awaitility.await().atMost(PATIENCE).until(() -> !Files.exists(file));
    }
}
