package org.lectern.chat.bench;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Measures one server as {@code bench/chat.sh} asks: connections per second, the highest rate of messages into one room
 * that reaches every socket with p99 under the limit and no loss, what a delivery costs the server in CPU time (which
 * says more than the rate where other work has the machine), committed messages per second, latency at low load, and
 * resident memory for each idle socket. The server runs on one core, this driver with PostgreSQL and Redis on another.
 *
 * <p>Arguments: {@code lectern | lectern-single | lectern-two | netty | socketio | socketio-redis}, then sockets such as
 * {@code 1000,5000}, then idle sockets (0 for none). Properties: {@code p99.millis} (100), {@code step.millis} (3000).
 */
final class ChatBenchmark {

    private static final int SENDERS = 10;
    private static final int COMMITTERS = 50;
    private static final long P99_LIMIT_MICROS = 1_000L * Integer.getInteger("p99.millis", 100);
    private static final Duration STEP = Duration.ofMillis(Integer.getInteger("step.millis", 3_000));
    private static final Duration PROBE = STEP.dividedBy(2);

    /** How long nothing may come before what is missing counts as lost: more than a node gives a commit (15 s). */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final int WARM_UPS = 5;
    private static final double FIRST_RATE = 10;
    private static final double LAST_RATE = 200_000;

    private final String kind;
    private final BenchServer server;
    private final Crowd crowd;
    private double perCpuSecond;

    private ChatBenchmark(String kind, BenchServer server) {
        this.kind = kind;
        this.server = server;
        this.crowd = new Crowd(server);
    }

    public static void main(String[] arguments) throws Exception {
        String kind = arguments[0];
        int status = 1;
        try (BenchServer server = BenchServer.start(kind)) {
            new ChatBenchmark(kind, server)
                    .run(
                            arguments[1].isEmpty() ? new String[0] : arguments[1].split(",", -1),
                            Integer.parseInt(arguments[2]));
            status = 0;
        } catch (Exception e) {
            System.err.println("# failed: " + e);
        } finally {
            Runtime.getRuntime().halt(status);
        }
    }

    private void run(String[] rooms, int idle) throws Exception {
        boolean single = kind.equals("lectern-single");
        if (server.isLectern()) {
            commits();
        }
        if (!single) {
            for (String sockets : rooms) {
                room(Integer.parseInt(sockets));
            }
        }
        if (idle > 0 && !single && !kind.equals("lectern-two")) {
            idle(idle);
        }
    }

    /**
     * Doubles the rate until it is too much, then halves the distance between the last good and the first bad one. That
     * is done before for nothing: a server that has only just started is slow at any rate.
     */
    private void room(int sockets) throws Exception {
        long begin = System.nanoTime();
        crowd.connect(sockets);
        report("connections/s", sockets, sockets / seconds(begin));
        double[] warm = new double[1];
        warmUp(() -> warm[0] = highest(FIRST_RATE, sockets));
        double good = highest(Math.max(FIRST_RATE, warm[0] / 4), sockets);
        if (good == 0) {
            good = highest(FIRST_RATE, sockets);
        }
        double best = perCpuSecond;
        double bad = 2 * good;
        for (int i = 0; i < 3 && good > 0; i++) {
            double middle = (good + bad) / 2;
            if (twice(middle, sockets, STEP)) {
                good = middle;
                best = perCpuSecond;
            } else {
                bad = middle;
            }
        }
        report("deliveries/s", sockets, good * sockets);
        report("deliveries per CPU second", sockets, best);
        crowd.disconnect();
    }

    /**
     * The highest rate that was good, doubling from the first until two in a row are not: where the machine has other
     * work, one is not good for reasons of its own. Leaves the cost of a delivery at that rate.
     */
    private double highest(double first, int sockets) throws Exception {
        double good = 0;
        double cost = 0;
        int badInARow = 0;
        for (double rate = first; badInARow < 2 && rate < LAST_RATE; rate *= 2) {
            if (twice(rate, sockets, PROBE)) {
                good = rate;
                cost = perCpuSecond;
                badInARow = 0;
            } else {
                badInARow++;
            }
        }
        perCpuSecond = cost;
        return good;
    }

    /** A rate that fails gets a second chance: the machine may have other work. */
    private boolean twice(double rate, int sockets, Duration length) throws Exception {
        boolean good = step(rate, sockets, length);
        return good || step(rate, sockets, length);
    }

