package org.lectern.app.fault;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.lectern.app.LecternApplication;
import org.lectern.db.embedded.FreePort;

/**
 * Processes of the product with the role chat, kept alive as an orchestrator would: a process that ends is started again
 * on its port until {@link #close()}.
 */
final class ChatNodes implements AutoCloseable {

    private final Path directory;
    private final Map<String, String> properties;
    private final HttpClient http;
    private final List<Node> nodes;
    private final Thread supervisor;
    private volatile boolean closing;

    private ChatNodes(Path directory, Map<String, String> properties, HttpClient http, List<Node> nodes) {
        this.directory = directory;
        this.properties = properties;
        this.http = http;
        this.nodes = nodes;
        this.supervisor = Thread.ofPlatform().daemon().name("supervisor").unstarted(this::keepAlive);
    }

    /** Starts so many and returns at once. */
    static ChatNodes start(int count, Path directory, Map<String, String> properties, HttpClient http)
            throws IOException {
        List<Node> nodes = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            nodes.add(new Node("node-" + i, FreePort.any()));
        }
        ChatNodes all = new ChatNodes(directory, properties, http, nodes);
        all.supervisor.start();
        return all;
    }

    /** Where each answers, dead or alive. */
    List<URI> addresses() {
        return nodes.stream().map(node -> node.address).toList();
    }

    /** Where those answer that took traffic when they were last looked at, as a proxy with health checks knows them. */
    List<URI> healthy() {
        List<URI> healthy = nodes.stream()
                .filter(node -> node.healthy)
                .map(node -> node.address)
                .toList();
        return healthy.isEmpty() ? addresses() : healthy;
    }

    /** How many take traffic now. */
    long ready() {
        return IntStream.range(0, nodes.size()).filter(this::isReady).count();
    }

    boolean isReady(int index) {
        Node node = nodes.get(index);
        @Nullable Process process = node.process;
        if (process == null || !process.isAlive()) {
            return false;
        }
        try {
            HttpRequest request = HttpRequest.newBuilder(node.address.resolve("/actuator/health/readiness"))
                    .timeout(Duration.ofSeconds(5))
                    .build();
            return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** SIGKILL. */
    void kill(int index) {
        @Nullable Process process = nodes.get(index).process;
        if (process != null) {
            process.destroyForcibly();
        }
    }

    /** SIGTERM; the answer is the process that is to end. */
    Process terminate(int index) {
        @Nullable Process process = nodes.get(index).process;
        if (process == null) {
            throw new IllegalStateException("not running");
        }
        process.destroy();
        return process;
    }

    /** The last lines of each node's log, for a failed test's message. */
    String lastWords() {
        StringBuilder words = new StringBuilder();
        for (Node node : nodes) {
            try {
                List<String> lines = Files.readAllLines(log(node));
                words.append("\n--- ").append(node.name).append('\n');
                lines.subList(Math.max(0, lines.size() - 25), lines.size())
                        .forEach(line -> words.append(line).append('\n'));
            } catch (IOException e) {
                words.append(e).append('\n');
            }
        }
        return words.toString();
    }

    @Override
    public void close() {
        closing = true;
        LockSupport.unpark(supervisor);
        try {
            supervisor.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        for (Node node : nodes) {
            if (node.process != null) {
                node.process.destroyForcibly();
                node.process.onExit().join();
            }
        }
    }

    private void keepAlive() {
        while (!closing) {
            for (Node node : nodes) {
                @Nullable Process process = node.process;
                if (process == null || !process.isAlive()) {
                    try {
                        node.process = launch(node);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                }
                node.healthy = isReady(nodes.indexOf(node));
            }
            LockSupport.parkNanos(Duration.ofMillis(200).toNanos());
        }
    }

    private Process launch(Node node) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx192m",
                "-Xss512k",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                LecternApplication.class.getName(),
                "--lectern.roles=chat",
                "--lectern.embedded.enabled=false",
                "--lectern.cluster.address=" + node.address,
                "--server.port=" + node.address.getPort()));
        properties.forEach((name, value) -> command.add("--" + name + "=" + value));
        return new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log(node).toFile()))
                .start();
    }

    private Path log(Node node) {
        return directory.resolve(node.name + ".out");
    }

    private static final class Node {
        final String name;
        final URI address;
        volatile @Nullable Process process;
        volatile boolean healthy;

        Node(String name, int port) {
            this.name = name;
            this.address = URI.create("http://127.0.0.1:" + port);
        }
    }
}
