package org.lectern.video.media;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.lectern.infra.storage.ObjectStorage;
import org.lectern.video.TestSettings;
import org.lectern.video.VideoSettings;
import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.util.FileSystemUtils;
import org.springframework.util.IdGenerator;
import org.springframework.util.JdkIdGenerator;
import reactor.core.publisher.Flux;
import tools.jackson.databind.json.JsonMapper;

/**
 * What making a video costs beside FFmpeg itself, and what several workers gain; started by {@code bench/video.sh}. All variants run in
 * turn in one process, so that the ratios mean something. Processor seconds are those of this process and of all programs it has run:
 * they tell of work that was added, also on a machine that does other things meanwhile.
 */
public final class VideoBenchmark {

    private static final int SECONDS = Integer.getInteger("seconds", 120);
    private static final int ROUNDS = Integer.getInteger("rounds", 3);
    private static final int WIDTH = 1280;
    private static final int HEIGHT = 720;

    /** As many as the jobs store at a time. */
    private static final int STORES = 8;

    private static final double TICKS_PER_SECOND = 100;

    private final Path folder;
    private final Clips clips;
    private final Path clip;
    private final ObjectStorage storage;
    private final SourceInfo source = new SourceInfo(SECONDS * 1000L, WIDTH, HEIGHT, new Rational(30, 1), 0, 1);

    /** What each variant took, in the order in which they ran first. */
    private final Map<String, List<Spent>> spent = new TreeMap<>();

    private VideoBenchmark(Path folder, ObjectStorage storage) throws IOException, InterruptedException {
        this.folder = folder;
        this.storage = storage;
        this.clips = new Clips(folder);
        this.clip = clips.film("film.mp4", WIDTH + "x" + HEIGHT, SECONDS);
    }

    /** The storage of files as the product has it. */
    @ComponentScan("org.lectern.infra.storage")
    @ConfigurationPropertiesScan({"org.lectern.infra.storage", "org.lectern.infra.regions"})
    static class Storage {

        @Bean
        Clock clock() {
            return Clock.systemUTC();
        }

        @Bean
        IdGenerator ids() {
            return new JdkIdGenerator();
        }
    }

