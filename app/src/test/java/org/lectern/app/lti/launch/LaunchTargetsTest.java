package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.app.session.LaunchTarget;

class LaunchTargetsTest {

    private static final URI HERE = URI.create("https://lectern.example");

    @Test
    void readsTheTargetFromTheAddressThenFromTheCustomParameter() {
        assertThat(LaunchTargets.of(HERE + "/lti/launch?target=video", null)).isEqualTo(LaunchTarget.VIDEO);
        assertThat(LaunchTargets.of(HERE + "/dashboard", null)).isEqualTo(LaunchTarget.DASHBOARD);
        assertThat(LaunchTargets.of(HERE + "/lti/launch", Map.of("target", "ops")))
                .isEqualTo(LaunchTarget.OPS);
        assertThat(LaunchTargets.of(HERE + "/lti/launch", Map.of("target", "$Canvas.target")))
                .isEqualTo(LaunchTarget.CHAT);
        assertThat(LaunchTargets.of(HERE + "/lti/launch", null)).isEqualTo(LaunchTarget.CHAT);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "https://lectern.example/lti/launch",
                "https://LECTERN.example:443/lti/launch?target=chat",
                "https://lectern.example",
                "https://lectern.example/",
                "https://lectern.example/chat"
            })
    void knowsItsOwnPages(String address) {
        assertThat(LaunchTargets.ours(address, HERE)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://lectern.example/lti/launch",
                "https://lectern.example:8443/lti/launch",
                "https://lectern.example.evil.example/lti/launch",
                "https://evil.example/lti/launch",
                "https://lectern.example@evil.example/lti/launch",
                "https://user@lectern.example/lti/launch",
                "https://lectern.example/lti/launch#fragment",
                "https://lectern.example/api/ops",
                "https://lectern.example/chat/../api",
                "https://lectern.example/lti/launch?target=elsewhere",
                "//lectern.example/lti/launch",
                "/lti/launch",
                "javascript:alert(1)",
                "mailto:someone@lectern.example",
                "https://lectern.example/%zz",
                ""
            })
    void refusesEverythingElse(String address) {
        assertThat(LaunchTargets.ours(address, HERE)).isFalse();
    }
}