    /** One rate for a while; whether everything came, and soon. */
    private boolean step(double rate, int sockets, Duration length) throws Exception {
        crowd.reset(false);
        int closedBefore = crowd.closed();
        double serverCpu = server.cpuSeconds();
        long driverCpu = driverCpuNanos();
        long sent = 0;
        long begin = System.nanoTime();
        long end = begin + length.toNanos();
        while (System.nanoTime() < end) {
            long due = (long) ((System.nanoTime() - begin) / 1e9 * rate);
            while (sent < due) {
                crowd.say((int) (sent % SENDERS), sent);
                sent++;
            }
            LockSupport.parkNanos(500_000);
        }
        long expected = sent * sockets;
        settle(crowd::received, expected);
        double wall = seconds(begin);
        double cpu = server.cpuSeconds() - serverCpu;
        long p99 = crowd.percentileMicros(0.99);
        boolean good = crowd.received() == expected && p99 < P99_LIMIT_MICROS && crowd.closed() == closedBefore;
        perCpuSecond = crowd.received() / Math.max(cpu, 0.01);
        System.out.printf(
                Locale.ROOT,
                "# %s %d sockets, %.0f messages/s: %d of %d, p50 %d us, p99 %d us, %d closed, server %.0f %% of a core, driver %.0f %%%s%n",
                kind,
                sockets,
                rate,
                crowd.received(),
                expected,
                crowd.percentileMicros(0.5),
                p99,
                crowd.closed() - closedBefore,
                100 * cpu / wall,
                (driverCpuNanos() - driverCpu) / 1e7 / wall,
                good ? "" : " (too much)");
        return good;
    }

    /** Waits until everything came, or nothing more does: what is late must not be counted to the next step. */
    private static void settle(LongSupplier counter, long expected) throws InterruptedException {
        long last = -1;
        long changed = System.nanoTime();
        while (counter.getAsLong() < expected) {
            if (counter.getAsLong() != last) {
                last = counter.getAsLong();
                changed = System.nanoTime();
            } else if (System.nanoTime() - changed > PATIENCE.toNanos()) {
                return;
            }
            Thread.sleep(5);
        }
    }

    /** After some for nothing: one message after the other; then as many as are acknowledged when fifty people always have twenty under way. */
    private void commits() throws Exception {
        crowd.connect(COMMITTERS);
        warmUp(() -> {
            committed(COMMITTERS * 20, STEP);
            committed(1, STEP);
        });
        committed(1, STEP);
        report("acknowledged p50 us, one at a time", COMMITTERS, (double) crowd.percentileMicros(0.5));
        report("acknowledged p99 us, one at a time", COMMITTERS, (double) crowd.percentileMicros(0.99));
        double perSecond = committed(COMMITTERS * 20, STEP.multipliedBy(2));
        report("acknowledged/s, 1000 under way", COMMITTERS, perSecond);
        report("acknowledged p99 us, 1000 under way", COMMITTERS, (double) crowd.percentileMicros(0.99));
        crowd.disconnect();
    }

    /** Does something for nothing, until the server's compilers rest: below a twentieth of the time, or five times. */
    private void warmUp(Work work) throws Exception {
        double share = 1;
        for (int times = 0; times < WARM_UPS && share > 0.05; times++) {
            long begin = System.nanoTime();
            double before = server.compilerSeconds();
            work.run();
            share = (server.compilerSeconds() - before) / seconds(begin);
            System.err.printf(Locale.ROOT, "# warming up: the compilers took %.0f %% of a core%n", 100 * share);
        }
    }

    /** Something that may fail. */
    @FunctionalInterface
    private interface Work {
        void run() throws Exception;
    }

    private double committed(int underWay, Duration length) throws InterruptedException {
        crowd.reset(true);
        long begin = System.nanoTime();
        long end = begin + length.toNanos();
        long sent = 0;
        while (System.nanoTime() < end) {
            if (sent - crowd.acknowledged() < underWay) {
                crowd.say((int) (sent % COMMITTERS), sent);
                sent++;
            } else {
                LockSupport.parkNanos(50_000);
            }
        }
        double perSecond = crowd.acknowledged() / seconds(begin);
        settle(() -> crowd.acknowledged() + crowd.refused(), sent);
        if (crowd.acknowledged() != sent) {
            throw new IllegalStateException(crowd.acknowledged() + " of " + sent + " were acknowledged, "
                    + crowd.refused() + " refused, " + crowd.closed() + " sockets closed");
        }
        return perSecond;
    }

    private void idle(int sockets) throws Exception {
        server.collect();
        server.collect();
        long before = server.residentBytes();
        long begin = System.nanoTime();
        crowd.connect(sockets);
        report("connections/s", sockets, sockets / seconds(begin));
        Thread.sleep(5_000);
        server.collect();
        server.collect();
        report("resident bytes for each idle socket", sockets, (double) (server.residentBytes() - before) / sockets);
        @Nullable String histogram = System.getProperty("histogram");
        if (histogram != null) {
            server.histogram(Path.of(histogram));
        }
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    private static long driverCpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    private void report(String what, int sockets, double value) {
        System.out.printf(Locale.ROOT, "RESULT\t%s\t%s\t%d\t%.0f%n", kind, what, sockets, value);
    }
}
