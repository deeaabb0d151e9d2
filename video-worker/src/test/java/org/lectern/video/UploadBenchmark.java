package org.lectern.video;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;
import org.springframework.boot.SpringApplication;

/**
 * One client's upload to Lectern and to another tus server, in turn; started by {@code bench/upload.sh}. Lectern's figure includes
 * that every byte is on the disk before the answer.
 */
public final class UploadBenchmark {

    private static final int MEGABYTES = Integer.getInteger("megabytes", 256);
    private static final int ROUNDS = Integer.getInteger("rounds", 5);
    private static final int PORT = 18081;
    private static final String TOKEN = TestVideoNode.token(CourseRole.INSTRUCTOR, new ContextId(UUID.randomUUID()));

    private UploadBenchmark() {}

    /** The address of the other server's uploads. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path file = Files.createTempFile("lectern-bench", ".mp4");
        try (var node = SpringApplication.run(
                TestVideoNode.class,
                "--server.port=" + PORT,
                "--lectern.roles=web",
                "--spring.threads.virtual.enabled=true",
                "--spring.autoconfigure.exclude=org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration",
                "--lectern.embedded.directory=target/bench-upload")) {
            byte[] megabyte = new byte[1 << 20];
            System.arraycopy("\0\0\0\u0018ftypisom".getBytes(StandardCharsets.ISO_8859_1), 0, megabyte, 0, 12);
            try (var out = Files.newOutputStream(file)) {
                for (int index = 0; index < MEGABYTES; index++) {
                    out.write(megabyte);
                }
            }
            double[] ours = new double[ROUNDS];
            double[] theirs = new double[ROUNDS];
            String here = "http://127.0.0.1:" + PORT + "/api/video/upload";
            // One round that does not count: classes, caches.
            upload(here, file);
            upload(arguments[0], file);
            for (int round = 0; round < ROUNDS; round++) {
                ours[round] = upload(here, file);
                theirs[round] = upload(arguments[0], file);
            }
            System.out.printf(
                    Locale.ROOT,
                    "%d MB, %d rounds, medians%nLectern      %6.0f MB/s%n@tus/server  %6.0f MB/s%nratio        %6.2f%n",
                    MEGABYTES,
                    ROUNDS,
                    MEGABYTES / median(ours),
                    MEGABYTES / median(theirs),
                    median(theirs) / median(ours));
            if (!node.isActive()) {
                throw new IOException("the node stopped meanwhile");
            }
        } finally {
            Files.delete(file);
        }
    }

    private static double upload(String address, Path file) throws IOException, InterruptedException {
        try (HttpClient http =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            HttpResponse<String> created = http.send(
                    request(URI.create(address))
                            .header("Upload-Length", Long.toString(Files.size(file)))
                            .POST(BodyPublishers.noBody())
                            .build(),
                    BodyHandlers.ofString());
            URI location = URI.create(address)
                    .resolve(created.headers().firstValue("Location").orElseThrow());
            long begin = System.nanoTime();
            HttpResponse<String> answer = http.send(
                    request(location)
                            .header("Upload-Offset", "0")
                            .header("Content-Type", "application/offset+octet-stream")
                            .method(
                                    "PATCH",
                                    BodyPublishers.fromPublisher(BodyPublishers.ofFile(file), Files.size(file)))
                            .build(),
                    BodyHandlers.ofString());
            double seconds = (System.nanoTime() - begin) / 1e9;
            if (answer.statusCode() != 204) {
                throw new IOException(answer.statusCode() + " " + answer.body());
            }
            http.send(request(location).DELETE().build(), BodyHandlers.discarding());
            return seconds;
        }
    }

    private static HttpRequest.Builder request(URI uri) {
        return HttpRequest.newBuilder(uri)
                .header("Authorization", "Bearer " + TOKEN)
                .header("Tus-Resumable", "1.0.0");
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
