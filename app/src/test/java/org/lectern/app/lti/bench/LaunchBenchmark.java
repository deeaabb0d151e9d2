package org.lectern.app.lti.bench;

import java.io.IOException;
import java.net.CookieManager;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Signature;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import org.jose4j.jwk.RsaJsonWebKey;
import org.lectern.app.lti.launch.TestPlatform;

/**
 * Whole launches, login and signed answer, by as many people at a time as asked for, against servers that have one core
 * with their PostgreSQL; this driver, which is also the platform, has another. For each server: launches per second, what
 * each takes of the core, and the time of a launch at half that pace. Beside them the bare cost: one RSA-2048
 * verification, and the statements of a launch by {@code pgbench} on the same PostgreSQL and core.
 *
 * <p>Arguments: seconds of a measurement, people at a time, folder with ltijs.js and the statements.
 */
final class LaunchBenchmark {

    private static final int ROUNDS = 3;
    private static final int COURSE = 1000;
    /** Seconds: compilers and caches are warm before anything counts. */
    private static final int LECTERN_WARMING = Integer.getInteger("warming", 120);

    private static final int PEER_WARMING = 15;

    private final int seconds;
    private final int people;
    private final boolean alone;
    private final TestPlatform platform;
    private final AtomicLong turn = new AtomicLong();

    private LaunchBenchmark(int seconds, int people, boolean alone, TestPlatform platform) {
        this.seconds = seconds;
        this.people = people;
        this.alone = alone;
        this.platform = platform;
    }

    /** What was measured of one contestant in one round; CPU in microseconds for each launch. */
    private record Figures(double perSecond, double cpuMicros, double p50Millis, double p99Millis, double driver) {}

    /** Times of launches in nanoseconds, and how many failed. */
    private record Took(List<Long> nanos, double seconds) {}

    public static void main(String[] arguments) throws Exception {
        int seconds = Integer.parseInt(arguments[0]);
        int people = Integer.parseInt(arguments[1]);
        Path scripts = Path.of(arguments[2]);
        // Cookies are the driver's own affair: each launch is another browser.
        CookieManager.setDefault(null);
        System.setProperty("http.maxConnections", Integer.toString(2 * people));
        try (TestPlatform platform = new TestPlatform();
                BenchMachine machine = BenchMachine.start(Files.createTempDirectory("lectern-launches"), scripts)) {
            new LaunchBenchmark(seconds, people, Boolean.getBoolean("alone"), platform).run(machine);
        }
    }

    private void run(BenchMachine machine) throws Exception {
        BenchTool lectern = machine.lectern(platform);
        List<BenchTool> tools = new ArrayList<>(List.of(lectern));
        if (!alone) {
            tools.add(machine.ltijs(platform, false));
            tools.add(machine.ltijs(platform, true));
        }
        for (BenchTool tool : tools) {
            tool.resume();
            closed(tool, this::known, Long.MAX_VALUE, tool.equals(lectern) ? LECTERN_WARMING : PEER_WARMING);
            tool.pause();
        }
        Map<String, List<Figures>> results = new LinkedHashMap<>();
        for (int round = 1; round <= ROUNDS; round++) {
            for (BenchTool tool : tools) {
                tool.resume();
                measure(results, tool.name(), tool, this::known);
                if (tool.name().equals(lectern.name())) {
                    measure(results, tool.name() + ", people never seen before", tool, turn::getAndIncrement);
                }
                tool.pause();
            }
            bare(results, machine);
        }
        print(results);
    }

    private void measure(Map<String, List<Figures>> results, String name, BenchTool tool, LongSupplier who)
            throws Exception {
        double cpu = tool.cpuSeconds();
        double own = BenchMachine.ownCpuSeconds();
        Took fast = closed(tool, who, Long.MAX_VALUE, seconds);
        double perLaunch = (tool.cpuSeconds() - cpu) / fast.nanos().size();
        double driver = (BenchMachine.ownCpuSeconds() - own) / fast.seconds();
        double rate = fast.nanos().size() / fast.seconds();
        long[] times = paced(tool, who, rate / 2).nanos().stream()
                .mapToLong(each -> each)
                .sorted()
                .toArray();
        Figures figures = new Figures(rate, perLaunch * 1e6, millis(times, 0.5), millis(times, 0.99), driver);
        results.computeIfAbsent(name, unused -> new ArrayList<>()).add(figures);
        System.err.printf(Locale.ROOT, "%-40s %s%n", name, figures);
    }

    /** One verification and the statements of one launch, each on the servers' core by itself. */
    private void bare(Map<String, List<Figures>> results, BenchMachine machine) throws Exception {
        double verification = verificationMicros();
        Map<String, String> variables = machine.variables();
        double[] directory = machine.pgbench("directory", variables, people, seconds);
        double[] shard = machine.pgbench("shard", variables, people, seconds);
        double perSecond = 1 / (1 / directory[0] + 1 / shard[0] + verification / 1e6);
        double cpu = directory[1] + shard[1] + verification;
        Figures figures = new Figures(perSecond, cpu, Double.NaN, Double.NaN, Double.NaN);
        results.computeIfAbsent("bare: RSA-2048 verification, statements by pgbench", unused -> new ArrayList<>())
                .add(figures);
        System.err.printf(
                Locale.ROOT,
                "%-40s %s (verification %.0f us, directory %.0f us, shard %.0f us)%n",
                "bare",
                figures,
                verification,
                directory[1],
                shard[1]);
    }

