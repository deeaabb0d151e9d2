package org.lectern.video.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class LadderTest {

    @Test
    void fullHd() {
        assertThat(names(1920, 1080)).containsExactly("1080p", "720p", "480p", "240p");
        assertThat(Ladder.choose(1920, 1080)).extracting(Rung::width).containsExactly(1920, 1280, 854, 426);
    }

    @Test
    void largerThanFullHdGetsNothingLarger() {
        assertThat(names(3840, 2160)).containsExactly("1080p", "720p", "480p", "240p");
    }

    @Test
    void portraitIsMeasuredByItsShorterSide() {
        assertThat(Ladder.choose(1080, 1920).getFirst())
                .extracting(Rung::width, Rung::height)
                .containsExactly(1080, 1920);
        assertThat(names(720, 1280)).containsExactly("720p", "480p", "240p");
    }

    @Test
    void betweenTheRungsTheSourceKeepsItsSize() {
        assertThat(names(640, 360)).containsExactly("360p", "240p");
        assertThat(names(1600, 900)).containsExactly("900p", "720p", "480p", "240p");
        assertThat(names(1366, 768)).containsExactly("720p", "480p", "240p");
    }

    @Test
    void smallSourcesGetWhatTheyHavePixelsFor() {
        assertThat(names(320, 240)).containsExactly("240p", "144p");
        assertThat(names(160, 120)).containsExactly("120p");
        assertThat(names(2, 2)).containsExactly("2p");
    }

    @Test
    void oddSizesBecomeEven() {
        assertThat(Ladder.choose(853, 479).getFirst())
                .extracting(Rung::width, Rung::height)
                .containsExactly(852, 478);
    }

    @Property
    void neverAboveTheSourceNeverOddNeverEmptyAndFalling(
            @ForAll @IntRange(min = 2, max = 8192) int width, @ForAll @IntRange(min = 2, max = 8192) int height) {
        List<Rung> ladder = Ladder.choose(width, height);
        assertThat(ladder).isNotEmpty();
        for (Rung rung : ladder) {
            assertThat(rung.width()).isLessThanOrEqualTo(width).isPositive().isEven();
            assertThat(rung.height()).isLessThanOrEqualTo(height).isPositive().isEven();
            assertThat(Math.min(rung.width(), rung.height())).isLessThanOrEqualTo(1080);
            assertThat(rung.maxBitrate()).isBetween(150_000, 25_000_000);
        }
        for (int index = 1; index < ladder.size(); index++) {
            assertThat(Math.min(ladder.get(index).width(), ladder.get(index).height()))
                    .isLessThan(Math.min(
                            ladder.get(index - 1).width(), ladder.get(index - 1).height()));
        }
        if (Math.min(width, height) >= 180) {
            assertThat(ladder).hasSizeGreaterThanOrEqualTo(2);
        }
        assertThat(ladder).hasSizeLessThanOrEqualTo(10);
    }

    private static List<String> names(int width, int height) {
        return Ladder.choose(width, height).stream().map(Rung::name).toList();
    }
}
