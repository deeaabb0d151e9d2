package org.lectern.chat.door;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.live.Outlet;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.chat.protocol.FrameCodec;
import org.springframework.http.codec.ServerSentEvent;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import tools.jackson.databind.json.JsonMapper;

/**
 * Frames as server-sent events. A room's frames come encoded for sockets; their header is taken off again, so that both
 * transports carry the same bytes of JSON. What waits is bounded as for a socket: its bytes count here until the
 * response took them, and in the channel's outbound buffer afterwards. In between, uncounted, are the few events (32 at
 * most) that the HTTP server takes ahead.
 */
final class SseOutlet implements Outlet {

    /** How long a client may take to read what was written before the last event. */
    private static final long CLOSE_PATIENCE_SECONDS = 30;

    private final Channel channel;
    private final FrameCodec codec;
    private final JsonMapper json;
    private final AtomicLong queuedBytes = new AtomicLong();
    private final Queue<ServerSentEvent<String>> queue = new ConcurrentLinkedQueue<>();
    private final Sinks.Many<ServerSentEvent<String>> sink =
            Sinks.many().unicast().onBackpressureBuffer(queue);
    private @Nullable Long epoch;

    SseOutlet(Channel channel, FrameCodec codec, JsonMapper json) {
        this.channel = channel;
        this.codec = codec;
        this.json = json;
    }

    /** The events; for one subscriber. Ends after the event {@code close}. */
    Flux<ServerSentEvent<String>> events() {
        return sink.asFlux().doOnNext(event -> queuedBytes.addAndGet(-size(event)));
    }

    @Override
    public EventLoop loop() {
        return channel.eventLoop();
    }

    @Override
    public void write(ByteBuf frames) {
        try {
            while (frames.isReadable()) {
                frames.skipBytes(1);
                long length = frames.readUnsignedByte();
                if (length == 126) {
                    length = frames.readUnsignedShort();
                } else if (length == 127) {
                    length = frames.readLong();
                }
                byte[] frame = new byte[(int) length];
                frames.readBytes(frame);
                emit(frame);
            }
        } finally {
            frames.release();
        }
    }

    private void emit(byte[] frame) {
        FrameCodec.Head head = codec.head(frame);
        if (head.epoch() != null) {
            epoch = head.epoch();
        }
        var event = ServerSentEvent.builder(new String(frame, StandardCharsets.UTF_8))
                .event(head.type());
        if (head.entry() != null && epoch != null) {
            event.id(epoch + ":" + head.entry());
        }
        emit(event.build());
    }

    private void emit(ServerSentEvent<String> event) {
        queuedBytes.addAndGet(size(event));
        sink.tryEmitNext(event);
    }

    @Override
    public void flush() {
        // Every event leaves by itself.
    }

    @Override
    public long pendingBytes() {
        @Nullable ChannelOutboundBuffer buffer = channel.unsafe().outboundBuffer();
        return queuedBytes.get() + (buffer == null ? 0 : buffer.totalPendingWriteBytes());
    }

    @Override
    public void close(CloseCode code) {
        String reason = json.createObjectNode()
                .put("type", "close")
                .put("code", code.code())
                .put("reason", code.meaning())
                .toString();
        emit(ServerSentEvent.builder(reason).event("close").build());
        sink.tryEmitComplete();
        // The end of the answer ends the connection; this is for a client that does not read.
        var patience = loop().schedule(
                        () -> {
                            var unused = channel.close();
                        },
                        CLOSE_PATIENCE_SECONDS,
                        TimeUnit.SECONDS);
        var unused = channel.closeFuture().addListener(gone -> patience.cancel(false));
    }

    private static long size(ServerSentEvent<String> event) {
        @Nullable String data = event.data();
        return data == null ? 0 : data.length();
    }
}
