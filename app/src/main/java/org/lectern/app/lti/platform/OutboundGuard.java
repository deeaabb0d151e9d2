package org.lectern.app.lti.platform;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;

/**
 * Decides which addresses from outside may be called: https to public unicast addresses. The check of the resolved
 * addresses is the one that connects, so a name that resolves differently a second time gains nothing.
 */
public final class OutboundGuard {

    private OutboundGuard() {}

    /** Whether an address is an absolute http or https one with a host. */
    static boolean isWeb(URI uri) {
        return ("https".equalsIgnoreCase(uri.getScheme()) || "http".equalsIgnoreCase(uri.getScheme()))
                && uri.getHost() != null;
    }

    /** Whether an address from outside has an acceptable form. */
    public static boolean acceptable(URI uri) {
        String host = uri.getHost();
        return uri.isAbsolute()
                && "https".equalsIgnoreCase(uri.getScheme())
                && host != null
                && uri.getRawUserInfo() == null
                && !isAddressLiteral(host)
                && !host.toLowerCase(Locale.ROOT).endsWith("localhost");
    }

    /** The resolved addresses that may be connected to. */
    public static List<SocketAddress> permitted(List<? extends SocketAddress> resolved) {
        return resolved.stream()
                .filter(address -> address instanceof InetSocketAddress internet
                        && internet.getAddress() != null
                        && isPublic(internet.getAddress()))
                .<SocketAddress>map(address -> address)
                .toList();
    }

    /** Whether an address is a public unicast one. */
    static boolean isPublic(InetAddress address) {
        if (address.isAnyLocalAddress()
                || address.isLoopbackAddress()
                || address.isLinkLocalAddress()
                || address.isSiteLocalAddress()
                || address.isMulticastAddress()) {
            return false;
        }
        byte[] b = address.getAddress();
        int first = b[0] & 0xff;
        int second = b[1] & 0xff;
        return switch (address) {
            case Inet4Address four ->
                first != 0
                        && first < 240
                        && !(first == 100 && second >= 64 && second < 128) // carrier-grade NAT
                        && !(first == 192 && second == 0 && b[2] == 0) // protocol assignments
                        && !(first == 198 && (second == 18 || second == 19)); // benchmarks
            // Only global unicast, and of it neither tunnels into IPv4 (2002::/16, 2001::/32) nor the like.
            case Inet6Address six ->
                (first & 0xe0) == 0x20
                        && !(first == 0x20 && second == 0x02)
                        && !(first == 0x20 && second == 0x01 && b[2] == 0 && b[3] == 0);
            default -> false;
        };
    }

    private static boolean isAddressLiteral(String host) {
        return host.startsWith("[") || host.chars().allMatch(c -> c == '.' || Character.isDigit(c));
    }
}
