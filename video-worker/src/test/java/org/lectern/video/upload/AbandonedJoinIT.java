package org.lectern.video.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.doAnswer;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.storage.StorageFolder;
import org.lectern.video.TestVideoNode;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.bean.override.mockito.MockitoSpyBean;

/** A client that asks for its parts to be put together, and goes away in the middle of it. */
@SpringBootTest(
        classes = TestVideoNode.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "spring.jackson.property-naming-strategy=SNAKE_CASE",
            "spring.threads.virtual.enabled=true",
            "spring.autoconfigure.exclude=org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration",
            "lectern.embedded.directory=target/lectern",
            "lectern.roles=web"
        })
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AbandonedJoinIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final ContextId course = new ContextId(UUID.randomUUID());
    private final String instructor = TestVideoNode.token(CourseRole.INSTRUCTOR, course);
    private final HttpClient http = HttpClient.newHttpClient();

    @MockitoSpyBean
    @SuppressWarnings("NullAway.Init") // by Spring
    private GrowingFiles growing;

    @Autowired
    @SuppressWarnings("NullAway.Init") // by Spring
    private StorageFolder storage;

    @LocalServerPort
    private int port;

    @Test
    void leavesThePartsAndNothingOfTheWhole() throws Exception {
        List<String> parts = new ArrayList<>();
        for (String text : List.of("first half, ", "second half")) {
            parts.add(part(text.getBytes(StandardCharsets.US_ASCII)));
        }
        Set<Path> before = uploads();
        assertThat(before).hasSize(2);

        // As slow as gigabytes on a busy disk: half of it is there, and it does not end by itself.
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        doAnswer(call -> {
                    Files.writeString(call.<Path>getArgument(0), "first half, ");
                    begun.countDown();
                    try {
                        new CountDownLatch(1).await();
                    } finally {
                        ended.countDown();
                    }
                    return 0L;
                })
                .doCallRealMethod()
                .when(growing)
                .concatenate(any(), any());
        String concat = "final;" + String.join(" ", parts);
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream()
                    .write(("POST /api/video/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + instructor
                                    + "\r\nTus-Resumable: 1.0.0\r\nUpload-Concat: " + concat
                                    + "\r\nContent-Length: 0\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().flush();
            assertThat(begun.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(uploads()).hasSize(3);
        }
        assertThat(ended.await(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                .as("the work ends with its client")
                .isTrue();
        Awaitility.await().atMost(PATIENCE).until(() -> uploads().equals(before));

        // The parts are as good as before.
        HttpResponse<String> whole =
                send(tus("/api/video/upload").header("Upload-Concat", concat).POST(BodyPublishers.noBody()));
        assertThat(whole.statusCode()).as(whole.body()).isEqualTo(201);
        String location = whole.headers().firstValue("Location").orElseThrow();
        Path file = folder().resolve(location.substring(location.lastIndexOf('/') + 1));
        assertThat(file).hasContent("first half, second half");
        assertThat(uploads()).containsExactly(file);
    }

    private String part(byte[] bytes) throws IOException, InterruptedException {
        HttpResponse<String> created = send(tus("/api/video/upload")
                .header("Upload-Concat", "partial")
                .header("Upload-Length", Integer.toString(bytes.length))
                .POST(BodyPublishers.noBody()));
        String location = created.headers().firstValue("Location").orElseThrow();
        assertThat(send(tus(location)
                                .header("Upload-Offset", "0")
                                .header("Content-Type", "application/offset+octet-stream")
                                .method("PATCH", BodyPublishers.ofByteArray(bytes)))
                        .statusCode())
                .isEqualTo(204);
        return location;
    }

    private Path folder() {
        return storage.root().resolve("uploads/" + course);
    }

    private Set<Path> uploads() throws IOException {
        try (Stream<Path> files = Files.list(folder())) {
            return files.collect(Collectors.toSet());
        }
    }

    private HttpRequest.Builder tus(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port).resolve(path))
                .timeout(PATIENCE)
                .header("Authorization", "Bearer " + instructor)
                .header("Tus-Resumable", "1.0.0");
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return http.send(request.build(), BodyHandlers.ofString());
    }
}
