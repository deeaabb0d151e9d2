package org.lectern.chat.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.DefaultEventLoop;
import io.netty.channel.EventLoop;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.Person;

class PostTest {

    private final EventLoop loop = new DefaultEventLoop();

    @AfterEach
    void stop() {
        var unused = loop.shutdownGracefully();
    }

    @Test
    void whatWasSentBeforeACloseLeavesBeforeItThoughAnotherThreadHasYetToHandItOver() throws Exception {
        // Whoever sent first to this loop was to hand the task over, and has not come to it.
        List<Runnable> notYet = new ArrayList<>();
        List<String> left = new CopyOnWriteArrayList<>();
        Attendee ada = new Attendee(
                new Person(new UUID(0, 1), "Ada"), false, 0, new Told(loop, left), new Post(notYet::add), 1_000);
        ada.send(Frame.of(0, "{}".getBytes(StandardCharsets.UTF_8)));
        ada.close(CloseCode.RATE);
        loop.submit(() -> {}).get(10, TimeUnit.SECONDS);
        assertThat(left).containsExactly("frame", "flush", "RATE");
        loop.submit(() -> notYet.forEach(Runnable::run)).get(10, TimeUnit.SECONDS);
        assertThat(left).as("nothing follows the close frame").hasSize(3);
    }

    private record Told(EventLoop loop, List<String> left) implements Outlet {
        @Override
        public void write(ByteBuf frames) {
            frames.release();
            left.add("frame");
        }

        @Override
        public void flush() {
            left.add("flush");
        }

        @Override
        public long pendingBytes() {
            return 0;
        }

        @Override
        public void close(CloseCode code) {
            left.add(code.name());
        }
    }
}
