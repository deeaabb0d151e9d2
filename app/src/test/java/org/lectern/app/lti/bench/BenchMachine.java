package org.lectern.app.lti.bench;

import java.io.File;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lectern.app.LecternApplication;
import org.lectern.app.lti.launch.TestPlatform;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.FreePort;
import org.lectern.db.embedded.PostgresCluster;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;

/** The servers that are compared, with one PostgreSQL (and one Redis) for all: everything runs on core 0. */
final class BenchMachine implements AutoCloseable {

    static final String LECTERN = "Lectern";

    private static final String DIRECTORY = "lectern_directory";
    private static final String SHARD = "lectern_shard_0";

    /** Ticks of the kernel's CPU clock in {@code /proc} (USER_HZ, 100 on every Linux that JDK 25 runs on). */
    private static final double TICKS_PER_SECOND = 100;

    private static final Pattern TPS = Pattern.compile("tps = ([0-9.]+) \\(without");
    private static final Pattern TRANSACTIONS = Pattern.compile("actually processed: ([0-9]+)");

    private final Path folder;
    private final Path scripts;
    private final EmbeddedServices services;
    private final List<Process> processes = new ArrayList<>();

    private BenchMachine(Path folder, Path scripts, EmbeddedServices services) {
        this.folder = folder;
        this.scripts = scripts;
        this.services = services;
    }

    static BenchMachine start(Path folder, Path scripts) throws Exception {
        EmbeddedServices services = EmbeddedServices.start(new EmbeddedServices.Settings(
                folder, EnumSet.of(EmbeddedService.POSTGRESQL, EmbeddedService.REDIS), 0, BinaryCache.ofUser()));
        for (ProcessHandle each : ProcessHandle.current().descendants().toList()) {
            command(List.of("taskset", "-acp", "0", Long.toString(each.pid())));
        }
        return new BenchMachine(folder, scripts, services);
    }

    /** A node of Lectern that takes launches, and nothing else. */
    BenchTool lectern(TestPlatform platform) throws Exception {
        int port = FreePort.any();
        Map<String, String> properties = new HashMap<>(services.properties());
        properties.put("server.port", Integer.toString(port));
        properties.put("lectern.roles", "web");
        properties.put("lectern.embedded.enabled", "false");
        properties.put("lectern.keys.secret", Base64.getEncoder().encodeToString(new byte[32]));
        properties.put("spring.rabbitmq.host", "127.0.0.1");
        properties.put("spring.rabbitmq.port", Integer.toString(FreePort.any()));
        String registration = "lectern.lti.registrations[0].";
        properties.put(registration + "issuer", platform.issuer());
        properties.put(registration + "client-id", BenchTool.CLIENT);
        properties.put(registration + "authorization-endpoint", platform.issuer() + "/authorize");
        properties.put(registration + "jwks-uri", platform.keysAddress().toString());
        properties.put(registration + "deployment-ids", "deployment-1");
        List<String> command = new ArrayList<>(List.of(
                "taskset",
                "-c",
                "0",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                LecternApplication.class.getName()));
        properties.forEach((name, value) -> command.add("--" + name + "=" + value));
        String origin = "http://localhost:" + port;
        Process process = process("lectern", command, folder);
        await(process, origin + "/actuator/health/readiness", "lectern");
        return new BenchTool(
                LECTERN, origin, "/lti/login", "/lti/launch", "/lti/launch?target=chat", 200, process, this);
    }

    /** ltijs on a database of its own; with the platform's key given once, or fetched by its address as ltijs does. */
    BenchTool ltijs(TestPlatform platform, boolean fixedKey) throws Exception {
        String name = fixedKey ? "ltijs, key by configuration" : "ltijs, key by address";
        String database = fixedKey ? "ltijs_fixed" : "ltijs";
        PostgresCluster postgres = postgres();
        try (var connection = postgres.primary().connect("postgres");
                var statement = connection.createStatement()) {
            statement.execute("create database " + database);
        }
        int port = FreePort.any();
        Process process = process(
                database,
                List.of(
                        "taskset",
                        "-c",
                        "0",
                        "node",
                        "ltijs.js",
                        Integer.toString(port),
                        postgres.primary().address(),
                        postgres.username(),
                        postgres.password(),
                        database,
                        platform.issuer(),
                        platform.keysAddress().toString(),
                        fixedKey ? pem(platform) : ""),
                scripts);
        String origin = "http://localhost:" + port;
        await(process, origin + "/keys", database);
        return new BenchTool(name, origin, "/login", "/", "/", 302, process, this);
    }

