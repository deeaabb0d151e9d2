package org.lectern.chat.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.lectern.chat.door.BenchNode;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.FreePort;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;

/**
 * One of the servers that are compared, with what it needs: its processes run on core 0, PostgreSQL and Redis on the core
 * of whoever starts this.
 */
final class BenchServer implements AutoCloseable {

    /** Ticks of the kernel's CPU clock in {@code /proc} (USER_HZ, 100 on every Linux that JDK 25 runs on). */
    private static final double TICKS_PER_SECOND = 100;

    private final String kind;
    private final EmbeddedServices services;
    private final List<Process> processes = new ArrayList<>();
    private final List<Integer> ports = new ArrayList<>();

    private BenchServer(String kind, EmbeddedServices services) {
        this.kind = kind;
        this.services = services;
    }

    /** Starts a server; {@code lectern-two} are two nodes of one cluster. */
    static BenchServer start(String kind) throws IOException {
        BenchServer server = new BenchServer(
                kind,
                EmbeddedServices.start(new EmbeddedServices.Settings(
                        Files.createTempDirectory("lectern-bench"), needs(kind), 0, BinaryCache.ofUser())));
        try {
            for (int node = 0; node < (kind.equals("lectern-two") ? 2 : 1); node++) {
                server.startProcess();
            }
            return server;
        } catch (IOException e) {
            server.close();
            throw e;
        }
    }

    private static Set<EmbeddedService> needs(String kind) {
        if (kind.startsWith("lectern")) {
            return EnumSet.of(EmbeddedService.POSTGRESQL, EmbeddedService.REDIS);
        }
        return kind.equals("socketio-redis")
                ? EnumSet.of(EmbeddedService.REDIS)
                : EnumSet.noneOf(EmbeddedService.class);
    }

    /** Where it listens; two ports of two nodes. */
    List<Integer> ports() {
        return ports;
    }

    boolean isLectern() {
        return kind.startsWith("lectern");
    }

    boolean isSocketIo() {
        return kind.startsWith("socketio");
    }

    /** Seconds of CPU that its processes have taken. */
    double cpuSeconds() throws IOException {
        double ticks = 0;
        for (Process process : processes) {
            String stat = Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat"));
            // Fields are counted behind the name, which may contain spaces: utime and stime are the 14th and 15th.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
        }
        return ticks / TICKS_PER_SECOND;
    }

    /** What its compilers took of that; nothing for a server without any. */
    double compilerSeconds() throws IOException {
        double ticks = 0;
        for (Process process : processes) {
            try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(process.pid()), "task"))) {
                for (Path thread : threads.toList()) {
                    String stat = Files.readString(thread.resolve("stat"));
                    if (stat.contains(" CompilerThre")) {
                        String[] fields =
                                stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
                        ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
                    }
                }
            } catch (NoSuchFileException gone) {
                // A thread of the pool has ended meanwhile: this time it counts for nothing.
                ticks += 0;
            }
        }
        return ticks / TICKS_PER_SECOND;
    }

    /** Memory that its processes have in RAM, in bytes. */
    long residentBytes() throws IOException {
        long bytes = 0;
        for (Process process : processes) {
            for (String line : Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status"))) {
                if (line.startsWith("VmRSS:")) {
                    bytes += Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
                }
            }
        }
        return bytes;
    }

    /** Has it collect its garbage. */
    void collect() throws IOException, InterruptedException {
        for (Process process : processes) {
            String pid = Long.toString(process.pid());
            command(isSocketIo() ? List.of("kill", "-USR2", pid) : List.of(tool("jcmd"), pid, "GC.run"));
        }
        Thread.sleep(1_000);
    }

    /** Writes what lies on the heap to a file, for a look at memory. */
    void histogram(Path file) throws IOException, InterruptedException {
        var unused = new ProcessBuilder(
                        tool("jcmd"), Long.toString(processes.getFirst().pid()), "GC.class_histogram")
                .redirectOutput(file.toFile())
                .start()
                .waitFor();
    }

    @Override
    public void close() {
        for (Process process : processes) {
            process.destroyForcibly().onExit().join();
        }
        services.close();
    }

    private void startProcess() throws IOException {
        int port = FreePort.any();
        List<String> command = new ArrayList<>(List.of("taskset", "-c", "0"));
        if (isSocketIo()) {
            command.addAll(List.of(
                    "node",
                    "--expose-gc",
                    System.getProperty("socketio"),
                    Integer.toString(port),
                    services.redis().map(each -> each.uri()).orElse("")));
        } else {
            command.addAll(List.of(
                    tool("java"),
                    "-Xmx1g",
                    "-XX:+UseSerialGC",
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    // As many event loops as it has cores; Reactor Netty takes four at least.
                    "-Dreactor.netty.ioWorkerCount=1"));
            command.addAll(List.of(System.getProperty("server.jvm", "").split(" +", -1)));
            command.removeIf(String::isEmpty);
            command.addAll(List.of("-cp", System.getProperty("java.class.path")));
            command.addAll(isLectern() ? node(port) : List.of(BroadcastServer.class.getName(), Integer.toString(port)));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        processes.add(process);
        ports.add(port);
        BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        List<String> lines = new ArrayList<>();
        String line = output.readLine();
        while (line != null && !line.equals("ready")) {
            lines.add(line);
            line = output.readLine();
        }
        if (line == null) {
            throw new IOException(String.join("\n", lines));
        }
        boolean loud = Boolean.getBoolean("loud");
        Thread.ofPlatform()
                .daemon()
                .start(() -> output.lines().forEach(each -> {
                    if (loud) {
                        System.err.println(each);
                    }
                }));
    }

    private List<String> node(int port) {
        List<String> arguments = new ArrayList<>(List.of(
                BenchNode.class.getName(),
                "server.port=" + port,
                "lectern.chat.per-person-rate=1000000",
                "lectern.chat.per-person-burst=1000000",
                "lectern.chat.per-room-rate=1000000",
                "lectern.chat.shard-ceiling=20",
                "lectern.chat.batch-limit=" + (kind.equals("lectern-single") ? 1 : 1000)));
        services.properties().forEach((name, value) -> arguments.add(name + "=" + value));
        return arguments;
    }

    private static String tool(String name) {
        return Path.of(System.getProperty("java.home"), "bin", name).toString();
    }

    private static void command(List<String> command) throws IOException, InterruptedException {
        var unused = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
    }
}
