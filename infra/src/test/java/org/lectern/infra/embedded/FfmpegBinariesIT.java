package org.lectern.infra.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.ChildProcess;
import org.lectern.db.embedded.EmbeddedServiceException;

/** The FFmpeg that Lectern brings runs here, can what HLS needs, and unpacks once however many ask. */
class FfmpegBinariesIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    @Test
    void encodesHlsWithX264AndAac() throws Exception {
        FfmpegBinaries ffmpeg = FfmpegBinaries.locate(new FfmpegSettings(null, null), BinaryCache.ofUser());
        Path playlist = directory.resolve("out.m3u8");
        ChildProcess.run(
                List.of(
                        ffmpeg.ffmpeg().toString(),
                        "-hide_banner",
                        "-loglevel",
                        "error",
                        "-f",
                        "lavfi",
                        "-i",
                        "testsrc2=duration=2:size=320x180:rate=25",
                        "-f",
                        "lavfi",
                        "-i",
                        "sine=duration=2",
                        "-c:v",
                        "libx264",
                        "-preset",
                        "ultrafast",
                        "-c:a",
                        "aac",
                        "-f",
                        "hls",
                        "-hls_segment_type",
                        "fmp4",
                        playlist.toString()),
                ffmpeg.environment(),
                TIMEOUT);
        assertThat(playlist).content().contains("#EXT-X-ENDLIST");
        String probed = ChildProcess.run(
                List.of(
                        ffmpeg.ffprobe().toString(),
                        "-v",
                        "error",
                        "-allowed_extensions",
                        "ALL",
                        "-show_entries",
                        "stream=codec_name",
                        "-of",
                        "csv=p=0",
                        playlist.toString()),
                ffmpeg.environment(),
                TIMEOUT);
        assertThat(probed).contains("h264").contains("aac");
    }

    @Test
    void unpacksOnceWhenSeveralAskAtTheSameTime() throws Exception {
        BinaryCache cache = new BinaryCache(directory.resolve("cache"));
        Callable<FfmpegBinaries> ask = () -> FfmpegBinaries.locate(new FfmpegSettings(null, null), cache);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<FfmpegBinaries>> answers = threads.invokeAll(List.of(ask, ask, ask, ask));
            for (Future<FfmpegBinaries> answer : answers) {
                assertThat(answer.get().ffmpeg()).isExecutable();
            }
        }
        try (var files = Files.list(directory.resolve("cache"))) {
            assertThat(files.filter(Files::isDirectory)).hasSize(1);
        }
    }

    @Test
    void configuredProgramThatIsMissingIsSaidInOneLine() {
        assertThatThrownBy(() -> FfmpegBinaries.locate(
                        new FfmpegSettings(directory.resolve("ffmpeg"), null), BinaryCache.ofUser()))
                .isInstanceOf(EmbeddedServiceException.class)
                .hasMessageContaining("is not a program");
    }
}
