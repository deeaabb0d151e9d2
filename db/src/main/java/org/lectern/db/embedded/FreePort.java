package org.lectern.db.embedded;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Ports for private servers on the loopback interface, from below the range that the system gives to outgoing
 * connections, so that a server that is down for a moment finds its port free again.
 */
public final class FreePort {

    private static final int LOWEST = 20_000;
    private static final int HIGHEST = 29_999;
    private static final int ATTEMPTS = 200;

    private FreePort() {}

    /** A port that nobody listens on at this moment. */
    public static int any() throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            int port = ThreadLocalRandom.current().nextInt(LOWEST, HIGHEST + 1);
            if (isFree(port)) {
                return port;
            }
        }
        throw new IOException("found no free port between " + LOWEST + " and " + HIGHEST);
    }

    /** The port noted in the file if it is free, else another; the file then holds the answer. */
    public static int remembered(Path file) throws IOException {
        int port = 0;
        if (Files.exists(file)) {
            String text = Files.readString(file).strip();
            port = text.matches("[0-9]{1,5}") ? Integer.parseInt(text) : 0;
        }
        if (port < LOWEST || port > HIGHEST || !isFree(port)) {
            port = any();
            Path folder = file.toAbsolutePath().getParent();
            if (folder != null) {
                Files.createDirectories(folder);
            }
            Files.writeString(file, port + "\n");
        }
        return port;
    }

    /** The port on 127.0.0.1, whatever the names of this machine resolve to. */
    public static InetSocketAddress loopback(int port) {
        try {
            return new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("four bytes are an IPv4 address", e);
        }
    }

    /** Whether a server could listen on the port of the loopback interface now. */
    public static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(loopback(port));
            return true;
        } catch (IOException ignored) {
            return false;
        }
    }
}
