package org.lectern.app.lti.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutboundGuardTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "127.9.9.9",
                "0.0.0.0",
                "10.0.0.1",
                "172.16.3.4",
                "192.168.1.1",
                "169.254.169.254",
                "100.64.0.1",
                "192.0.0.8",
                "198.18.0.1",
                "224.0.0.1",
                "255.255.255.255",
                "240.0.0.1",
                "::1",
                "::",
                "fe80::1",
                "fc00::1",
                "fd00:ec2::254",
                "ff02::1",
                "64:ff9b::7f00:1",
                "2002:7f00:1::",
                "2001:0:7f00:1::",
                "::ffff:127.0.0.1"
            })
    void refusesWhatIsNotPublic(String address) throws UnknownHostException {
        assertThat(OutboundGuard.isPublic(InetAddress.getByName(address))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"93.184.216.34", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"})
    void permitsWhatIs(String address) throws UnknownHostException {
        assertThat(OutboundGuard.isPublic(InetAddress.getByName(address))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://lms.example/keys", "https://127.0.0.1/keys", "https://[::1]/keys", "https://localhost/keys",
                "https://a.localhost/keys", "https://user@lms.example/keys", "https://2130706433/keys",
                        "file:///etc/passwd",
                "/keys"
            })
    void refusesAddressesOfTheWrongForm(String address) {
        assertThat(OutboundGuard.acceptable(URI.create(address))).isFalse();
    }

    @Test
    void connectsOnlyToThePublicOnesOfWhatANameResolvesTo() throws UnknownHostException {
        var inside = new InetSocketAddress(InetAddress.getByName("10.0.0.1"), 443);
        var outside = new InetSocketAddress(InetAddress.getByName("93.184.216.34"), 443);
        assertThat(OutboundGuard.acceptable(URI.create("https://lms.example/keys")))
                .isTrue();
        assertThat(OutboundGuard.permitted(List.of(inside, outside))).containsExactly(outside);
        assertThat(OutboundGuard.permitted(List.of(InetSocketAddress.createUnresolved("lms.example", 443))))
                .isEmpty();
    }
}
