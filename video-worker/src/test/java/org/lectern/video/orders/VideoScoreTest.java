package org.lectern.video.orders;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VideoScoreTest {

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                "299999, false, false, 10",
                "300000, false, false, 0",
                "-,      false, false, 0",
                "300000, true,  false, 5",
                "299999, true,  false, 15",
                "300000, false, true,  15",
                "299999, true,  true,  30",
                "-,      true,  true,  20"
            })
    void addsUp(Long durationMillis, boolean instructor, boolean live, int score) {
        assertThat(VideoScore.of(durationMillis, instructor, live)).isEqualTo(score);
    }
}
