package org.lectern.video;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.nio.file.Path;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * Limits and places of video.
 *
 * @param directory folder of uploads on their way and of FFmpeg's working folders, shared by all nodes (default: the
 *     folder of the file storage)
 * @param maxUpload largest file that may be uploaded (default 8GB)
 * @param maxOpenUploads how many unfinished uploads a course may have at a time (default 50)
 * @param courseQuota how much the videos of a course may have in all, sources and what is made of them (default 500GB)
 * @param uploadLifetime an unfinished upload to which nothing was added for so long is removed (default 24h)
 * @param maxDuration longest video that is accepted (default 8h)
 * @param maxPixels most pixels of one picture that are decoded (default 9437184, which is 4096 by 2304)
 * @param threads threads of each decoder and encoder of FFmpeg (default 0: one fewer than the machine has cores, at least 1)
 * @param maxMemory address space of an FFmpeg process (default 6GB)
 * @param stallTimeout an FFmpeg that makes no progress for so long is killed (default 120s: it runs at the lowest priority)
 * @param probeTimeout how long probing one file may take (default 25s, inside the 30 s of its lane)
 * @param parallelFrom a video at least so long is cut into ranges that several workers make at a time (default 10m)
 * @param parallelRange how long such a range is, about (default 4m)
 * @param retention how long a video is kept from when it is ready; counts for what becomes ready while it is set (default: until
 *     somebody deletes it)
 * @param linkLifetime how long a playback address stays valid at least (default 6h)
 * @param signingSecret secret of playback addresses, at least 32 characters, the same on all nodes (default: a random one,
 *     kept in the directory)
 */
@Validated
@ConfigurationProperties("lectern.video")
public record VideoSettings(
        @Nullable Path directory,

        @NotNull @DefaultValue("8GB") DataSize maxUpload,

        @Min(1) @DefaultValue("50") int maxOpenUploads,

        @NotNull @DefaultValue("500GB") DataSize courseQuota,

        @NotNull @DurationMin(minutes = 1) @DefaultValue("24h")
        Duration uploadLifetime,

        @NotNull @DurationMin(seconds = 1) @DefaultValue("8h")
        Duration maxDuration,

        @Min(1) @DefaultValue("9437184") long maxPixels,

        @Min(0) @Max(64) @DefaultValue("0") int threads,

        @NotNull @DefaultValue("6GB") DataSize maxMemory,

        @NotNull @DurationMin(seconds = 1) @DefaultValue("120s")
        Duration stallTimeout,

        @NotNull @DurationMin(seconds = 1) @DefaultValue("25s")
        Duration probeTimeout,

        @NotNull @DurationMin(seconds = 1) @DefaultValue("10m")
        Duration parallelFrom,

        @NotNull @DurationMin(seconds = 1) @DefaultValue("4m")
        Duration parallelRange,

        @DurationMin(minutes = 1) @Nullable Duration retention,

        @NotNull @DurationMin(minutes = 1) @DefaultValue("6h")
        Duration linkLifetime,

        @Size(min = 32) @Nullable String signingSecret) {

    /** Fewer threads than cores, so that chat on the same machine keeps breathing. */
    public int ffmpegThreads() {
        return threads > 0 ? threads : Math.max(1, Runtime.getRuntime().availableProcessors() - 1);
    }

    @Override
    public String toString() {
        return "VideoSettings[directory=" + directory + ", maxUpload=" + maxUpload + ", maxDuration=" + maxDuration
                + "]";
    }
}
