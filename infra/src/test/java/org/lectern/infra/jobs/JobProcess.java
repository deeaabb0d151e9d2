package org.lectern.infra.jobs;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.lectern.db.ContextId;
import org.springframework.util.IdGenerator;

/** A node in a process of its own, to be killed: one that asks for jobs, or one that relays and works. */
final class JobProcess implements AutoCloseable {

    static final String KIND = "fault";

    private static final int COURSES = 40;
    private static final int STARTS = 100;
    private static final Duration AFTER_TROUBLE = Duration.ofMillis(100);

    private final Process process;

    private JobProcess(Process process) {
        this.process = process;
    }

    /** Relays and works; each job takes some milliseconds and then leaves one row. */
    static JobProcess worker(Map<String, String> properties, Path log) throws IOException {
        return start(List.of("worker"), properties, log);
    }

    /** Asks for so many jobs; tells the id of each one whose commit was confirmed. */
    static JobProcess publisher(Map<String, String> properties, int jobs, Path log, Consumer<UUID> confirmed)
            throws IOException {
        JobProcess made = start(List.of("publisher", Integer.toString(jobs)), properties, log);
        Thread.ofPlatform().daemon().start(() -> {
            try (var lines =
                    new BufferedReader(new InputStreamReader(made.process.getInputStream(), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    // The last line of a killed process may be cut.
                    if (line.startsWith("+") && line.length() == 37) {
                        confirmed.accept(UUID.fromString(line.substring(1)));
                    }
                }
            } catch (IOException killed) {
                // What it told is told.
            }
        });
        return made;
    }

    private static JobProcess start(List<String> what, Map<String, String> properties, Path log) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                JobProcess.class.getName()));
        command.addAll(what);
        properties.forEach((name, value) -> command.add(name + "=" + value));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        if (what.getFirst().equals("worker")) {
            builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        }
        return new JobProcess(builder.start());
    }

    /** Ends it as a power cut would. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    boolean alive() {
        return process.isAlive();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> properties = new HashMap<>();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            if (equals > 0) {
                properties.put(argument.substring(0, equals), argument.substring(equals + 1));
            }
        }
        if (arguments[0].equals("publisher")) {
            publish(properties, Integer.parseInt(arguments[1]));
        } else {
            work(properties);
        }
    }

    private static void publish(Map<String, String> properties, int jobs) throws InterruptedException {
        try (JobNode node = start(properties, Map.of("lectern.roles", "web"), List.of())) {
            List<ContextId> courses = new ArrayList<>();
            for (int i = 0; i < COURSES; i++) {
                courses.add(node.newCourse());
            }
            for (int i = 0; i < jobs; i++) {
                UUID id = node.bean(IdGenerator.class).generateId();
                ContextId course = courses.get(i % COURSES);
                while (!asked(node, course, id, i % 4 * 5)) {
                    TimeUnit.MILLISECONDS.sleep(AFTER_TROUBLE.toMillis());
                }
                System.out.println("+" + id);
                System.out.flush();
            }
        }
    }

    /** A node that comes up just as the database goes away does not start: it is started again, as everywhere. */
    private static JobNode start(
            Map<String, String> servers, Map<String, Object> further, List<JobNode.Scripted> handlers)
            throws InterruptedException {
        for (int failures = 0; ; failures++) {
            try {
                return JobNode.start(servers, further, Clock.systemUTC(), handlers);
            } catch (RuntimeException away) {
                if (failures == STARTS) {
                    throw away;
                }
                TimeUnit.MILLISECONDS.sleep(AFTER_TROUBLE.toMillis());
            }
        }
    }

    private static boolean asked(JobNode node, ContextId course, UUID id, int score) {
        try {
            node.submit(course, id, KIND, Lane.STANDARD, score);
            return true;
        } catch (RuntimeException away) {
            return false;
        }
    }

    private static void work(Map<String, String> properties) throws Exception {
        JobNode.Script script = run -> {
            TimeUnit.MILLISECONDS.sleep(ThreadLocalRandom.current().nextInt(5, 60));
            return JobEngineIT.mark(run);
        };
        try (JobNode node = start(properties, Map.of(), List.of(new JobNode.Scripted(KIND, script)))) {
            Objects.requireNonNull(node);
            // Until it is killed.
            new CountDownLatch(1).await();
        }
    }
}