    /** What the statements name, read where Lectern's launches have left it. */
    Map<String, String> variables() throws SQLException {
        Map<String, String> variables = new HashMap<>();
        try (var connection = postgres().primary().connect(DIRECTORY);
                var statement = connection.createStatement();
                var row = statement.executeQuery(
                        "select r.id, r.issuer, c.context_id from lti_registration r join lti_context c on c.registration_id = r.id")) {
            row.next();
            variables.put("registration", row.getString(1));
            variables.put("issuer", row.getString(2));
            variables.put("context", row.getString(3));
        }
        try (var connection = postgres().primary().connect(SHARD);
                var statement = connection.createStatement();
                var row = statement.executeQuery("select min(logical_shard) from owned_shard where epoch = 1")) {
            row.next();
            variables.put("logical", row.getString(1));
        }
        return variables;
    }

    /** Launches per second, and microseconds of the core for each, of the statements in one database. */
    double[] pgbench(String database, Map<String, String> variables, int clients, int seconds)
            throws IOException, InterruptedException {
        String[] address = postgres().primary().address().split(":", 2);
        List<String> command = new ArrayList<>(List.of(
                "taskset",
                "-c",
                "0",
                System.getProperty("pgbench", "pgbench"),
                "-n",
                "-M",
                "prepared",
                "-f",
                scripts.resolve(database + ".sql").toString(),
                "-c",
                Integer.toString(clients),
                "-T",
                Integer.toString(seconds),
                "-h",
                address[0],
                "-p",
                address[1],
                "-U",
                postgres().username()));
        variables.forEach((name, value) -> command.addAll(List.of("-D", name + "=" + value)));
        command.add(database.equals("directory") ? DIRECTORY : SHARD);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PGPASSWORD", postgres().password());
        double before = postgresCpuSeconds() + ownCpuSeconds();
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(output);
        }
        // What pgbench took has been added to this process by waiting for it.
        double cpu = postgresCpuSeconds() + ownCpuSeconds() - before;
        return new double[] {number(TPS, output), cpu * 1e6 / number(TRANSACTIONS, output)};
    }

    double postgresCpuSeconds() throws IOException {
        double seconds = 0;
        for (ProcessHandle each : ProcessHandle.current().descendants().toList()) {
            if (each.info().command().orElse("").endsWith("/postgres")) {
                seconds += cpuSeconds(each);
            }
        }
        return seconds;
    }

    /** Processor time of this process and of ended children it has waited for. */
    static double ownCpuSeconds() throws IOException {
        return cpuSeconds(ProcessHandle.current());
    }

    /** User and system time of a process and of the children it has waited for. */
    static double cpuSeconds(ProcessHandle process) throws IOException {
        Path stat = Path.of("/proc", Long.toString(process.pid()), "stat");
        if (!Files.exists(stat)) {
            return 0;
        }
        String text = Files.readString(stat);
        String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ", 16);
        return Arrays.stream(fields, 11, 15).mapToLong(Long::parseLong).sum() / TICKS_PER_SECOND;
    }

    static void command(List<String> command) throws IOException, InterruptedException {
        int ended = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
        if (ended != 0) {
            throw new IOException(command + " ended with " + ended);
        }
    }

    @Override
    public void close() {
        for (Process process : processes) {
            process.destroyForcibly().onExit().join();
        }
        services.close();
    }

    private PostgresCluster postgres() {
        return services.postgres().orElseThrow();
    }

    private Process process(String name, List<String> command, Path directory) throws IOException {
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log(name))
                .start();
        processes.add(process);
        // Whoever ends the driver ends them too.
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(process::destroyForcibly));
        return process;
    }

    private File log(String name) {
        return folder.resolve(name + ".out").toFile();
    }

    private void await(Process process, String address, String name) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(3);
        while (true) {
            if (!process.isAlive() || System.nanoTime() > end) {
                throw new IOException(
                        name + " did not start:\n" + Files.readString(log(name).toPath()));
            }
            try {
                HttpURLConnection connection = BenchTool.open(address);
                if (connection.getResponseCode() == 200) {
                    return;
                }
            } catch (IOException notYet) {
                // Asked again below.
            }
            TimeUnit.MILLISECONDS.sleep(200);
        }
    }

    private static String pem(TestPlatform platform) {
        return "-----BEGIN PUBLIC KEY-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'})
                        .encodeToString(platform.publicKey().getEncoded())
                + "\n-----END PUBLIC KEY-----\n";
    }

    private static double number(Pattern pattern, String output) throws IOException {
        Matcher found = pattern.matcher(output);
        if (!found.find()) {
            throw new IOException("no figure in:\n" + output);
        }
        return Double.parseDouble(found.group(1));
    }
}
