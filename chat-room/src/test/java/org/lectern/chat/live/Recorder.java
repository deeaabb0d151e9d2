package org.lectern.chat.live;

import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.lectern.chat.protocol.CloseCode;

/** An outlet that notes what is asked of it; what is pending is said by the test. */
final class Recorder implements Outlet {

    /** What was asked, in order: the text of what was written, "flush", or a close code's name. */
    final List<String> asked = new CopyOnWriteArrayList<>();

    /** How many bytes a client has not taken yet. */
    volatile long pending;

    private final EventLoop loop;
    private Runnable whenAsked = () -> {};

    Recorder(EventLoop loop) {
        this.loop = loop;
    }

    /** Does something once, when this is written to next. */
    void whenAsked(Runnable once) {
        whenAsked = once;
    }

    @Override
    public EventLoop loop() {
        return loop;
    }

    @Override
    public void write(ByteBuf frames) {
        // Small frames of the tests: two bytes of header each.
        asked.add(frames.toString(StandardCharsets.ISO_8859_1).replaceAll("\\u0081.", ""));
        frames.release();
        Runnable once = whenAsked;
        whenAsked = () -> {};
        once.run();
    }

    @Override
    public void flush() {
        asked.add("flush");
    }

    @Override
    public long pendingBytes() {
        return pending;
    }

    @Override
    public void close(CloseCode code) {
        asked.add(code.name());
    }
}
