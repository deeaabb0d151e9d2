package org.lectern.chat.bench;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.door.BenchNode;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.FreePort;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;

/**
 * Measures one server as {@code bench/chat.sh} asks: connections per second, the highest rate of messages into one room
 * that reaches every socket with p99 under 100 ms and no loss, committed messages per second, and resident memory for
 * each idle socket. The server runs on one core, this driver with PostgreSQL and Redis on another.
 *
 * <p>Arguments: {@code lectern | lectern-single | netty | socketio | socketio-redis}, then sockets such as {@code 1000,5000}, then idle
 * sockets (0 for none).
 */
// Writes to sockets are judged by what arrives, not by their futures.
@SuppressWarnings("FutureReturnValueIgnored")
final class ChatBenchmark {

    private static final int SENDERS = 10;
    private static final int SAMPLED = 100;
    private static final Duration STEP = Duration.ofSeconds(Integer.getInteger("step", 4));
    private static final long P99_LIMIT_MICROS = 100_000;
    private static final String FILLER = "x".repeat(80);

    private final String kind;
    private final int port;
    private final Process server;
    private final HttpClient http = HttpClient.newHttpClient();
    private final MultiThreadIoEventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong acknowledged = new AtomicLong();
    private final List<Channel> channels = new ArrayList<>();

    // On the loop only.
    private final long[] latencies = new long[4_000_000];
    private volatile int samples;
    private final AtomicInteger closed = new AtomicInteger();

    private ChatBenchmark(String kind, int port, Process server) {
        this.kind = kind;
        this.port = port;
        this.server = server;
    }

    public static void main(String[] arguments) throws Exception {
        String kind = arguments[0];
        Path directory = Files.createTempDirectory("lectern-bench");
        boolean redis = kind.startsWith("lectern") || kind.equals("socketio-redis");
        EmbeddedServices services = EmbeddedServices.start(new EmbeddedServices.Settings(
                directory,
                kind.startsWith("lectern")
                        ? EnumSet.of(EmbeddedService.POSTGRESQL, EmbeddedService.REDIS)
                        : redis ? EnumSet.of(EmbeddedService.REDIS) : EnumSet.noneOf(EmbeddedService.class),
                0,
                BinaryCache.ofUser()));
        int port = FreePort.any();
        Process server = start(kind, port, services);
        int status = 1;
        try {
            ChatBenchmark benchmark = new ChatBenchmark(kind, port, server);
            if (kind.startsWith("lectern") && !arguments[1].isEmpty()) {
                benchmark.commits();
            }
            for (String sockets : arguments[1].isEmpty() || kind.equals("lectern-single")
                    ? new String[0]
                    : arguments[1].split(",", -1)) {
                benchmark.room(Integer.parseInt(sockets));
            }
            int idle = Integer.parseInt(arguments[2]);
            if (idle > 0 && !kind.equals("lectern-single")) {
                benchmark.idle(idle);
            }
            status = 0;
        } catch (Exception e) {
            System.err.println("# failed: " + e);
        } finally {
            server.destroyForcibly().onExit().join();
            services.close();
            Runtime.getRuntime().halt(status);
        }
    }

