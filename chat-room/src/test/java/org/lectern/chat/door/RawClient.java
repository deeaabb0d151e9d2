package org.lectern.chat.door;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.lectern.db.embedded.FreePort;

/** A WebSocket client that does nothing by itself: no pong, no close, no reading, and whatever frame it is told to send. */
final class RawClient implements AutoCloseable {

    static final int TEXT = 1;
    static final int BINARY = 2;
    static final int CLOSE = 8;
    static final int PING = 9;

    /** A frame of the server. */
    static final class Received {
        private final int opcode;
        private final byte[] payload;

        Received(int opcode, byte[] payload) {
            this.opcode = opcode;
            this.payload = payload;
        }

        int opcode() {
            return opcode;
        }

        byte[] payload() {
            return payload;
        }

        String text() {
            return new String(payload, StandardCharsets.UTF_8);
        }
    }

    private final Socket socket;

    private RawClient(Socket socket) {
        this.socket = socket;
    }

    /** Sends the handshake; its answer is read with the first frame. */
    static RawClient open(URI address, int receiveBufferBytes) throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(receiveBufferBytes);
        socket.connect(FreePort.loopback(address.getPort()), 5000);
        socket.setSoTimeout(30_000);
        socket.getOutputStream()
                .write(("GET " + address.getRawPath() + "?" + address.getRawQuery()
                                + " HTTP/1.1\r\nHost: " + address.getAuthority()
                                + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        return new RawClient(socket);
    }

    /** Reads the answer to the handshake; its first line. */
    String answer() throws IOException {
        return head().lines().findFirst().orElse("");
    }

    /** Reads the answer to the handshake up to its body. */
    String head() throws IOException {
        StringBuilder head = new StringBuilder();
        InputStream in = socket.getInputStream();
        while (!head.toString().endsWith("\r\n\r\n")) {
            int next = in.read();
            if (next < 0) {
                break;
            }
            head.append((char) next);
        }
        return head.toString();
    }

    /** Sends one frame, masked with zeros, which leaves the bytes as they are. */
    void send(boolean last, int opcode, byte[] payload) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(payload.length + 14).put((byte) ((last ? 0x80 : 0) | opcode));
        if (payload.length < 126) {
            frame.put((byte) (0x80 | payload.length));
        } else if (payload.length < 65_536) {
            frame.put((byte) (0x80 | 126)).putShort((short) payload.length);
        } else {
            frame.put((byte) (0x80 | 127)).putLong(payload.length);
        }
        frame.putInt(0).put(payload);
        OutputStream out = socket.getOutputStream();
        out.write(frame.array(), 0, frame.position());
    }

    void send(String text) throws IOException {
        send(true, TEXT, text.getBytes(StandardCharsets.UTF_8));
    }

    Received read() throws IOException {
        InputStream in = socket.getInputStream();
        int first = in.read();
        if (first < 0) {
            throw new IOException("the connection ended without a close frame");
        }
        long length = in.read();
        if (length == 126) {
            length = ByteBuffer.wrap(in.readNBytes(2)).getShort() & 0xffff;
        } else if (length == 127) {
            length = ByteBuffer.wrap(in.readNBytes(8)).getLong();
        }
        return new Received(first & 0x0f, in.readNBytes((int) length));
    }

    /** Reads on until the close frame; its code. */
    int closeCode() throws IOException {
        while (true) {
            Received frame = read();
            if (frame.opcode() == CLOSE) {
                return ByteBuffer.wrap(frame.payload()).getShort() & 0xffff;
            }
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
