package org.lectern.chat.door;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.websocketx.WebSocketFrameEncoder;
import io.netty.handler.ssl.SslHandler;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.live.Outlet;
import org.lectern.chat.protocol.CloseCode;

/**
 * A socket's channel, written to directly. Frames come framed, so Netty's WebSocket encoder passes them on as they are,
 * and what waits is known in bytes from the channel's own outbound buffer. After the upgrade nobody else writes to the
 * channel but Reactor Netty, which answers pings and the client's close frame.
 */
final class NettyOutlet implements Outlet {

    /** How long a client may take to read what was written before its close frame. */
    private static final long CLOSE_PATIENCE_SECONDS = 30;

    private static final ByteBuf PING =
            Unpooled.unreleasableBuffer(Unpooled.wrappedBuffer(new byte[] {(byte) 0x89, 0x00}));

    private final Channel channel;
    private @Nullable ChannelHandlerContext start;

    /** On the loop only: nothing may follow the close frame, or the client takes the end for a broken one. */
    private boolean closing;

    NettyOutlet(Channel channel) {
        this.channel = channel;
    }

    @Override
    public EventLoop loop() {
        return channel.eventLoop();
    }

    @Override
    public void write(ByteBuf frames) {
        @Nullable ChannelHandlerContext from = start();
        var unused =
                from == null ? channel.write(frames, channel.voidPromise()) : from.write(frames, channel.voidPromise());
    }

    @Override
    public void flush() {
        @Nullable ChannelHandlerContext from = start();
        if (from == null) {
            channel.flush();
        } else {
            from.flush();
        }
    }

    /**
     * What is framed already starts at the channel's own end, past all handlers, which have nothing to do with it: for each
     * message and socket they cost as much as the write. Encryption has.
     */
    private @Nullable ChannelHandlerContext start() {
        if (start == null) {
            ChannelPipeline pipeline = channel.pipeline();
            start = pipeline.get(SslHandler.class) == null
                    ? pipeline.firstContext()
                    : pipeline.context(WebSocketFrameEncoder.class);
        }
        return start;
    }

    @Override
    public long pendingBytes() {
        @Nullable ChannelOutboundBuffer buffer = channel.unsafe().outboundBuffer();
        return buffer == null ? 0 : buffer.totalPendingWriteBytes();
    }

    @Override
    public void close(CloseCode code) {
        closing = true;
        byte[] reason = code.meaning().getBytes(StandardCharsets.US_ASCII);
        int length = Math.min(reason.length, 123);
        ByteBuf frame = Unpooled.buffer(length + 4)
                .writeByte(0x88)
                .writeByte(2 + length)
                .writeShort(code.code())
                .writeBytes(reason, 0, length);
        // The client answers with its own close frame, at which Reactor Netty closes the channel; this is for others.
        var unusedYet = channel.writeAndFlush(frame).addListener(written -> {
            var unused = loop().schedule(this::end, written.isSuccess() ? 1 : 0, TimeUnit.SECONDS);
        });
        var patience = loop().schedule(this::end, CLOSE_PATIENCE_SECONDS, TimeUnit.SECONDS);
        var unused = channel.closeFuture().addListener(gone -> patience.cancel(false));
    }

    private void end() {
        var unused = channel.close();
    }

    /** On the loop: asks whether the client is still there, unless it was told to go. */
    void ping() {
        if (!closing) {
            var unused = channel.writeAndFlush(PING.duplicate(), channel.voidPromise());
        }
    }
}
