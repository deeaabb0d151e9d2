package org.lectern.app.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class WebSecurityTest {

    private static final String REGION = "https://eu-west.example.org";

    /** By the player in pieces, or as a whole by a browser that plays playlists by itself; with its poster. */
    @Test
    void aVideoOfAnotherRegionMayBeAskedForAndPlayed() {
        String policy = WebSecurity.policy(new SecurityProperties(List.of("'self'"), List.of(REGION)));
        assertThat(policy.split("; ", -1))
                .contains(
                        "connect-src 'self' " + REGION,
                        "img-src 'self' data: blob: " + REGION,
                        "media-src 'self' blob: " + REGION,
                        "script-src 'self'",
                        "frame-ancestors 'self'");
    }
}