    /** Takes no arguments; {@code -Dseconds}, {@code -Drounds}. */
    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory("lectern-bench-video");
        try (var node = new SpringApplicationBuilder(Storage.class)
                .web(WebApplicationType.NONE)
                .bannerMode(Banner.Mode.OFF)
                .logStartupInfo(false)
                .run("--lectern.storage.directory=" + folder.resolve("storage"), "--logging.level.root=warn")) {
            new VideoBenchmark(folder, node.getBean(ObjectStorage.class)).run();
        } finally {
            FileSystemUtils.deleteRecursively(folder);
        }
    }

    /** Wall clock and processor time, in seconds. */
    private record Spent(double wall, double processor) {}

    private void run() throws Exception {
        Transcoder free = transcoder(clips.programs());
        List<Transcoder> cores = List.of(transcoder(onCore(0)), transcoder(onCore(1)));
        for (int round = 0; round < ROUNDS; round++) {
            measure("1 bare ffmpeg", () -> bare(clips.programs(), fresh()));
            Path out = fresh();
            measure("2 probe", () -> probed(fresh()));
            measure("3 digest", this::digest);
            measure("4 transcode", () -> free.transcode(source, clip, out, unused -> {}, () -> false));
            measure("5 store", () -> store(out));
            FileSystemUtils.deleteRecursively(out);
            measure("5a bare ffmpeg, one core", () -> bare(onCore(0), fresh()));
            measure("5b two bare ones at once, a core each", this::twoBare);
            measure(
                    "6 one worker, one core",
                    () -> cores.getFirst().transcode(source, clip, fresh(), unused -> {}, () -> false));
            measure("7 two workers, a core each", () -> shares(cores));
        }
        report(free.ranges(source) + 1);
    }

    private void report(int shares) {
        System.out.printf(
                Locale.ROOT,
                "%d s of %dx%d, %d rounds; medians, seconds%n%-38s %8s %10s%n",
                SECONDS,
                WIDTH,
                HEIGHT,
                ROUNDS,
                "",
                "wall",
                "processor");
        spent.forEach((name, all) -> line(name.substring(2), median(all)));
        Spent bare = median(of("1 bare ffmpeg"));
        Spent transcoded = median(of("4 transcode"));
        List<Spent> jobs = IntStream.range(0, ROUNDS)
                .mapToObj(round -> List.of("2 probe", "3 digest", "4 transcode", "5 store").stream()
                        .map(part -> of(part).get(round))
                        .reduce(new Spent(0, 0), (a, b) -> new Spent(a.wall + b.wall, a.processor + b.processor)))
                .toList();
        Spent whole = median(jobs);
        line("all jobs of a video", whole);
        over("transcode over bare ffmpeg", transcoded, bare);
        over("all jobs over bare ffmpeg", whole, bare);
        Spent one = median(of("6 one worker, one core"));
        Spent bareOne = median(of("5a bare ffmpeg, one core"));
        over("transcode over bare, one core", one, bareOne);
        System.out.printf(
                Locale.ROOT,
                "two bare ones at once: %.2f times as fast as one after the other, which is what two cores of this machine are worth%n",
                2 * bareOne.wall / median(of("5b two bare ones at once, a core each")).wall);
        Spent two = median(of("7 two workers, a core each"));
        System.out.printf(
                Locale.ROOT,
                "two workers, %d shares: %.2f times as fast as one (%.2f if no core ever waited)%n",
                shares,
                one.wall / two.wall,
                2 * one.processor / two.processor);
    }

    private List<Spent> of(String name) {
        return spent.getOrDefault(name, List.of());
    }

    private static void line(String name, Spent one) {
        System.out.printf(Locale.ROOT, "%-38s %8.2f %10.2f%n", name, one.wall, one.processor);
    }

    private static void over(String name, Spent more, Spent less) {
        System.out.printf(
                Locale.ROOT,
                "%-38s %+7.1f%% %+9.1f%%%n",
                name,
                (more.wall / less.wall - 1) * 100,
                (more.processor / less.processor - 1) * 100);
    }

    private Transcoder transcoder(FfmpegBinaries programs) {
        // Four ranges, none of which is as short beside the seconds that FFmpeg seeks before it as only a benchmark's
        // would be.
        VideoSettings settings = settings();
        return new Transcoder(ffmpeg(programs, settings), settings);
    }

    private VideoSettings settings() {
        return TestSettings.oneThread(folder, Duration.ofSeconds(1), Duration.ofSeconds(Math.max(4, SECONDS / 4)));
    }

    private static Ffmpeg ffmpeg(FfmpegBinaries programs, VideoSettings settings) {
        var beans = new StaticListableBeanFactory();
        beans.addBean("ffmpeg", programs);
        return new Ffmpeg(beans.getBeanProvider(FfmpegBinaries.class), settings, Clock.systemUTC());
    }

    /** FFmpeg has a thread for every part of its work even where each has but one: a worker with one thread is a worker with one core. */
    private FfmpegBinaries onCore(int core) throws IOException {
        FfmpegBinaries all = clips.programs();
        Path script = Files.writeString(
                folder.resolve("ffmpeg-on-" + core),
                "#!/bin/sh\nexec taskset -c %d '%s' \"$@\"\n".formatted(core, all.ffmpeg()));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        return new FfmpegBinaries(script, all.ffprobe(), all.environment(), "on a core of its own");
    }

    private Path fresh() throws IOException {
        return Files.createTempDirectory(folder, "out");
    }

    /** No sandbox, no look at its progress: a shell's user would wait for it like this. Sound, poster and thumbnails are in it, too. */
    private int bare(FfmpegBinaries programs, Path out) throws IOException, InterruptedException {
        var rungs = Ladder.choose(source.width(), source.height());
        var plan = new TranscodePlan(source, rungs, 1, new TranscodePlan.Share.Whole());
        for (int number : plan.numbers()) {
            Files.createDirectory(out.resolve("v" + number));
        }
        Files.createDirectory(out.resolve("audio"));
        List<String> command =
                new ArrayList<>(List.of("nice", "-n", "19", programs.ffmpeg().toString(), "-nostdin", "-v", "error"));
        command.addAll(List.of("-threads", "1"));
        command.addAll(plan.input());
        command.addAll(List.of("-i", clip.toString()));
        command.addAll(plan.arguments());
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(out.toFile())
                .redirectErrorStream(true)
                .redirectOutput(out.resolve("log").toFile());
        builder.environment().putAll(programs.environment());
        int code = builder.start().waitFor();
        if (code != 0) {
            throw new IOException(Files.readString(out.resolve("log")));
        }
        return code;
    }

    private int twoBare() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            List<Future<Integer>> both = new ArrayList<>();
            for (int core = 0; core < 2; core++) {
                FfmpegBinaries programs = onCore(core);
                both.add(threads.submit(() -> bare(programs, fresh())));
            }
            for (Future<Integer> one : both) {
                one.get();
            }
        }
        return 0;
    }

    private Probed probed(Path out) throws IOException, InterruptedException {
        VideoSettings settings = settings();
        Probed probed = new Prober(ffmpeg(clips.programs(), settings), settings, JsonMapper.shared())
                .probe(clip, out, () -> false);
        if (!(probed instanceof Probed.Accepted)) {
            throw new IOException("the film was refused");
        }
        return probed;
    }

    private byte[] digest() throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        try (InputStream content = new DigestInputStream(Files.newInputStream(clip), digest)) {
            content.transferTo(OutputStream.nullOutputStream());
        }
        return digest.digest();
    }

    private @Nullable Void store(Path out) throws IOException {
        String prefix = "video/" + UUID.randomUUID() + "/";
        storage.put(prefix + "source", clip).block();
        List<Path> files;
        try (var all = Files.walk(out)) {
            files = all.filter(Files::isRegularFile).toList();
        }
        Flux.fromIterable(files)
                .flatMap(file -> storage.put(prefix + out.relativize(file), file), STORES)
                .blockLast();
        return null;
    }

    /** Each worker takes the next share when it has ended one, as the jobs' lane does. */
    private int shares(List<Transcoder> workers) throws Exception {
        int ranges = workers.getFirst().ranges(source);
        Queue<Integer> open = new ConcurrentLinkedQueue<>(
                IntStream.rangeClosed(0, ranges).boxed().toList());
        Part[] parts = new Part[ranges + 1];
        try (ExecutorService threads = Executors.newFixedThreadPool(workers.size())) {
            List<Future<?>> running = new ArrayList<>();
            for (Transcoder worker : workers) {
                running.add(threads.submit(() -> {
                    for (Integer share = open.poll(); share != null; share = open.poll()) {
                        parts[share] = share == 0
                                ? worker.first(source, clip, fresh(), unused -> {}, () -> false)
                                        .part()
                                : worker.range(source, share - 1, clip, fresh(), unused -> {}, () -> false)
                                        .part();
                    }
                    return null;
                }));
            }
            for (Future<?> one : running) {
                one.get();
            }
        }
        List<Part> made = Arrays.asList(parts).subList(1, parts.length);
        List<String> names = made.stream().map(unused -> "range").toList();
        workers.getFirst().join(source, parts[0], "first", made, names, fresh());
        return parts.length;
    }

    private void measure(String name, Callable<?> work) throws Exception {
        double processor = processorSeconds();
        long begin = System.nanoTime();
        work.call();
        double wall = (System.nanoTime() - begin) / 1e9;
        spent.computeIfAbsent(name, unused -> new ArrayList<>()).add(new Spent(wall, processorSeconds() - processor));
    }

    /** Of this process and of the programs that have ended: user, system, and both of children, in clock ticks (proc(5)). */
    private static double processorSeconds() throws IOException {
        String stat = Files.readString(Path.of("/proc/self/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        long ticks = 0;
        for (int field = 11; field <= 14; field++) {
            ticks += Long.parseLong(fields[field]);
        }
        return ticks / TICKS_PER_SECOND;
    }

    private static Spent median(List<Spent> all) {
        return new Spent(
                median(all.stream().mapToDouble(Spent::wall)),
                median(all.stream().mapToDouble(Spent::processor)));
    }

    private static double median(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
