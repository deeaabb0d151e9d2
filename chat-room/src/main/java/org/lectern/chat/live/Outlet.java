package org.lectern.chat.live;

import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import org.lectern.chat.protocol.CloseCode;

/**
 * Where frames leave for one client. Every method but {@link #loop()} is called on that loop only; none blocks. The
 * bytes of several calls of {@link #write} leave at the next {@link #flush}.
 */
public interface Outlet {

    /** The thread that this outlet belongs to. */
    EventLoop loop();

    /** Queues whole frames as they go over the wire; takes over the caller's reference. */
    void write(ByteBuf frames);

    /** Sends what was queued. */
    void flush();

    /** Bytes that were written and have not left the process. */
    long pendingBytes();

    /** Ends the connection with a code, after what was written. */
    void close(CloseCode code);
}
