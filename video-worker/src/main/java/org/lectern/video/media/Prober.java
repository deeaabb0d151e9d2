package org.lectern.video.media;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoSettings;
import org.springframework.stereotype.Component;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Looks at an uploaded file: what its header says, and whether a picture can really be decoded. Blocks. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
public final class Prober {

    private static final int REPORT_LIMIT_CHARS = 4_000_000;

    private final Ffmpeg ffmpeg;
    private final VideoSettings settings;
    private final JsonMapper json;

    Prober(Ffmpeg ffmpeg, VideoSettings settings, JsonMapper json) {
        this.ffmpeg = ffmpeg;
        this.settings = settings;
        this.json = json;
    }

    /**
     * Probes a file.
     *
     * @param folder working folder of this attempt
     * @param stopped asked several times a second
     * @throws IOException when the tools did not run to an end, so that another try may help
     * @throws InterruptedException when the calling thread was interrupted
     */
    public Probed probe(Path file, Path folder, BooleanSupplier stopped) throws IOException, InterruptedException {
        StringBuilder answer = new StringBuilder();
        Sandbox.Ended ended = ffmpeg.probe(
                List.of("-of", "json", "-show_format", "-show_streams"),
                file,
                folder,
                line -> {
                    if (answer.length() + line.length() < REPORT_LIMIT_CHARS) {
                        answer.append(line).append('\n');
                    }
                    return true;
                },
                stopped);
        if (exitCode(ended) != 0) {
            return new Probed.Refused(reason(file, ended));
        }
        var bounds = new ProbeReport.Bounds(settings.maxDuration().toMillis(), settings.maxPixels());
        Probed verdict;
        try {
            var report = json.readTree(answer.toString());
            OptionalLong measured = ProbeReport.knowsDuration(report)
                    ? OptionalLong.empty()
                    : OptionalLong.of(measureMillis(file, folder, stopped));
            verdict = ProbeReport.judge(report, measured, bounds);
        } catch (JacksonException unused) {
            return new Probed.Refused(Refusal.BROKEN);
        }
        return switch (verdict) {
            case Probed.Refused refused -> refused;
            case Probed.Accepted accepted -> decodes(file, folder, accepted, stopped);
        };
    }

    /** The header may promise what is not there: only a decoded picture counts. */
    private Probed decodes(Path file, Path folder, Probed.Accepted accepted, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        if (Protection.isEncrypted(file)) {
            return new Probed.Refused(Refusal.ENCRYPTED);
        }
        AtomicLong frames = new AtomicLong();
        Duration time = settings.probeTimeout();
        Sandbox.Ended ended = ffmpeg.encode(
                List.of(),
                List.of("-map", "0:" + accepted.source().videoStream(), "-frames:v", "3", "-f", "null", "-"),
                file,
                folder,
                time,
                time,
                line -> {
                    if (line.startsWith("frame=")) {
                        frames.set(Progress.number(line));
                    }
                    return true;
                },
                stopped);
        exitCode(ended);
        return frames.get() > 0 ? accepted : new Probed.Refused(Refusal.BROKEN);
    }

    /** Counts the packets' times where the header knows no duration, as in recordings made by browsers. */
    private long measureMillis(Path file, Path folder, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        AtomicLong micros = new AtomicLong();
        Duration time = settings.probeTimeout();
        exitCode(ffmpeg.encode(
                List.of(),
                List.of("-map", "0:v:0", "-c", "copy", "-f", "null", "-"),
                file,
                folder,
                time,
                time,
                line -> {
                    if (line.startsWith("out_time_us=")) {
                        micros.accumulateAndGet(Progress.number(line), Math::max);
                    }
                    return true;
                },
                stopped));
        return micros.get() / 1000;
    }

    private static int exitCode(Sandbox.Ended ended) throws IOException {
        return switch (ended) {
            case Sandbox.Ended.Exited exited -> exited.code();
            case Sandbox.Ended.Killed killed -> throw new IOException("probing " + killed.reason());
        };
    }

    /** Why ffprobe gave up; it says so in words only. */
    private static Refusal reason(Path file, Sandbox.Ended ended) throws IOException {
        if (ended instanceof Sandbox.Ended.Exited exited && exited.errors().contains("max pixel count")) {
            return Refusal.TOO_MANY_PIXELS;
        }
        return looksLikeVideo(file) ? Refusal.BROKEN : Refusal.NOT_A_VIDEO;
    }

    /** Whether the file begins like MP4 or Matroska, so that the fault is in what follows. */
    private static boolean looksLikeVideo(Path file) throws IOException {
        try (InputStream content = Files.newInputStream(file)) {
            return FileSignature.ofVideo(content.readNBytes(FileSignature.LENGTH_BYTES));
        }
    }
}
