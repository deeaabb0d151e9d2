package org.lectern.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The whole application as a process of its own, with its private servers: it serves, a second one joins, and however it
 * ends no process of its folder remains and the next start finds the data.
 */
class StartAndStopIT {

    private static final Duration START = Duration.ofMinutes(4);
    private static final Duration STOP = Duration.ofSeconds(90);
    private static final Pattern OPEN = Pattern.compile("Open (http://localhost:[0-9]+/)");

    @TempDir
    Path directory;

    private final List<Process> nodes = new ArrayList<>();
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    @AfterEach
    void endWhatATestLeft() {
        nodes.forEach(Process::destroyForcibly);
        await().atMost(STOP).until(() -> processes().isEmpty());
    }

    @Test
    void servesIsJoinedAndLeavesNothingAfterInterruptTerminationOrKill() throws Exception {
        Process first = start("first");
        assertThat(status("first", "actuator/health/readiness")).isEqualTo(200);
        assertThat(status("first", "actuator/health/liveness")).isEqualTo(200);
        sql("create table note (id int)");
        sql("insert into note values (1)");

        Process second = start("second");
        assertThat(output("second")).contains("Joined the node that already runs in");
        assertThat(address("second")).isNotEqualTo(address("first"));
        assertThat(status("second", "actuator/health/readiness")).isEqualTo(200);
        end("TERM", second);
        assertThat(status("first", "actuator/health/readiness"))
                .as("a node that leaves takes nothing with it")
                .isEqualTo(200);
        end("INT", first);
        assertThat(processes()).isEmpty();

        Process third = start("third");
        assertThat(rows()).isEqualTo(1);
        end("KILL", third);

        Process fourth = start("fourth");
        assertThat(rows()).isEqualTo(1);
        assertThat(status("fourth", "actuator/health/readiness")).isEqualTo(200);
        end("TERM", fourth);
        assertThat(processes()).isEmpty();
    }

    private Process start(String name) throws IOException {
        // A build that runs in the background ignores SIGINT, and so would its children.
        Process node = new ProcessBuilder(
                        "env",
                        "--default-signal=INT",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-cp",
                        System.getProperty("java.class.path"),
                        LecternApplication.class.getName(),
                        "--lectern.embedded.directory=" + directory.resolve("data"))
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log(name).toFile())
                .start();
        nodes.add(node);
        await().atMost(START).until(() -> !node.isAlive() || output(name).contains("Lectern is ready"));
        assertThat(node.isAlive()).as(() -> read(log(name))).isTrue();
        return node;
    }

    private void end(String signal, Process node) throws Exception {
        new ProcessBuilder("/bin/sh", "-c", "kill -" + signal + " " + node.pid())
                .start()
                .waitFor();
        assertThat(node.waitFor(STOP.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    private String address(String name) throws IOException {
        Matcher matcher = OPEN.matcher(output(name));
        assertThat(matcher.find()).isTrue();
        return matcher.group(1);
    }

    private int status(String name, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(address(name) + path))
                .timeout(Duration.ofSeconds(20))
                .build();
        return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
    }

    private Path log(String name) {
        return directory.resolve(name + ".out");
    }

    private String output(String name) throws IOException {
        return Files.readString(log(name));
    }

    private void sql(String sql) throws Exception {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private int rows() throws Exception {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select count(*) from note")) {
            rows.next();
            return rows.getInt(1);
        }
    }

    private Connection connect() throws IOException, SQLException {
        Properties addresses = new Properties();
        try (InputStream in = Files.newInputStream(directory.resolve("data/services.properties"))) {
            addresses.load(in);
        }
        return DriverManager.getConnection(
                "jdbc:postgresql://" + addresses.getProperty("lectern.db.servers[0].primary") + "/lectern_shard_0",
                addresses.getProperty("lectern.db.username"),
                addresses.getProperty("lectern.db.password"));
    }

    /** Every living process that belongs to the folder, nodes included, by what /proc says of it. */
    private List<Long> processes() {
        String folder = directory.toString();
        return ProcessHandle.allProcesses()
                .map(ProcessHandle::pid)
                .filter(pid -> pid != ProcessHandle.current().pid())
                .filter(pid -> {
                    Path process = Path.of("/proc", pid.toString());
                    return !read(process.resolve("stat")).contains(") Z ")
                            && (Stream.of("environ", "cmdline")
                                            .anyMatch(file ->
                                                    read(process.resolve(file)).contains(folder))
                                    || workingDirectory(process).startsWith(folder));
                })
                .toList();
    }

    private static String workingDirectory(Path process) {
        try {
            return Files.readSymbolicLink(process.resolve("cwd")).toString();
        } catch (IOException gone) {
            return "";
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException gone) {
            return "";
        }
    }
}