    private static Process start(String kind, int port, EmbeddedServices services) throws IOException {
        List<String> command = new ArrayList<>(List.of("taskset", "-c", "0"));
        List<String> java = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"));
        switch (kind) {
            case "lectern", "lectern-single" -> {
                command.addAll(java);
                command.add(BenchNode.class.getName());
                command.add("server.port=" + port);
                command.add("reactor.netty.ioWorkerCount=1");
                services.properties().forEach((name, value) -> command.add(name + "=" + value));
                command.addAll(List.of(
                        "lectern.chat.per-person-rate=1000000",
                        "lectern.chat.per-person-burst=1000000",
                        "lectern.chat.per-room-rate=1000000",
                        "lectern.chat.shard-ceiling=20",
                        "lectern.chat.batch-limit=" + (kind.equals("lectern") ? 1000 : 1)));
            }
            case "netty" -> {
                command.addAll(java);
                command.addAll(List.of(BroadcastServer.class.getName(), Integer.toString(port)));
            }
            default ->
                command.addAll(List.of(
                        "node",
                        System.getProperty("socketio"),
                        Integer.toString(port),
                        services.redis().map(each -> each.uri()).orElse("")));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
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
        Thread.ofPlatform().daemon().start(() -> output.lines().forEach(each -> {}));
        return process;
    }

    private void room(int sockets) throws Exception {
        long begin = System.nanoTime();
        connect(sockets);
        double seconds = (System.nanoTime() - begin) / 1e9;
        report("connections_per_s", sockets, sockets / seconds);
        // Warm, then search: half as much again each time, then between the last good and the first bad.
        step(20, sockets, Duration.ofSeconds(3));
        double good = 0;
        double bad = 0;
        double rate = 10;
        while (bad == 0 && rate < 200_000) {
            if (step(rate, sockets, STEP)) {
                good = rate;
                rate *= 1.6;
            } else {
                bad = rate;
            }
        }
        for (int i = 0; i < 2; i++) {
            double middle = (good + bad) / 2;
            if (step(middle, sockets, STEP)) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        report("deliveries_per_s", sockets, good * sockets);
        disconnect();
    }

    /** One rate for a while; whether everything came, and soon. */
    private boolean step(double rate, int sockets, Duration length) throws InterruptedException {
        received.set(0);
        samples = 0;
        int closedBefore = closed.get();
        long sent = 0;
        long begin = System.nanoTime();
        long end = begin + length.toNanos();
        while (System.nanoTime() < end) {
            long due = (long) ((System.nanoTime() - begin) / 1e9 * rate);
            while (sent < due) {
                say(channels.get((int) (sent % SENDERS)), sent);
                sent++;
            }
            LockSupport.parkNanos(500_000);
        }
        long expected = sent * sockets;
        long patience = System.nanoTime() + Duration.ofSeconds(5).toNanos();
        while (received.get() < expected && System.nanoTime() < patience) {
            Thread.sleep(20);
        }
        int count = samples;
        long p99 = percentile(count, 0.99);
        boolean good = received.get() == expected && p99 < P99_LIMIT_MICROS && closed.get() == closedBefore;
        System.out.printf(
                Locale.ROOT,
                "# %s %d sockets, %.0f messages/s: %d of %d, p50 %d us, p99 %d us, %d closed%s%n",
                kind,
                sockets,
                rate,
                received.get(),
                expected,
                percentile(count, 0.5),
                p99,
                closed.get() - closedBefore,
                good ? "" : " (too much)");
        return good;
    }

    /** As many as are acknowledged when fifty people always have twenty under way. */
    private void commits() throws Exception {
        connect(50);
        for (int round = 0; round < 2; round++) {
            acknowledged.set(0);
            samples = 0;
            long begin = System.nanoTime();
            long end = begin + Duration.ofSeconds(8).toNanos();
            long sent = 0;
            while (System.nanoTime() < end) {
                if (sent - acknowledged.get() < 1_000) {
                    say(channels.get((int) (sent % 50)), sent);
                    sent++;
                } else {
                    LockSupport.parkNanos(50_000);
                }
            }
            double seconds = (System.nanoTime() - begin) / 1e9;
            if (round == 1) {
                report("committed_per_s", 50, acknowledged.get() / seconds);
                report("committed_p99_us", 50, (double) percentile(samples, 0.99));
            }
            Thread.sleep(2_000);
        }
        disconnect();
    }

    private void idle(int sockets) throws Exception {
        collect();
        Thread.sleep(3_000);
        collect();
        long before = resident();
        long begin = System.nanoTime();
        connect(sockets);
        report("connections_per_s", sockets, sockets / ((System.nanoTime() - begin) / 1e9));
        Thread.sleep(5_000);
        collect();
        Thread.sleep(3_000);
        collect();
        report("resident_bytes_per_idle_socket", sockets, (double) (resident() - before) / sockets);
        @Nullable String histogram = System.getProperty("histogram");
        if (histogram != null) {
            new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "jcmd")
                                    .toString(),
                            Long.toString(server.pid()),
                            "GC.class_histogram")
                    .redirectOutput(Path.of(histogram).toFile())
                    .start()
                    .waitFor();
        }
    }

