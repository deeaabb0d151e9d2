package org.lectern.video.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.lectern.video.TestSettings;
import org.lectern.video.VideoSettings;
import org.springframework.beans.factory.support.StaticListableBeanFactory;
import tools.jackson.databind.json.JsonMapper;

/** Real films through the real FFmpeg; ffprobe, asked beside our code, is the judge. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TranscoderIT {

    @TempDir
    static Path folder;

    private Clips clips;
    private Prober prober;
    private Transcoder transcoder;

    @BeforeAll
    void programs() throws IOException {
        clips = new Clips(folder);
        VideoSettings settings = TestSettings.video(null, folder);
        var beans = new StaticListableBeanFactory();
        beans.addBean("ffmpeg", clips.programs());
        Ffmpeg ffmpeg = new Ffmpeg(beans.getBeanProvider(FfmpegBinaries.class), settings, Clock.systemUTC());
        prober = new Prober(ffmpeg, settings, JsonMapper.shared());
        transcoder = new Transcoder(ffmpeg, settings);
    }

    /** A transcoded clip. */
    record Outcome(SourceInfo source, Transcoder.Made made, Path out) {}

    private Outcome transcode(Path clip) throws IOException, InterruptedException {
        Path out = Files.createTempDirectory(folder, "out");
        SourceInfo source = accept(clip);
        return new Outcome(source, transcoder.transcode(source, clip, out, unused -> {}, () -> false), out);
    }

    private SourceInfo accept(Path clip) throws IOException, InterruptedException {
        Probed probed = probe(clip);
        assertThat(probed).isInstanceOf(Probed.Accepted.class);
        return ((Probed.Accepted) probed).source();
    }

    private Probed probe(Path clip) throws IOException, InterruptedException {
        return prober.probe(clip, Files.createTempDirectory(folder, "probe"), () -> false);
    }

    private List<Double> keyFrames(Path playlist) throws IOException, InterruptedException {
        return clips
                .ask(playlist, "-select_streams", "v", "-skip_frame", "nokey", "-show_entries", "frame=pts_time")
                .stream()
                .map(line -> Double.parseDouble(line.replace(",", "")))
                .toList();
    }

    private String size(Path playlist) throws IOException, InterruptedException {
        return clips.ask(playlist, "-select_streams", "v", "-show_entries", "stream=width,height")
                .getFirst();
    }

    @Test
    void ladderWithAlignedKeyFramesSoundOfItsOwnAndPictures() throws IOException, InterruptedException {
        Outcome outcome = transcode(clips.film("plain.mp4", "1280x720", 13));

        assertThat(outcome.made().renditions())
                .extracting(Rendition::name)
                .containsExactly("720p", "480p", "240p", "audio");
        List<Double> first = keyFrames(outcome.out().resolve("v0/index.m3u8"));
        assertThat(first).hasSize(7);
        for (int index = 1; index < first.size(); index++) {
            assertThat(first.get(index) - first.get(index - 1)).isBetween(1.999, 2.001);
        }
        assertThat(keyFrames(outcome.out().resolve("v1/index.m3u8"))).isEqualTo(first);
        assertThat(keyFrames(outcome.out().resolve("v2/index.m3u8"))).isEqualTo(first);
        assertThat(size(outcome.out().resolve("v2/index.m3u8"))).isEqualTo("426,240");

        double picture = first.getFirst();
        // The first packet of AAC is the encoder's own run-up.
        double sound = Double.parseDouble(
                clips.ask(outcome.out().resolve("audio/index.m3u8"), "-show_entries", "packet=pts_time")
                        .get(1)
                        .replace(",", ""));
        assertThat(sound - picture).isBetween(-0.005, 0.005);

        assertThat(clips.ask(outcome.out().resolve("poster.jpg"), "-show_entries", "stream=width,height"))
                .containsExactly("1280,720");
        assertThat(clips.ask(outcome.out().resolve("sprite.jpg"), "-show_entries", "stream=width,height"))
                .containsExactly("1120,90");
        assertThat(Files.readString(outcome.out().resolve("thumbnails.vtt"))).contains("sprite.jpg#xywh=960,0,160,90");
        // Players begin here; what it lists is stored before it.
        assertThat(outcome.made().files().getLast()).isEqualTo("master.m3u8");
        assertThat(clips.ask(outcome.out().resolve("master.m3u8"), "-show_entries", "stream=codec_name"))
                .contains("h264", "aac");
        String master = Files.readString(outcome.out().resolve("master.m3u8"));
        assertThat(master).contains("CODECS=\"avc1.4d", "RESOLUTION=1280x720");
    }

    @Test
    void loudnessIsThatOfBroadcasting() throws IOException, InterruptedException {
        Outcome outcome = transcode(clips.film("loud.mp4", "320x240", 12));
        String measured = clips.measure(outcome.out().resolve("audio/index.m3u8"), "-af", "ebur128", "-f", "null", "-");
        Matcher integrated = Pattern.compile("Integrated loudness:\\s+I:\\s+(-?[0-9.]+) LUFS")
                .matcher(measured);
        assertThat(integrated.find()).isTrue();
        assertThat(Double.parseDouble(integrated.group(1))).isBetween(-17.5, -14.5);
    }

    /** Several workers make what one would have made: the same key frames, and as good a picture. */
    @Test
    void rangesBecomeTheVideoThatOneWorkerMakes() throws IOException, InterruptedException {
        Path clip = clips.make(
                "ranges.mp4",
                List.of("-f", "lavfi", "-i", "testsrc=s=480x360:r=30000/1001:d=21"),
                List.of("-f", "lavfi", "-i", "sine=f=440:d=21"),
                List.of("-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-pix_fmt", "yuv420p", "-c:a", "aac"));
        Outcome single = transcode(clip);
        SourceInfo source = single.source();
        int count = transcoder.ranges(source);
        assertThat(count).isEqualTo(3);
        assertThat(transcoder.ranges(accept(clips.film("short.mp4", "480x360", 2))))
                .isZero();

        Path outputs = Files.createTempDirectory(folder, "outputs");
        Transcoder.Made first = transcoder.first(
                source, clip, Files.createDirectory(outputs.resolve("first")), unused -> {}, () -> false);
        assertThat(first.renditions()).extracting(Rendition::name).containsExactly("240p", "audio");
        assertThat(clips.ask(outputs.resolve("first/master.m3u8"), "-show_entries", "stream=codec_name"))
                .contains("h264", "aac");
        List<Part> ranges = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (int range = 0; range < count; range++) {
            Path out = Files.createDirectory(outputs.resolve("range" + range));
            ranges.add(transcoder
                    .range(source, range, clip, out, unused -> {}, () -> false)
                    .part());
            names.add("range" + range);
        }
        Path joined = Files.createDirectory(outputs.resolve("joined"));
        Transcoder.Made made = transcoder.join(source, first.part(), "first", ranges, names, joined);

        assertThat(made.renditions())
                .extracting(Rendition::name)
                .containsExactlyElementsOf(
                        single.made().renditions().stream().map(Rendition::name).toList());
        Path whole = single.out().resolve("v0/index.m3u8");
        Path pieces = joined.resolve("v0/index.m3u8");
        assertThat(keyFrames(pieces)).isEqualTo(keyFrames(whole)).hasSizeGreaterThan(9);
        List<String> times = clips.ask(pieces, "-select_streams", "v", "-show_entries", "packet=pts_time");
        assertThat(times)
                .containsExactlyInAnyOrderElementsOf(
                        clips.ask(whole, "-select_streams", "v", "-show_entries", "packet=pts_time"));
        assertThat(similarity(clip, pieces) - similarity(clip, whole)).isBetween(-0.01, 0.01);
        String master = Files.readString(joined.resolve("master.m3u8"));
        assertThat(master).contains("../first/v1/index.m3u8", "URI=\"../first/audio/index.m3u8\"");
        assertThat(clips.ask(joined.resolve("master.m3u8"), "-show_entries", "stream=codec_name,height"))
                .contains("h264,360", "h264,240", "aac");
    }

    private double similarity(Path clip, Path playlist) throws IOException, InterruptedException {
        String measured = clips.measure(
                playlist,
                "-i",
                clip.toString(),
                "-lavfi",
                "[0:v]setpts=N,settb=1[a];[1:v]setpts=N,settb=1[b];[a][b]ssim",
                "-f",
                "null",
                "-");
        Matcher all = Pattern.compile("SSIM .*All:([0-9.]+)").matcher(measured);
        assertThat(all.find()).as(measured).isTrue();
        return Double.parseDouble(all.group(1));
    }

    @Test
    void portrait() throws IOException, InterruptedException {
        Outcome outcome = transcode(clips.film("portrait.mp4", "360x640", 3));
        assertThat(size(outcome.out().resolve("v0/index.m3u8"))).isEqualTo("360,640");
        assertThat(size(outcome.out().resolve("v1/index.m3u8"))).isEqualTo("240,426");
    }

    @Test
    void turnedByMetadataAsPhonesDo() throws IOException, InterruptedException {
        Path plain = clips.film("upright.mp4", "640x360", 3);
        Path turned = clips.make(
                "turned.mp4", List.of("-display_rotation", "90", "-i", plain.toString()), List.of("-c", "copy"));
        Outcome outcome = transcode(turned);
        assertThat(outcome.source().width()).isEqualTo(360);
        assertThat(size(outcome.out().resolve("v0/index.m3u8"))).isEqualTo("360,640");
    }

    @Test
    void oddSizesTenBitsAndSixtyFrames() throws IOException, InterruptedException {
        Path odd = clips.make(
                "odd.mkv",
                List.of("-f", "lavfi", "-i", "testsrc=s=357x243:r=60:d=3"),
                List.of("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p10le"));
        Outcome outcome = transcode(odd);
        assertThat(outcome.source().frameRate()).isEqualTo(new Rational(30, 1));
        assertThat(size(outcome.out().resolve("v0/index.m3u8"))).isEqualTo("352,240");
        assertThat(clips.ask(
                        outcome.out().resolve("v0/index.m3u8"),
                        "-select_streams",
                        "v",
                        "-show_entries",
                        "stream=pix_fmt"))
                .contains("yuv420p");
    }

    @Test
    void varyingFrameRateAndNoDurationInTheHeaderAsBrowsersRecord() throws IOException, InterruptedException {
        Path recorded = clips.make(
                "recorded.webm",
                List.of("-f", "lavfi", "-i", "testsrc=s=320x240:r=30:d=4"),
                List.of("-vf", "select='not(mod(n,3))+gt(n,60)'", "-fps_mode", "vfr", "-c:v", "libvpx", "-live", "1"));
        Outcome outcome = transcode(recorded);
        assertThat(outcome.source().durationMillis()).isBetween(3500L, 4500L);
        assertThat(outcome.source().frameRate()).isEqualTo(new Rational(30, 1));
        List<Double> first = keyFrames(outcome.out().resolve("v0/index.m3u8"));
        assertThat(keyFrames(outcome.out().resolve("v1/index.m3u8")))
                .isEqualTo(first)
                .hasSize(2);
    }

    @Test
    void withoutSound() throws IOException, InterruptedException {
        Outcome outcome = transcode(clips.silent("silent.mp4", "320x240", 3));
        assertThat(outcome.made().renditions()).extracting(Rendition::name).containsExactly("240p", "144p");
        assertThat(Files.readString(outcome.out().resolve("master.m3u8"))).doesNotContain("AUDIO", "mp4a");
        assertThat(outcome.out().resolve("audio")).doesNotExist();
    }

    @Test
    void tiny() throws IOException, InterruptedException {
        Outcome outcome = transcode(clips.silent("tiny.mp4", "16x16", 1));
        assertThat(outcome.made().renditions()).extracting(Rendition::name).containsExactly("16p");
    }

    @Test
    void refusesWhatIsNoSafeVideo() throws IOException, InterruptedException {
        Path secret = Files.writeString(folder.resolve("secret.txt"), "another course's secret");
        Path good = clips.film("good.mp4", "320x240", 2);
        Path playlist = Files.writeString(
                folder.resolve("playlist.mp4"),
                "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://" + good + "\n#EXT-X-ENDLIST\n");
        Path script = Files.writeString(folder.resolve("script.mp4"), "ffconcat version 1.0\nfile " + good + "\n");
        Path half = folder.resolve("half.mp4");
        Files.write(half, Arrays.copyOf(Files.readAllBytes(good), 3000));
        Path hollow = folder.resolve("hollow.mkv");
        Path whole = clips.make(
                "whole.mkv",
                List.of("-f", "lavfi", "-i", "testsrc=s=320x240:d=2", "-vf", "noise=alls=90"),
                List.of("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"));
        byte[] bytes = Files.readAllBytes(whole);
        Arrays.fill(bytes, 1000, bytes.length, (byte) 0x55);
        Files.write(hollow, bytes);
        Path locked = clips.silent(
                "locked.mp4",
                "320x240",
                2,
                "-c:v",
                "libx264",
                "-pix_fmt",
                "yuv420p",
                "-encryption_scheme",
                "cenc-aes-ctr",
                "-encryption_key",
                "76a6c65c5ea762046bd749a2e632ccbb",
                "-encryption_kid",
                "a7e61c373e219033c21091fa607bf3b8");
        Path huge = clips.make(
                "huge.mp4",
                List.of("-f", "lavfi", "-i", "color=s=8000x4000:d=0.2:r=10"),
                List.of("-c:v", "libx264", "-preset", "ultrafast"));

        assertRefused(secret, Refusal.NOT_A_VIDEO);
        assertRefused(playlist, Refusal.NOT_A_VIDEO);
        assertRefused(script, Refusal.NOT_A_VIDEO);
        assertRefused(half, Refusal.BROKEN);
        assertRefused(hollow, Refusal.BROKEN);
        assertRefused(clips.tone("tone.m4a"), Refusal.NO_PICTURE);
        assertRefused(locked, Refusal.ENCRYPTED);
        assertRefused(huge, Refusal.TOO_MANY_PIXELS);
    }

    private void assertRefused(Path file, Refusal reason) throws IOException, InterruptedException {
        assertThat(probe(file)).as(file.getFileName().toString()).isEqualTo(new Probed.Refused(reason));
    }

    @Test
    void stopsWhenAskedAndWhenInterruptedAndLeavesNoProcess() throws IOException, InterruptedException {
        Path clip = clips.film("long.mp4", "640x360", 60);
        SourceInfo source = accept(clip);

        AtomicBoolean stop = new AtomicBoolean();
        Path out = Files.createTempDirectory(folder, "stopped");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> transcoder.transcode(source, clip, out, unused -> stop.set(true), stop::get))
                .withMessageContaining("asked to stop");
        assertNoFfmpegIn(out);

        CountDownLatch begun = new CountDownLatch(1);
        AtomicReference<@Nullable Throwable> ended = new AtomicReference<>();
        Path second = Files.createTempDirectory(folder, "interrupted");
        Thread worker = Thread.ofVirtual().start(() -> {
            try {
                transcoder.transcode(source, clip, second, unused -> begun.countDown(), () -> false);
            } catch (IOException | InterruptedException expected) {
                ended.set(expected);
            }
        });
        assertThat(begun.await(120, TimeUnit.SECONDS)).isTrue();
        worker.interrupt();
        worker.join(Duration.ofSeconds(10));
        assertThat(ended.get()).isInstanceOf(InterruptedException.class);
        assertNoFfmpegIn(second);
    }

    /** Processes of ours are known by their working folder. */
    private static void assertNoFfmpegIn(Path folder) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(5))
                .until(() -> workingIn(folder).isEmpty());
    }

    private static List<ProcessHandle> workingIn(Path folder) {
        List<ProcessHandle> found = new ArrayList<>();
        ProcessHandle.allProcesses().forEach(process -> {
            try {
                Path working = Path.of("/proc/" + process.pid() + "/cwd").toRealPath();
                if (working.equals(folder.toRealPath())) {
                    found.add(process);
                }
            } catch (IOException unused) {
                // Gone, or not ours.
            }
        });
        return found;
    }
}
