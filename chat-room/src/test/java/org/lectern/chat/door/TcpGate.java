package org.lectern.chat.door;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.lectern.db.embedded.FreePort;

/**
 * A way to a server that can be cut: connections stay open and nothing passes, as when a cable is pulled. What was sent
 * meanwhile arrives when the way is mended.
 */
final class TcpGate implements AutoCloseable {

    private final ServerSocket entrance;
    private final int target;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition mended = lock.newCondition();
    private boolean cut;

    private TcpGate(ServerSocket entrance, int target) {
        this.entrance = entrance;
        this.target = target;
    }

    /** A gate before a port of this machine, open. */
    static TcpGate before(int port) throws IOException {
        TcpGate gate = new TcpGate(new ServerSocket(0, 100, FreePort.loopback(0).getAddress()), port);
        Thread.ofVirtual().start(gate::accept);
        return gate;
    }

    int port() {
        return entrance.getLocalPort();
    }

    void cut() {
        set(true);
    }

    void mend() {
        set(false);
    }

    @Override
    public void close() throws IOException {
        entrance.close();
        for (Socket socket : sockets) {
            socket.close();
        }
        mend();
    }

    private void set(boolean isCut) {
        lock.lock();
        try {
            cut = isCut;
            mended.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void pass() {
        lock.lock();
        try {
            while (cut) {
                mended.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    private void accept() {
        try {
            while (!entrance.isClosed()) {
                Socket in = entrance.accept();
                Socket out = new Socket();
                sockets.add(in);
                sockets.add(out);
                out.connect(FreePort.loopback(target));
                Thread.ofVirtual().start(() -> pump(in, out));
                Thread.ofVirtual().start(() -> pump(out, in));
            }
        } catch (IOException e) {
            // Closed.
        }
    }

    private void pump(Socket from, Socket to) {
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[65_536];
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                pass();
                out.write(buffer, 0, count);
            }
        } catch (IOException e) {
            // One side has gone; the other follows.
        } finally {
            sockets.remove(from);
            sockets.remove(to);
        }
    }
}
