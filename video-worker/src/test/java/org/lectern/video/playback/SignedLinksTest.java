package org.lectern.video.playback;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;
import org.lectern.video.TestSettings;
import org.lectern.video.playback.SignedLinks.Verdict;

class SignedLinksTest {

    private static final Instant NOW = Instant.parse("2026-11-21T10:10:00Z");
    private static final ContextId COURSE = new ContextId(new UUID(1, 1));
    private static final UUID VIDEO = new UUID(2, 2);
    private static final UUID CONTENT = new UUID(4, 4);
    private static final UUID OUTPUT = new UUID(3, 3);
    private static final String SECRET = "0123456789abcdef0123456789abcdef";

    private static SignedLinks links(String secret, Instant now) {
        var settings = TestSettings.video(secret, Path.of("unused"));
        var key = new SigningKey(settings, TestSettings.files(settings), new SecureRandom());
        return new SignedLinks(key, settings, Clock.fixed(now, ZoneOffset.UTC));
    }

    private static String grant(String link) {
        return link.split("/", -1)[2];
    }

    @Test
    void aLinkHoldsForItsLifetimeAndNotForEver() {
        String grant = grant(links(SECRET, NOW).link(COURSE, VIDEO, CONTENT, OUTPUT, "master.m3u8"));
        assertThat(links(SECRET, NOW).check(grant, COURSE, VIDEO, CONTENT)).isEqualTo(Verdict.VALID);
        assertThat(links(SECRET, NOW.plus(Duration.ofHours(6))).check(grant, COURSE, VIDEO, CONTENT))
                .isEqualTo(Verdict.VALID);
        assertThat(links(SECRET, NOW.plus(Duration.ofHours(7))).check(grant, COURSE, VIDEO, CONTENT))
                .isEqualTo(Verdict.EXPIRED);
    }

    @Test
    void theSameAddressWithinTheHourSoThatCachesHelp() {
        String first = links(SECRET, NOW).link(COURSE, VIDEO, CONTENT, OUTPUT, "master.m3u8");
        assertThat(links(SECRET, NOW.plusSeconds(900)).link(COURSE, VIDEO, CONTENT, OUTPUT, "master.m3u8"))
                .isEqualTo(first);
        assertThat(first)
                .matches("/media/\\d+\\.[\\w-]{43}/" + COURSE + "/" + VIDEO + "/" + CONTENT + "/" + OUTPUT
                        + "/master\\.m3u8");
    }

    @Test
    void aGrantIsGoodForItsOwnVideoOnly() {
        SignedLinks links = links(SECRET, NOW);
        String grant = grant(links.link(COURSE, VIDEO, CONTENT, OUTPUT, "x"));
        UUID other = new UUID(9, 9);
        assertThat(links.check(grant, new ContextId(other), VIDEO, CONTENT)).isEqualTo(Verdict.FORGED);
        assertThat(links.check(grant, COURSE, other, CONTENT)).isEqualTo(Verdict.FORGED);
        assertThat(links.check(grant, COURSE, VIDEO, other)).isEqualTo(Verdict.FORGED);
        assertThat(links("another secret of at least 32 chars", NOW).check(grant, COURSE, VIDEO, CONTENT))
                .isEqualTo(Verdict.FORGED);
    }

    @Property
    void noSingleChangeSurvives(@ForAll @IntRange(min = 0, max = 53) int place, @ForAll char other) {
        SignedLinks links = links(SECRET, NOW);
        String grant = grant(links.link(COURSE, VIDEO, CONTENT, OUTPUT, "x"));
        String changed = grant.substring(0, place) + other + grant.substring(place + 1);
        assertThat(links.check(changed, COURSE, VIDEO, CONTENT) == Verdict.VALID)
                .isEqualTo(changed.equals(grant));
    }

    @Property
    void nothingInventedHolds(@ForAll String grant) {
        assertThat(links(SECRET, NOW).check(grant, COURSE, VIDEO, CONTENT)).isEqualTo(Verdict.FORGED);
    }

    @Test
    void theKeyIsKeptPrivateAndSharedByNodes(@TempDir Path folder) throws IOException {
        @Nullable String none = null;
        var settings = TestSettings.video(none, folder);
        byte[] first = new SigningKey(settings, TestSettings.files(settings), new SecureRandom()).bytes();
        byte[] second = new SigningKey(settings, TestSettings.files(settings), new SecureRandom()).bytes();
        assertThat(second).isEqualTo(first).hasSize(32);
        Path file = folder.resolve("signing.key");
        assertThat(Files.getPosixFilePermissions(file)).hasSize(2);
        try (var all = Files.list(folder)) {
            assertThat(all).containsExactly(file);
        }
    }
}
