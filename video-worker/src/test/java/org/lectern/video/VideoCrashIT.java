package org.lectern.video;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.storage.StorageFolder;
import org.lectern.video.media.Clips;
import org.lectern.video.orders.VideoJobs;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.TestConstructor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A node is killed (signal 9) while FFmpeg runs on it and while an upload streams to it; another one, with little memory, does the
 * rest. The node of this JVM only keeps the servers and answers questions.
 */
@SpringBootTest(
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "spring.jackson.property-naming-strategy=SNAKE_CASE",
            "spring.threads.virtual.enabled=true",
            "spring.autoconfigure.exclude=org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration",
            "lectern.embedded.directory=target/lectern-crash",
            "lectern.jobs.lease=4s",
            "lectern.jobs.retry-unit=1s",
            "lectern.jobs.housekeeping=1s",
            "lectern.jobs.resend-after=10s",
            "lectern.roles=web"
        })
@TestConstructor(autowireMode = TestConstructor.AutowireMode.ALL)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VideoCrashIT {

    private static final Duration PATIENCE = Duration.ofMinutes(4);

    /** The long form uploads a gigabyte. */
    private static final int MEGABYTES = Integer.getInteger("lectern.test.upload-megabytes", 160);

    @TempDir
    static Path folder;

    private final ContextId course = new ContextId(UUID.randomUUID());
    private final String instructor = TestVideoNode.token(CourseRole.INSTRUCTOR, course);
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5))
            .build();
    private final List<Process> nodes = new ArrayList<>();
    private final StorageFolder storage;
    private final Jobs jobs;
    private final int port;

    VideoCrashIT(@Autowired StorageFolder storage, @Autowired Jobs jobs, @LocalServerPort int port) {
        this.storage = storage;
        this.jobs = jobs;
        this.port = port;
    }

    @AfterAll
    void stop() {
        nodes.forEach(Process::destroyForcibly);
    }

    /** A node that joins the servers of this one. */
    private Process launch(int at) throws IOException {
        Process node = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        // A gigabyte must not need more than this.
                        "-Xmx128m",
                        "-XX:MaxDirectMemorySize=64m",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        TestVideoNode.class.getName(),
                        "--spring.jackson.property-naming-strategy=SNAKE_CASE",
                        "--spring.threads.virtual.enabled=true",
                        "--spring.autoconfigure.exclude=org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration",
                        "--lectern.embedded.directory=target/lectern-crash",
                        "--lectern.roles=web,video",
                        // What a dead node held is given up and tried again soon; how is the same as with minutes.
                        "--lectern.jobs.lease=4s",
                        "--lectern.jobs.retry-unit=1s",
                        "--lectern.jobs.housekeeping=1s",
                        "--lectern.jobs.resend-after=10s",
                        "--lectern.video.threads=1",
                        "--lectern.video.probe-timeout=120s",
                        "--server.port=" + at)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("node-" + at + ".log").toFile())
                .start();
        nodes.add(node);
        return node;
    }

    private static boolean isFfmpeg(ProcessHandle process) {
        return process.info().command().orElse("").endsWith("ffmpeg");
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), BodyHandlers.ofString());
    }

    private HttpRequest.Builder tus(int at, String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + at).resolve(path))
                .timeout(PATIENCE)
                .header("Authorization", "Bearer " + instructor)
                .header("Tus-Resumable", "1.0.0");
    }

    private String create(int at, long length) throws IOException, InterruptedException {
        HttpResponse<String> created = send(tus(at, "/api/video/upload")
                .header("Upload-Length", Long.toString(length))
                .POST(BodyPublishers.noBody()));
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        return created.headers().firstValue("Location").orElseThrow();
    }

    private void append(int at, String location, long offset, BodyPublisher body)
            throws IOException, InterruptedException {
        HttpRequest.Builder request = tus(at, location)
                .header("Upload-Offset", Long.toString(offset))
                .header("Content-Type", "application/offset+octet-stream")
                .method("PATCH", body);
        HttpResponse<String> answer = Awaitility.await()
                .atMost(PATIENCE)
                .until(() -> send(request), response -> response.statusCode() != 423);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(204);
    }

    private long offset(int at, String location) throws IOException, InterruptedException {
        return send(tus(at, location).method("HEAD", BodyPublishers.noBody()))
                .headers()
                .firstValueAsLong("Upload-Offset")
                .orElse(-1);
    }

    private JsonNode video(String location) throws IOException, InterruptedException {
        return JsonMapper.shared()
                .readTree(send(tus(port, location.replace("/upload", ""))).body());
    }

    private boolean answers(int at) throws InterruptedException {
        try {
            return send(tus(at, "/api/video")).statusCode() == 200;
        } catch (IOException notYet) {
            return false;
        }
    }

    @Test
    void anotherNodeDoesTheRest() throws IOException, InterruptedException {
        int first = freePort();
        Process victim = launch(first);
        byte[] film = Files.readAllBytes(new Clips(folder).film("film.mp4", "640x360", 90));
        Awaitility.await().atMost(PATIENCE).until(() -> answers(first));

        String transcoded = create(port, film.length);
        append(port, transcoded, 0, BodyPublishers.ofByteArray(film));
        byte[] other = Clips.variant(film);
        String broken = create(first, other.length);
        int half = other.length / 2;
        List<ProcessHandle> children;
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), first)) {
            OutputStream out = socket.getOutputStream();
            out.write(("PATCH " + broken + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + instructor
                            + "\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream"
                            + "\r\nContent-Length: " + other.length + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            out.write(other, 0, half);
            out.flush();
            // Another process sees what is durable.
            Awaitility.await().atMost(PATIENCE).until(() -> offset(port, broken) == half);
            Awaitility.await()
                    .atMost(PATIENCE)
                    .pollInterval(Duration.ofMillis(50))
                    .until(() -> video(transcoded).path("state").asString().equals("processing")
                            && victim.descendants().anyMatch(VideoCrashIT::isFfmpeg));
            children = victim.descendants().toList();
            victim.destroyForcibly();
        }
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> children.stream().noneMatch(ProcessHandle::isAlive));

        int second = freePort();
        launch(second);
        Awaitility.await().atMost(PATIENCE).until(() -> answers(second));
        assertThat(offset(second, broken)).isEqualTo(half);
        append(second, broken, half, BodyPublishers.ofByteArray(Arrays.copyOfRange(other, half, other.length)));

        aLargeUploadNeedsNoMemory(second);

        Awaitility.await()
                .atMost(PATIENCE)
                .until(() -> Clips.stored(storage.root().resolve("objects/video/" + course), other));
        JsonNode ready = Awaitility.await()
                .atMost(PATIENCE)
                .pollInterval(Duration.ofSeconds(1))
                .until(
                        () -> video(transcoded),
                        video -> List.of("ready", "failed", "rejected")
                                .contains(video.path("state").asString()));
        assertThat(ready.path("state").asString()).as(ready.toString()).isEqualTo("ready");
        List<Job> transcodings = jobs.list(new Jobs.Query(null, JobType.VIDEO, null, null, null, null, 200))
                .flatMapIterable(ShardFanOut.Merged::items)
                .filter(job ->
                        job.kind().equals(VideoJobs.TRANSCODE) && job.context().equals(course))
                .filter(job -> job.payload()
                        .path("video")
                        .asString()
                        .equals(transcoded.substring(transcoded.lastIndexOf('/') + 1)))
                .collectList()
                .blockOptional(PATIENCE)
                .orElseThrow();
        assertThat(transcodings).hasSize(1);
        assertThat(transcodings.getFirst().attempt()).isEqualTo(2);
    }

    /** As many megabytes as the heap has not. */
    private void aLargeUploadNeedsNoMemory(int at) throws IOException, InterruptedException {
        long length = MEGABYTES * 1024L * 1024;
        String location = create(at, length);
        append(
                at,
                location,
                0,
                BodyPublishers.fromPublisher(BodyPublishers.ofInputStream(() -> new Zeros(length)), length));
        assertThat(offset(at, location)).isEqualTo(length);
        assertThat(send(tus(at, location).DELETE()).statusCode()).isEqualTo(204);
    }

    /** So many bytes, of which the first ones look like a film's. */
    private static final class Zeros extends InputStream {

        private static final byte[] HEAD = "\0\0\0\u0018ftypisom".getBytes(StandardCharsets.ISO_8859_1);
        private final long length;
        private long position;

        Zeros(long length) {
            this.length = length;
        }

        @Override
        public int read() {
            if (position >= length) {
                return -1;
            }
            int next = position < HEAD.length ? HEAD[(int) position] & 0xff : 0;
            position++;
            return next;
        }

        @Override
        public int read(byte[] buffer, int offset, int count) {
            if (position >= length) {
                return -1;
            }
            int some = (int) Math.min(count, length - position);
            for (int index = 0; index < some; index++) {
                buffer[offset + index] = position + index < HEAD.length ? HEAD[(int) position + index] : 0;
            }
            position += some;
            return some;
        }
    }
}
