package org.lectern.chat.live;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A frame encoded once, header of RFC 6455 included, and shared by all sockets. A server's frames are not masked, so
 * their bytes are the same for everybody; Netty's own encoder would make a copy for each socket.
 */
public final class Frame {

    private final long seq;
    private final byte[] wire;
    private final int header;

    private Frame(long seq, byte[] wire, int header) {
        this.seq = seq;
        this.wire = wire;
        this.header = header;
    }

    /**
     * Frames a JSON text.
     *
     * @param seq number of the entry; 0 for what has no place in the room's sequence
     * @param json UTF-8
     */
    public static Frame of(long seq, byte[] json) {
        int header = json.length < 126 ? 2 : json.length < 65_536 ? 4 : 10;
        ByteBuffer wire = ByteBuffer.allocate(header + json.length).put((byte) 0x81);
        switch (header) {
            case 2 -> wire.put((byte) json.length);
            case 4 -> wire.put((byte) 126).putShort((short) json.length);
            default -> wire.put((byte) 127).putLong(json.length);
        }
        return new Frame(seq, wire.put(json).array(), header);
    }

    /** Number of the entry, or 0. */
    public long seq() {
        return seq;
    }

    /** Bytes on the wire. */
    public int length() {
        return wire.length;
    }

    /** The JSON alone. */
    public byte[] json() {
        return Arrays.copyOfRange(wire, header, wire.length);
    }

    /** The bytes for one socket, shared with this frame; the memory goes when nobody refers to it. */
    public ByteBuf bytes() {
        return Unpooled.wrappedBuffer(wire);
    }

    void writeTo(ByteBuf target) {
        target.writeBytes(wire);
    }
}
