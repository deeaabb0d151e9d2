package org.lectern.video;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.storage.StorageFolder;
import org.springframework.util.unit.DataSize;

/** Settings for tests that need no Spring context. */
public final class TestSettings {

    private TestSettings() {}

    /** The defaults, with a secret and a folder. */
    public static VideoSettings video(@Nullable String secret, Path folder) {
        return settings(secret, folder, 0, Duration.ofSeconds(16), Duration.ofSeconds(8));
    }

    /** One thread for each of FFmpeg's parts, and ranges as they are wanted. */
    public static VideoSettings oneThread(Path folder, Duration parallelFrom, Duration parallelRange) {
        return settings(null, folder, 1, parallelFrom, parallelRange);
    }

    private static VideoSettings settings(
            @Nullable String secret, Path folder, int threads, Duration parallelFrom, Duration parallelRange) {
        return new VideoSettings(
                folder,
                DataSize.ofGigabytes(1),
                50,
                DataSize.ofGigabytes(10),
                Duration.ofHours(24),
                Duration.ofHours(1),
                9_437_184,
                threads,
                DataSize.ofGigabytes(6),
                Duration.ofSeconds(120),
                Duration.ofSeconds(90),
                parallelFrom,
                parallelRange,
                null,
                Duration.ofHours(6),
                secret);
    }

    /** Files in the settings' folder. */
    public static VideoFiles files(VideoSettings settings) {
        return new VideoFiles(settings, new StorageFolder(Path.of("unused")), Clock.systemUTC());
    }
}