    private void collect() throws Exception {
        if (kind.startsWith("socketio")) {
            new ProcessBuilder("kill", "-USR2", Long.toString(server.pid()))
                    .start()
                    .waitFor();
        } else {
            new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "jcmd")
                                    .toString(),
                            Long.toString(server.pid()),
                            "GC.run")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        }
        Thread.sleep(1_000);
    }

    private long resident() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Long.toString(server.pid()), "status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        }
        throw new IOException("no VmRSS");
    }

    private void report(String what, int sockets, double value) {
        System.out.printf(Locale.ROOT, "RESULT %s %s %d %.1f%n", kind, what, sockets, value);
    }

    private long percentile(int count, double share) {
        if (count == 0) {
            return Long.MAX_VALUE;
        }
        long[] sorted = Arrays.copyOf(latencies, count);
        Arrays.sort(sorted);
        return sorted[(int) (share * (count - 1))];
    }

    private void connect(int sockets) throws Exception {
        Semaphore atOnce = new Semaphore(64);
        List<CompletableFuture<Channel>> opened = new ArrayList<>();
        for (int i = 0; i < sockets; i++) {
            int number = i;
            atOnce.acquire();
            CompletableFuture<Channel> channel = path(number).thenCompose(path -> open(path, number < SAMPLED));
            channel.whenComplete((unused, e) -> atOnce.release());
            opened.add(channel);
        }
        for (CompletableFuture<Channel> each : opened) {
            channels.add(each.get());
        }
    }

    private void disconnect() throws InterruptedException {
        for (Channel channel : channels) {
            channel.close();
        }
        channels.clear();
        Thread.sleep(3_000);
    }

    private CompletableFuture<String> path(int number) {
        if (kind.equals("netty")) {
            return CompletableFuture.completedFuture("/");
        }
        if (!kind.startsWith("lectern")) {
            return CompletableFuture.completedFuture("/socket.io/?EIO=4&transport=websocket");
        }
        HttpRequest request = HttpRequest.newBuilder(
                        URI.create("http://127.0.0.1:" + port + "/api/chat/rooms/" + BenchNode.ROOM + "/tickets"))
                .header("X-Session", BenchNode.session(number).toString())
                .POST(HttpRequest.BodyPublishers.noBody())
                .build();
        return http.sendAsync(request, HttpResponse.BodyHandlers.ofString()).thenApply(answer -> {
            if (answer.statusCode() != 200) {
                throw new IllegalStateException("ticket: " + answer.statusCode() + " " + answer.body());
            }
            int url = answer.body().indexOf("/ws/");
            return answer.body().substring(url, answer.body().indexOf('"', url)) + "&epoch=&since=";
        });
    }

    private CompletableFuture<Channel> open(String path, boolean sampled) {
        CompletableFuture<Channel> opened = new CompletableFuture<>();
        new Bootstrap()
                .group(loop)
                .channel(EpollSocketChannel.class)
                .handler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new Ears(opened, path, sampled));
                    }
                })
                .connect("127.0.0.1", port)
                .addListener(connected -> {
                    if (!connected.isSuccess()) {
                        opened.completeExceptionally(connected.cause());
                    }
                });
        return opened;
    }

    private void say(Channel channel, long number) {
        String stamp = "t=" + System.nanoTime() / 1_000 + ";";
        String text = switch (kind) {
            case "lectern", "lectern-single" ->
                "{\"type\":\"send\",\"id\":\"" + stamp + number + "\",\"text\":\"" + stamp + FILLER + "\"}";
            case "netty" -> stamp + FILLER;
            default -> "42[\"m\",\"" + stamp + FILLER + "\"]";
        };
        channel.writeAndFlush(frame(channel, text), channel.voidPromise());
    }

    /** A client's frame, masked with zeros. */
    private static ByteBuf frame(Channel channel, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        ByteBuf frame = channel.alloc().directBuffer(bytes.length + 8).writeByte(0x81);
        if (bytes.length < 126) {
            frame.writeByte(0x80 | bytes.length);
        } else {
            frame.writeByte(0x80 | 126).writeShort(bytes.length);
        }
        return frame.writeInt(0).writeBytes(bytes);
    }

    /** Counts frames by their headers alone; reads the time out of some. */
    private final class Ears extends ChannelInboundHandlerAdapter {

        private final CompletableFuture<Channel> opened;
        private final String path;
        private final boolean sampled;
        private boolean upgraded;
        private @Nullable ByteBuf rest;

        Ears(CompletableFuture<Channel> opened, String path, boolean sampled) {
            this.opened = opened;
            this.path = path;
            this.sampled = sampled;
        }

        @Override
        public void channelActive(ChannelHandlerContext context) {
            context.writeAndFlush(ByteBufUtil.writeAscii(
                    context.alloc(),
                    "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + port
                            + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            closed.incrementAndGet();
            opened.completeExceptionally(new IOException("closed"));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            ByteBuf in = (ByteBuf) message;
            if (rest != null) {
                in = rest.writeBytes(in);
                ((ByteBuf) message).release();
                rest = null;
            }
            if (!upgraded) {
                int end = ByteBufUtil.indexOf(END, in);
                if (end >= 0) {
                    if (!in.toString(in.readerIndex(), 12, StandardCharsets.US_ASCII)
                            .endsWith("101")) {
                        opened.completeExceptionally(new IOException(in.toString(StandardCharsets.UTF_8)));
                        context.close();
                        return;
                    }
                    in.readerIndex(end + 4);
                    upgraded = true;
                    if (kind.equals("netty")) {
                        opened.complete(context.channel());
                    }
                }
            }
            while (upgraded && frame(context, in)) {}
            if (in.isReadable()) {
                rest = context.alloc().buffer(in.readableBytes() + 256).writeBytes(in);
            }
            in.release();
        }

        private boolean frame(ChannelHandlerContext context, ByteBuf in) {
            int start = in.readerIndex();
            int readable = in.readableBytes();
            if (readable < 2) {
                return false;
            }
            int opcode = in.getByte(start) & 0x0f;
            int length = in.getByte(start + 1) & 0x7f;
            int header = 2;
            if (length == 126) {
                if (readable < 4) {
                    return false;
                }
                length = in.getUnsignedShort(start + 2);
                header = 4;
            } else if (length == 127) {
                if (readable < 10) {
                    return false;
                }
                length = (int) in.getLong(start + 2);
                header = 10;
            }
            if (readable < header + length) {
                return false;
            }
            int body = start + header;
            in.readerIndex(body + length);
            if (opcode == 9) {
                context.writeAndFlush(context.alloc()
                        .directBuffer(8)
                        .writeByte(0x8a)
                        .writeByte(0x80)
                        .writeInt(0));
            } else if (opcode == 1 && length > 0) {
                text(context, in, body, length);
            }
            return true;
        }

        private void text(ChannelHandlerContext context, ByteBuf in, int body, int length) {
            switch (kind) {
                case "netty" -> message(in, body, length);
                case "lectern", "lectern-single" -> {
                    // {"type":"message", "ack", "welcome", "presence"
                    switch (in.getByte(body + 9)) {
                        case 'm' -> message(in, body, length);
                        case 'a' -> {
                            acknowledged.incrementAndGet();
                            if (channels.size() <= 50) {
                                sample(in, body, length);
                            }
                        }
                        case 'w' -> opened.complete(context.channel());
                        default -> {}
                    }
                }
                default -> {
                    // Engine.IO: 0 open, 2 ping, 40 connected, 42 event.
                    byte first = in.getByte(body);
                    if (first == '0') {
                        context.writeAndFlush(ChatBenchmark.frame(context.channel(), "40"));
                    } else if (first == '2') {
                        context.writeAndFlush(ChatBenchmark.frame(context.channel(), "3"));
                    } else if (first == '4' && in.getByte(body + 1) == '0') {
                        opened.complete(context.channel());
                    } else if (first == '4' && in.getByte(body + 1) == '2') {
                        message(in, body, length);
                    }
                }
            }
        }

        private void message(ByteBuf in, int body, int length) {
            received.lazySet(received.get() + 1);
            if (sampled && channels.size() > 50) {
                sample(in, body, length);
            }
        }

        private void sample(ByteBuf in, int body, int length) {
            for (int i = body; i < body + length - 3; i++) {
                if (in.getByte(i) == 't' && in.getByte(i + 1) == '=') {
                    long stamp = 0;
                    for (int digit = i + 2; in.getByte(digit) != ';'; digit++) {
                        stamp = stamp * 10 + in.getByte(digit) - '0';
                    }
                    int next = samples;
                    if (next < latencies.length) {
                        latencies[next] = System.nanoTime() / 1_000 - stamp;
                        samples = next + 1;
                    }
                    return;
                }
            }
        }
    }

    private static final ByteBuf END =
            Unpooled.unreleasableBuffer(Unpooled.copiedBuffer("\r\n\r\n", StandardCharsets.US_ASCII));
}
