package org.lectern.infra.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
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
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.db.embedded.ChildProcess;

/**
 * However a node ends, no process of its folder remains, nothing blocks the next start, and that start finds the data.
 * Each node is a JVM of its own; processes are counted by what /proc says: environment, command line, working directory.
 */
class LifecycleIT {

    private static final Duration START = Duration.ofMinutes(3);
    private static final Duration STOP = Duration.ofSeconds(70);

    @TempDir
    Path directory;

    private final List<Process> nodes = new ArrayList<>();

    @AfterEach
    void endWhatATestLeft() {
        nodes.forEach(Process::destroyForcibly);
        await().atMost(STOP).until(() -> processes().isEmpty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "INT", "KILL"})
    void endsCleanAndFindsItsDataAgain(String signal) throws Exception {
        Process first = start("first");
        note(1);
        assertThat(processes()).hasSizeGreaterThan(10);
        Properties before = addresses();

        signal(signal, first.pid());
        assertThat(first.waitFor(STOP.toSeconds(), TimeUnit.SECONDS)).isTrue();
        if (signal.equals("KILL")) {
            // The watchdogs see the pipe close; nobody is left to wait for them.
            await().atMost(STOP).untilAsserted(() -> assertThat(processes()).isEmpty());
        }
        assertThat(processes()).isEmpty();

        start("second");
        assertThat(rows()).isEqualTo(1);
        assertThat(addresses().getProperty("lectern.db.servers[0].primary"))
                .as("a port that is free stays the same")
                .isEqualTo(before.getProperty("lectern.db.servers[0].primary"));
    }

    @Test
    void startsAtOnceAfterAKillWhileThePredecessorsServersStillStop() throws Exception {
        Process first = start("first");
        note(1);
        signal("KILL", first.pid());
        start("second");
        assertThat(rows()).isEqualTo(1);
    }

    @Test
    void endsServersWhoseWatchdogsWereKilledToo() throws Exception {
        Process first = start("first");
        note(1);
        List<ProcessHandle> watchdogs = first.children().toList();
        signal("STOP", first.pid());
        watchdogs.forEach(ProcessHandle::destroyForcibly);
        signal("KILL", first.pid());
        first.waitFor();
        List<Long> orphans = processes();
        assertThat(orphans).as("without a watchdog the servers go on").isNotEmpty();

        start("second");
        assertThat(rows()).isEqualTo(1);
        assertThat(processes()).doesNotContainAnyElementsOf(orphans);
    }

    @Test
    void secondNodeJoinsAndTakesOverWhenTheFirstEnds() throws Exception {
        Process first = start("first");
        note(1);
        int servers = serverCount();
        Process second = start("second");
        assertThat(Files.readString(log("second"))).contains("Joined the node that already runs in");
        assertThat(serverCount()).as("the second starts no server").isEqualTo(servers);

        String primary = addresses().getProperty("lectern.db.servers[0].primary");
        signal("KILL", first.pid());
        await().atMost(START)
                .until(() -> Long.toString(second.pid()).equals(addresses().getProperty("owner.pid")));
        assertThat(addresses().getProperty("lectern.db.servers[0].primary")).isEqualTo(primary);
        assertThat(rows()).isEqualTo(1);

        signal("TERM", second.pid());
        assertThat(second.waitFor(STOP.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(processes()).isEmpty();
    }

    @Test
    void whatIsConfiguredIsNotStarted() throws Exception {
        start(
                "configured",
                "--spring.rabbitmq.host=broker.example",
                "--lectern.redis.address=redis://cache.example:6379");
        assertThat(Files.readString(log("configured")))
                .contains("Redis: as configured by lectern.redis.address")
                .contains("RabbitMQ: as configured by spring.rabbitmq.host");
        assertThat(addresses().stringPropertyNames()).noneMatch(name -> name.startsWith("spring.rabbitmq"));
        assertThat(directory.resolve("rabbitmq")).doesNotExist();
        assertThat(directory.resolve("redis")).doesNotExist();
    }

    @Test
    void switchedOffItTouchesNothing() throws Exception {
        start("off", "--lectern.embedded.enabled=false");
        assertThat(directory.resolve("lock")).doesNotExist();
    }

    @Test
    void missingBrokerIsOneClearLineAndLeavesNothing() throws Exception {
        // The look-up knows the folders of packages beside the PATH, so the program is hidden in a mount namespace.
        String epmd = ChildProcess.findOnPath("epmd").orElseThrow().toRealPath().toString();
        Process node = launch(
                "missing", List.of("unshare", "-rm", "sh", "-c", "mount --bind /dev/null \"$0\" && exec \"$@\"", epmd));
        assertThat(node.waitFor(START.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(Files.readString(log("missing")))
                .contains("APPLICATION FAILED TO START")
                .contains("There is no epmd (Erlang) on this machine.")
                .contains("apt install rabbitmq-server")
                .doesNotContain("\tat org.lectern");
        assertThat(processes()).isEmpty();
    }

    private Process start(String name, String... arguments) throws Exception {
        Process node = launch(name, List.of(), arguments);
        await().atMost(START)
                .until(() -> !node.isAlive() || Files.readString(log(name)).contains("Lectern is ready"));
        assertThat(node.isAlive()).as(() -> read(log(name))).isTrue();
        return node;
    }

    private Process launch(String name, List<String> prefix, String... arguments) throws IOException {
        // A test that runs in the background ignores SIGINT, and so would its children.
        List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
        command.addAll(prefix);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                TestNode.class.getName(),
                "--lectern.embedded.directory=" + directory,
                "--spring.main.banner-mode=off"));
        command.addAll(List.of(arguments));
        Process node = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log(name).toFile())
                .start();
        nodes.add(node);
        return node;
    }

    private Path log(String name) {
        return directory.resolve(name + ".out");
    }

    private Properties addresses() throws IOException {
        Properties properties = new Properties();
        Path file = directory.resolve("services.properties");
        if (Files.exists(file)) {
            try (InputStream in = Files.newInputStream(file)) {
                properties.load(in);
            }
        }
        return properties;
    }

    private void note(int id) throws Exception {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute("create table if not exists note (id int primary key)");
            statement.execute("insert into note values (" + id + ")");
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
        Properties addresses = addresses();
        return DriverManager.getConnection(
                "jdbc:postgresql://" + addresses.getProperty("lectern.db.servers[0].primary") + "/lectern_shard_0",
                addresses.getProperty("lectern.db.username"),
                addresses.getProperty("lectern.db.password"));
    }

    private int serverCount() {
        return Math.toIntExact(processes().stream()
                .filter(pid -> read(Path.of("/proc", pid.toString(), "cmdline")).contains("lectern-watchdog"))
                .count());
    }

    /** Every living process that belongs to the folder, nodes included. */
    private List<Long> processes() {
        String folder = directory.toString();
        return ProcessHandle.allProcesses()
                .map(ProcessHandle::pid)
                .filter(pid -> pid != ProcessHandle.current().pid())
                .filter(pid -> {
                    Path process = Path.of("/proc", pid.toString());
                    boolean zombie = read(process.resolve("stat")).contains(") Z ");
                    return !zombie
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

    private static void signal(String signal, long pid) throws IOException {
        ChildProcess.run(
                List.of("/bin/sh", "-c", "kill -" + signal + " " + pid), java.util.Map.of(), Duration.ofSeconds(5));
    }
}