    /** Processor time of one RSA-2048 verification of a launch's token, by the JDK's own provider. */
    private double verificationMicros() throws Exception {
        RsaJsonWebKey key = TestPlatform.newKey("bare");
        byte[] signed = platform.sign(platform.claims("client", "nonce", "http://localhost/lti/launch"))
                .getBytes(StandardCharsets.US_ASCII);
        var signer = Signature.getInstance("SHA256withRSA");
        signer.initSign(key.getRsaPrivateKey());
        signer.update(signed);
        byte[] signature = signer.sign();
        long best = Long.MAX_VALUE;
        for (int round = 0; round < 5; round++) {
            int times = 5_000;
            long begin = System.nanoTime();
            for (int i = 0; i < times; i++) {
                var verifier = Signature.getInstance("SHA256withRSA");
                verifier.initVerify(key.getRsaPublicKey());
                verifier.update(signed);
                if (!verifier.verify(signature)) {
                    throw new IllegalStateException("a good signature was refused");
                }
            }
            best = Math.min(best, (System.nanoTime() - begin) / times);
        }
        return best / 1e3;
    }

    private long known() {
        return turn.getAndIncrement() % COURSE;
    }

    /** As fast as the people get through, each beginning anew when done. */
    private Took closed(BenchTool tool, LongSupplier who, long atMost, int forSeconds) throws Exception {
        AtomicLong left = new AtomicLong(atMost);
        long begin = System.nanoTime();
        long end = begin + TimeUnit.SECONDS.toNanos(forSeconds);
        return all(begin, () -> {
            List<Long> took = new ArrayList<>();
            while (System.nanoTime() < end && left.getAndDecrement() > 0) {
                long start = System.nanoTime();
                launch(tool, who.getAsLong());
                took.add(System.nanoTime() - start);
            }
            return took;
        });
    }

    /** At a pace of its own, whatever the server does: a launch's time counts from when it was due. */
    private Took paced(BenchTool tool, LongSupplier who, double perSecond) throws Exception {
        long begin = System.nanoTime();
        long total = Math.max(1, Math.round(perSecond * seconds));
        AtomicLong next = new AtomicLong();
        return all(begin, () -> {
            List<Long> took = new ArrayList<>();
            long number = next.getAndIncrement();
            while (number < total) {
                long due = begin + Math.round(number * 1e9 / perSecond);
                while (System.nanoTime() < due) {
                    LockSupport.parkNanos(due - System.nanoTime());
                }
                launch(tool, who.getAsLong());
                took.add(System.nanoTime() - due);
                number = next.getAndIncrement();
            }
            return took;
        });
    }

    private Took all(long begin, Callable<List<Long>> each) throws Exception {
        List<Long> all = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(people)) {
            List<Future<List<Long>>> running = new ArrayList<>();
            for (int i = 0; i < people; i++) {
                running.add(threads.submit(each));
            }
            for (Future<List<Long>> one : running) {
                all.addAll(one.get());
            }
        }
        return new Took(all, (System.nanoTime() - begin) / 1e9);
    }

    private void launch(BenchTool tool, long person) throws IOException {
        String link = tool.origin() + tool.target();
        HttpURLConnection login = BenchTool.open(tool.origin() + tool.loginPath() + "?"
                + BenchTool.form(Map.of(
                        "iss",
                        platform.issuer(),
                        "login_hint",
                        "person-" + person,
                        "target_link_uri",
                        link,
                        "client_id",
                        BenchTool.CLIENT)));
        Map<String, String> asked = BenchTool.redirected(login);
        String cookies = BenchTool.cookies(login);
        Map<String, Object> claims =
                platform.claims(BenchTool.CLIENT, Objects.requireNonNull(asked.get("nonce")), link);
        claims.put("sub", "person-" + person);
        tool.finish(cookies, platform.sign(claims), Objects.requireNonNull(asked.get("state")));
    }

    private static double millis(long[] sorted, double quantile) {
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(sorted.length * quantile))] / 1e6;
    }

    private static void print(Map<String, List<Figures>> results) {
        double lectern = median(Objects.requireNonNull(results.get(BenchMachine.LECTERN)), Figures::cpuMicros);
        System.out.println(
                "| who | launches/s, one core | core for a launch | times Lectern's | p50 | p99 at half pace | driver |");
        System.out.println("|---|---|---|---|---|---|---|");
        results.forEach((name, rounds) -> System.out.printf(
                Locale.ROOT,
                "| %s | %.0f | %.2f ms | %.2f | %.1f ms | %.1f ms | %.0f %% |%n",
                name,
                median(rounds, Figures::perSecond),
                median(rounds, Figures::cpuMicros) / 1e3,
                median(rounds, Figures::cpuMicros) / lectern,
                median(rounds, Figures::p50Millis),
                median(rounds, Figures::p99Millis),
                100 * median(rounds, Figures::driver)));
    }

    private static double median(List<Figures> rounds, ToDoubleFunction<Figures> of) {
        double[] sorted = rounds.stream().mapToDouble(of).sorted().toArray();
        return Arrays.stream(sorted).skip(sorted.length / 2).findFirst().orElseThrow();
    }
}
