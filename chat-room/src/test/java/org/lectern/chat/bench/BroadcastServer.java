package org.lectern.chat.bench;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What the machine can do: a single Netty loop that sends every text to everybody, with no order, store, ticket or limit.
 * It gathers what comes within 10 ms of a round and writes it to each socket once, by reference.
 */
final class BroadcastServer {

    private static final long REST_NANOS = 10_000_000L;

    private final List<Channel> sockets = new ArrayList<>();
    private ByteBuf due = PooledByteBufAllocator.DEFAULT.directBuffer();
    private boolean scheduled;
    private long notBefore;

    private BroadcastServer() {}

    public static void main(String[] arguments) throws InterruptedException {
        var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        BroadcastServer server = new BroadcastServer();
        new ServerBootstrap()
                .group(loop)
                .channel(EpollServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, 4096)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline()
                                .addLast(new HttpServerCodec())
                                .addLast(new HttpObjectAggregator(8192))
                                .addLast(new WebSocketServerProtocolHandler("/", null, false, 65_536, false, true))
                                .addLast(server.new Listener());
                    }
                })
                .bind("127.0.0.1", Integer.parseInt(arguments[0]))
                .sync();
        System.out.println("ready");
        Thread.currentThread().join();
    }

    private void drain() {
        scheduled = false;
        long begin = System.nanoTime();
        ByteBuf round = due;
        due = PooledByteBufAllocator.DEFAULT.directBuffer();
        for (Channel socket : sockets) {
            var behind = socket.pipeline().firstContext();
            var unused = behind.writeAndFlush(round.retainedDuplicate(), socket.voidPromise());
        }
        round.release();
        notBefore = System.nanoTime() + Math.min(REST_NANOS, 3 * (System.nanoTime() - begin));
    }

    private final class Listener extends SimpleChannelInboundHandler<TextWebSocketFrame> {

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) throws Exception {
            if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete) {
                sockets.add(context.channel());
            }
            super.userEventTriggered(context, event);
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            sockets.remove(context.channel());
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, TextWebSocketFrame frame) {
            ByteBuf text = frame.content();
            int length = text.readableBytes();
            due.writeByte(0x81);
            if (length < 126) {
                due.writeByte(length);
            } else {
                due.writeByte(126).writeShort(length);
            }
            due.writeBytes(text);
            if (!scheduled) {
                scheduled = true;
                long wait = notBefore - System.nanoTime();
                if (wait > 0) {
                    var unused = context.channel()
                            .eventLoop()
                            .schedule(BroadcastServer.this::drain, wait, TimeUnit.NANOSECONDS);
                } else {
                    context.channel().eventLoop().execute(BroadcastServer.this::drain);
                }
            }
        }
    }
}
