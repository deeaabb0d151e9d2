package org.lectern.infra.embedded;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * Which FFmpeg to use.
 *
 * @param ffmpeg path of the program (default: the build that Lectern brings, else the one on the PATH)
 * @param ffprobe path of the program (default: the one beside {@code ffmpeg})
 */
@ConfigurationProperties("lectern.video")
public record FfmpegSettings(
        @Nullable Path ffmpeg, @Nullable Path ffprobe) {}
