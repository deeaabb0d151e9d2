package org.lectern.video.library;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VideoStateTest {

    @ParameterizedTest
    @EnumSource(names = {"READY", "REJECTED"})
    void whatIsDecidedStays(VideoState state) {
        assertThat(Arrays.stream(VideoState.values()).filter(state::mayBecome)).isEmpty();
    }

    @Test
    void nothingGoesBackToUploadingAndReadyComesFromWork() {
        assertThat(VideoState.before(VideoState.UPLOADING)).isEmpty();
        assertThat(VideoState.before(VideoState.READY)).containsExactly("queued", "processing");
        assertThat(VideoState.before(VideoState.QUEUED)).containsExactly("uploading", "queued", "failed");
    }

    @ParameterizedTest
    @EnumSource
    void namesOnTheWireAreKept(VideoState state) {
        assertThat(VideoState.ofKey(state.key())).isEqualTo(state);
        assertThat(Arrays.stream(VideoState.values()).map(VideoState::key))
                .containsExactly("uploading", "queued", "processing", "ready", "rejected", "failed");
    }
}
