package org.lectern.video.media;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.lectern.video.TestSettings;
import org.lectern.video.VideoSettings;
import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.util.FileSystemUtils;

/**
 * What transcoding costs beside FFmpeg itself, and what several workers gain; started by {@code bench/video.sh}. All variants run in
 * turn in one process, so that the ratios mean something.
 */
public final class VideoBenchmark {

    private static final int SECONDS = Integer.getInteger("seconds", 48);
    private static final int ROUNDS = Integer.getInteger("rounds", 3);

    private VideoBenchmark() {}

    /** Takes no arguments; {@code -Dseconds}, {@code -Drounds}. */
    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory("lectern-bench-video");
        try {
            run(folder);
        } finally {
            FileSystemUtils.deleteRecursively(folder);
        }
    }

    private static void run(Path folder) throws Exception {
        Clips clips = new Clips(folder);
        Path clip = clips.film("film.mp4", "1280x720", SECONDS);
        // Ranges of a sixth; one thread for each encoder and decoder.
        VideoSettings settings =
                TestSettings.oneThread(folder, Duration.ofSeconds(1), Duration.ofSeconds(Math.max(4, SECONDS / 6)));
        var beans = new StaticListableBeanFactory();
        beans.addBean("ffmpeg", clips.programs());
        Ffmpeg ffmpeg = new Ffmpeg(beans.getBeanProvider(FfmpegBinaries.class), settings, Clock.systemUTC());
        Transcoder transcoder = new Transcoder(ffmpeg, settings);
        SourceInfo source = new SourceInfo(SECONDS * 1000L, 1280, 720, new Rational(30, 1), 0, 1);
        double[] bare = new double[ROUNDS];
        double[] ours = new double[ROUNDS];
        double[] two = new double[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            bare[round] = seconds(() -> bare(clips, source, clip, fresh(folder)));
            ours[round] = seconds(() -> transcoder.transcode(source, clip, fresh(folder), unused -> {}, () -> false));
            two[round] = seconds(() -> shares(transcoder, source, clip, folder));
        }
        System.out.printf(
                Locale.ROOT,
                "%d s of 1280x720, %d rounds, medians%nbare ffmpeg, same arguments  %6.2f s%none worker                    %6.2f s  %+.1f %%%n"
                        + "two workers, %d shares       %6.2f s  %.2f times as fast as one%n",
                SECONDS,
                ROUNDS,
                median(bare),
                median(ours),
                (median(ours) / median(bare) - 1) * 100,
                transcoder.ranges(source) + 1,
                median(two),
                median(ours) / median(two));
    }

    private static Path fresh(Path folder) throws IOException {
        return Files.createTempDirectory(folder, "out");
    }

    /** No sandbox, no look at its progress: a shell's user would wait for it like this. */
    private static int bare(Clips clips, SourceInfo source, Path clip, Path out)
            throws IOException, InterruptedException {
        var rungs = Ladder.choose(source.width(), source.height());
        var plan = new TranscodePlan(source, rungs, 1, new TranscodePlan.Share.Whole());
        for (int number : plan.numbers()) {
            Files.createDirectory(out.resolve("v" + number));
        }
        Files.createDirectory(out.resolve("audio"));
        List<String> command = new ArrayList<>(
                List.of("nice", "-n", "19", clips.programs().ffmpeg().toString(), "-nostdin", "-v", "error"));
        command.addAll(List.of("-threads", "1"));
        command.addAll(plan.input());
        command.addAll(List.of("-i", clip.toString()));
        command.addAll(plan.arguments());
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(out.toFile())
                .redirectErrorStream(true)
                .redirectOutput(out.resolve("log").toFile());
        builder.environment().putAll(clips.programs().environment());
        int code = builder.start().waitFor();
        if (code != 0) {
            throw new IOException(Files.readString(out.resolve("log")));
        }
        return code;
    }

    private static int shares(Transcoder transcoder, SourceInfo source, Path clip, Path folder) throws Exception {
        try (ExecutorService workers = Executors.newFixedThreadPool(2)) {
            List<Future<Transcoder.Made>> made = new ArrayList<>();
            made.add(workers.submit(() -> transcoder.first(source, clip, fresh(folder), unused -> {}, () -> false)));
            for (int range = 0; range < transcoder.ranges(source); range++) {
                int which = range;
                made.add(workers.submit(
                        () -> transcoder.range(source, which, clip, fresh(folder), unused -> {}, () -> false)));
            }
            List<Part> parts = new ArrayList<>();
            for (Future<Transcoder.Made> one : made) {
                parts.add(one.get().part());
            }
            List<Part> ranges = parts.subList(1, parts.size());
            List<String> names = ranges.stream().map(unused -> "range").toList();
            transcoder.join(source, parts.getFirst(), "first", ranges, names, fresh(folder));
            return parts.size();
        }
    }

    private static double seconds(Callable<?> work) throws Exception {
        long begin = System.nanoTime();
        work.call();
        return (System.nanoTime() - begin) / 1e9;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
