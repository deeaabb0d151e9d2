package org.lectern.chat.bench;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.door.BenchNode;

/**
 * Many clients in one room, on one thread, lean enough not to be what is measured: frames are told by their headers alone
 * and counted, and a time is read out of those of some sockets only.
 */
// Writes to sockets are judged by what arrives, not by their futures.
@SuppressWarnings("FutureReturnValueIgnored")
final class Crowd {

    private static final int SAMPLED = 100;
    private static final int OPENING = 250;
    private static final String FILLER = "x".repeat(80);
    private static final ByteBuf END =
            Unpooled.unreleasableBuffer(Unpooled.copiedBuffer("\r\n\r\n", StandardCharsets.US_ASCII));

    private final BenchServer server;
    private final HttpClient http = HttpClient.newHttpClient();
    private final MultiThreadIoEventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final List<Channel> channels = new ArrayList<>();
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger closed = new AtomicInteger();

    // Written on the loop only.
    private final long[] latencies = new long[4_000_000];
    private volatile int samples;
    private volatile boolean acknowledgementsTimed;

    Crowd(BenchServer server) {
        this.server = server;
    }

    /** Opens so many sockets more, {@value #OPENING} at a time, as a class comes. */
    void connect(int sockets) throws Exception {
        Semaphore atOnce = new Semaphore(OPENING);
        List<CompletableFuture<Channel>> opening = new ArrayList<>();
        for (int i = 0; i < sockets; i++) {
            int number = i;
            int port = server.ports().get(number % server.ports().size());
            atOnce.acquire();
            CompletableFuture<Channel> channel =
                    path(number, port).thenCompose(path -> open(port, path, number < SAMPLED));
            channel.whenComplete((unused, e) -> atOnce.release());
            opening.add(channel);
        }
        for (CompletableFuture<Channel> each : opening) {
            channels.add(each.get());
        }
    }

    void disconnect() throws InterruptedException {
        for (Channel channel : channels) {
            channel.close();
        }
        channels.clear();
        Thread.sleep(3_000);
    }

    /** Has one of the sockets say something that carries the time. */
    void say(int sender, long number) {
        Channel channel = channels.get(sender);
        String stamp = "t=" + System.nanoTime() / 1_000 + ";";
        String text = server.isLectern()
                ? "{\"type\":\"send\",\"id\":\"" + stamp + number + "\",\"text\":\"" + stamp + FILLER + "\"}"
                : server.isSocketIo() ? "42[\"m\",\"" + stamp + FILLER + "\"]" : stamp + FILLER;
        channel.writeAndFlush(frame(channel, text), channel.voidPromise());
    }

    /** Counts from nothing again; times are those of acknowledgements, else those of messages. */
    void reset(boolean timeAcknowledgements) {
        received.set(0);
        acknowledged.set(0);
        refused.set(0);
        samples = 0;
        acknowledgementsTimed = timeAcknowledgements;
    }

    /** Messages received by all sockets together. */
    long received() {
        return received.get();
    }

    long acknowledged() {
        return acknowledged.get();
    }

    /** Messages that were answered with an error. */
    int refused() {
        return refused.get();
    }

    /** Sockets that were ended by anybody. */
    int closed() {
        return closed.get();
    }

    /** Of the times since the last reset, in microseconds; without any, the largest number. */
    long percentileMicros(double share) {
        int count = samples;
        if (count == 0) {
            return Long.MAX_VALUE;
        }
        long[] sorted = Arrays.copyOf(latencies, count);
        Arrays.sort(sorted);
        return sorted[(int) (share * (count - 1))];
    }

    private CompletableFuture<String> path(int number, int port) {
        if (!server.isLectern()) {
            return CompletableFuture.completedFuture(
                    server.isSocketIo() ? "/socket.io/?EIO=4&transport=websocket" : "/");
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

    private CompletableFuture<Channel> open(int port, String path, boolean sampled) {
        CompletableFuture<Channel> opened = new CompletableFuture<>();
        new Bootstrap()
                .group(loop)
                .channel(EpollSocketChannel.class)
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(65_536))
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
                    "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1"
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
            if (!upgraded && !upgrade(context, in)) {
                in.release();
                return;
            }
            while (upgraded && next(context, in)) {}
            if (in.isReadable()) {
                rest = context.alloc().buffer(in.readableBytes() + 256).writeBytes(in);
            }
            in.release();
        }

        /** False when the server refused. */
        private boolean upgrade(ChannelHandlerContext context, ByteBuf in) {
            int end = ByteBufUtil.indexOf(END, in);
            if (end < 0) {
                return true;
            }
            if (!in.toString(in.readerIndex(), 12, StandardCharsets.US_ASCII).endsWith("101")) {
                opened.completeExceptionally(new IOException(in.toString(StandardCharsets.UTF_8)));
                context.close();
                return false;
            }
            in.readerIndex(end + 4);
            upgraded = true;
            if (!server.isLectern() && !server.isSocketIo()) {
                opened.complete(context.channel());
            }
            return true;
        }

        /** Takes one frame; false when the rest of it has not come yet. */
        private boolean next(ChannelHandlerContext context, ByteBuf in) {
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
            if (server.isLectern()) {
                // {"type":"message", "ack", "welcome", "error", "presence"
                switch (in.getByte(body + 9)) {
                    case 'm' -> message(in, body, length);
                    case 'a' -> {
                        acknowledged.lazySet(acknowledged.get() + 1);
                        if (acknowledgementsTimed) {
                            sample(in, body, length);
                        }
                    }
                    case 'e' -> refused.incrementAndGet();
                    case 'w' -> opened.complete(context.channel());
                    default -> {}
                }
            } else if (server.isSocketIo()) {
                // Engine.IO: 0 open, 2 ping, 40 connected, 42 event.
                byte first = in.getByte(body);
                if (first == '0') {
                    context.writeAndFlush(Crowd.frame(context.channel(), "40"));
                } else if (first == '2') {
                    context.writeAndFlush(Crowd.frame(context.channel(), "3"));
                } else if (first == '4' && in.getByte(body + 1) == '0') {
                    opened.complete(context.channel());
                } else if (first == '4' && in.getByte(body + 1) == '2') {
                    message(in, body, length);
                }
            } else {
                message(in, body, length);
            }
        }

        private void message(ByteBuf in, int body, int length) {
            received.lazySet(received.get() + 1);
            if (sampled && !acknowledgementsTimed) {
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
}
