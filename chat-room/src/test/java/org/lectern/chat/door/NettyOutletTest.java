package org.lectern.chat.door;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.CloseCode;

class NettyOutletTest {

    @Test
    void aSocketWhoseCloseFrameLeftEndsASecondLaterThoughTheClientDoesNotAnswer() {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.freezeTime();
        new NettyOutlet(channel).close(CloseCode.DRAINING);
        ByteBuf frame = channel.readOutbound();
        assertThat(frame.readUnsignedByte()).as("a close frame").isEqualTo((short) 0x88);
        frame.skipBytes(1);
        assertThat(frame.readUnsignedShort()).isEqualTo(4009);
        frame.release();
        pass(channel, 999, TimeUnit.MILLISECONDS);
        assertThat(channel.isOpen()).isTrue();
        pass(channel, 1, TimeUnit.MILLISECONDS);
        assertThat(channel.isOpen()).isFalse();
    }

    @Test
    void nothingFollowsTheCloseFrame() {
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.freezeTime();
        NettyOutlet outlet = new NettyOutlet(channel);
        outlet.ping();
        outlet.close(CloseCode.DRAINING);
        outlet.ping();
        assertThat(firstByte(channel)).as("a ping").isEqualTo((short) 0x89);
        assertThat(firstByte(channel)).as("the close frame").isEqualTo((short) 0x88);
        assertThat(channel.outboundMessages()).isEmpty();
    }

    @Test
    void aSocketThatDoesNotReadItsCloseFrameIsClosedHardAfterThirtySeconds() {
        // Nothing leaves any more: the client's window is full.
        EmbeddedChannel channel = new EmbeddedChannel(new ChannelOutboundHandlerAdapter() {
            @Override
            public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
                ReferenceCountUtil.release(message);
            }
        });
        channel.freezeTime();
        new NettyOutlet(channel).close(CloseCode.TOO_SLOW);
        pass(channel, 29_999, TimeUnit.MILLISECONDS);
        assertThat(channel.isOpen()).isTrue();
        pass(channel, 1, TimeUnit.MILLISECONDS);
        assertThat(channel.isOpen()).isFalse();
    }

    private static short firstByte(EmbeddedChannel channel) {
        ByteBuf frame = channel.readOutbound();
        short first = frame.readUnsignedByte();
        frame.release();
        return first;
    }

    private static void pass(EmbeddedChannel channel, long time, TimeUnit unit) {
        channel.advanceTimeBy(time, unit);
        channel.runScheduledPendingTasks();
    }
}
