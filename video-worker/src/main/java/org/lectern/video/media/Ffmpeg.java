package org.lectern.video.media;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoSettings;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;

/**
 * Calls FFmpeg's programs with the restrictions that every input gets: only files and pipes, only the four containers,
 * bounded pixels and processor seconds, all of it in a {@link Sandbox}. Input is always a path, never an address.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class Ffmpeg {

    private static final String PROTOCOLS = "file,pipe";
    private static final String FORMATS = "mov,mp4,matroska,webm";

    private final ObjectProvider<FfmpegBinaries> binaries;
    private final VideoSettings settings;
    private final Sandbox sandbox;

    Ffmpeg(ObjectProvider<FfmpegBinaries> binaries, VideoSettings settings, Clock clock) {
        this.binaries = binaries;
        this.settings = settings;
        this.sandbox = new Sandbox(clock);
    }

    /** What every input is opened with. */
    private List<String> input(Path file) {
        return List.of(
                "-protocol_whitelist",
                PROTOCOLS,
                "-format_whitelist",
                FORMATS,
                "-max_pixels",
                Long.toString(settings.maxPixels()),
                "-i",
                file.toAbsolutePath().toString());
    }

    /**
     * Runs ffprobe.
     *
     * @param options what to show
     * @param line gets each line of the answer
     */
    Sandbox.Ended probe(List<String> options, Path file, Path folder, Predicate<String> line, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(programs().ffprobe().toString());
        command.addAll(List.of("-hide_banner", "-v", "error"));
        command.addAll(options);
        command.addAll(input(file));
        Duration time = settings.probeTimeout();
        return run(command, folder, new Sandbox.Limits(memory(), time, time), line, stopped);
    }

    /**
     * Runs ffmpeg.
     *
     * @param before what stands before the input
     * @param output everything after the input: filters, maps, encoders, files relative to the folder
     * @param processorTime processor seconds it may use
     * @param time wall clock it may use
     */
    Sandbox.Ended encode(
            List<String> before,
            List<String> output,
            Path file,
            Path folder,
            Duration processorTime,
            Duration time,
            Predicate<String> line,
            BooleanSupplier stopped)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(programs().ffmpeg().toString());
        command.addAll(List.of("-hide_banner", "-nostdin", "-y", "-v", "error", "-nostats"));
        command.addAll(List.of("-timelimit", Long.toString(Math.max(1, processorTime.toSeconds()))));
        command.addAll(List.of("-threads", Integer.toString(settings.ffmpegThreads())));
        command.addAll(before);
        command.addAll(input(file));
        command.addAll(output);
        command.addAll(List.of("-progress", "pipe:1", "-stats_period", "1"));
        Duration stall = settings.stallTimeout();
        return run(command, folder, new Sandbox.Limits(memory(), time, stall), line, stopped);
    }

    private Sandbox.Ended run(
            List<String> command, Path folder, Sandbox.Limits limits, Predicate<String> line, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        return sandbox.run(command, programs().environment(), folder, limits, line, stopped);
    }

    private FfmpegBinaries programs() {
        return binaries.getObject();
    }

    private long memory() {
        return settings.maxMemory().toBytes();
    }
}
