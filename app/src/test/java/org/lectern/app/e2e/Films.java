package org.lectern.app.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.lectern.infra.embedded.FfmpegBinaries;

/** Films for tests that upload one: a moving test picture with a tone. */
final class Films {

    private Films() {}

    /** Makes one in a folder. */
    static Path make(FfmpegBinaries programs, Path folder, String name, String size, int seconds)
            throws IOException, InterruptedException {
        Path clip = folder.resolve(name);
        var builder = new ProcessBuilder(
                programs.ffmpeg().toString(),
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=" + size + ":rate=25:duration=" + seconds,
                "-f",
                "lavfi",
                "-i",
                "sine=frequency=440:duration=" + seconds,
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
                clip.toString());
        builder.environment().putAll(programs.environment());
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return clip;
    }
}
