package org.lectern.db.pool;

/**
 * An address of a server.
 *
 * @param host name, IPv4 address, or IPv6 address without brackets
 * @param port TCP port
 */
public record HostPort(String host, int port) {

    private static final int DEFAULT_PORT = 5432;

    /**
     * Reads {@code host}, {@code host:port} or {@code [ipv6]:port}.
     *
     * @throws IllegalArgumentException when the port is no number
     */
    public static HostPort parse(String text) {
        int colon = text.lastIndexOf(':');
        boolean bracketed = text.startsWith("[");
        int end = text.indexOf(']');
        if (bracketed && end > 0) {
            int port = colon > end ? Integer.parseInt(text.substring(colon + 1)) : DEFAULT_PORT;
            return new HostPort(text.substring(1, end), port);
        }
        if (colon < 0) {
            return new HostPort(text, DEFAULT_PORT);
        }
        return new HostPort(text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
    }

    /** The address as it stands in a URL. */
    @Override
    public String toString() {
        return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }
}
