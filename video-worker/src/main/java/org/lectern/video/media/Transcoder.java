package org.lectern.video.media;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoSettings;
import org.springframework.stereotype.Component;

/**
 * Makes the files of a playable video from an accepted source: in one FFmpeg process, or, where it is long, a share of them, so
 * that several workers make it at a time. Blocks.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
public final class Transcoder {

    /** The multivariant playlist, which players begin with. */
    public static final String MASTER = "master.m3u8";

    /** A picture of the video. */
    public static final String POSTER = "poster.jpg";

    /** All thumbnails in one picture. */
    public static final String SPRITE = "sprite.jpg";

    /** Thumbnails for scrubbing. */
    public static final String THUMBNAILS = "thumbnails.vtt";

    /** Slower than this many times real time is a runaway, not a slow machine. */
    private static final int SLOWEST = 40;

    private static final Duration LEAST_TIME = Duration.ofMinutes(10);

    private final Ffmpeg ffmpeg;
    private final VideoSettings settings;

    Transcoder(Ffmpeg ffmpeg, VideoSettings settings) {
        this.ffmpeg = ffmpeg;
        this.settings = settings;
    }

    /**
     * What was made.
     *
     * @param renditions the largest first, the audio-only one last
     * @param files relative to the folder, in the order in which to store them: a playlist after what it lists
     * @param part the same as rows tell other workers
     */
    public record Made(List<Rendition> renditions, List<String> files, Part part) {

        /** Copies the lists. */
        public Made {
            renditions = List.copyOf(renditions);
            files = List.copyOf(files);
        }
    }

    /**
     * How many ranges a video is cut into, so that several workers make it; 0 for one that a single worker makes, because it is
     * short or has only one rendition.
     */
    public int ranges(SourceInfo source) {
        boolean cut = source.durationMillis() >= settings.parallelFrom().toMillis()
                && Ladder.choose(source.width(), source.height()).size() > 1;
        return cut ? Math.ceilDiv(segments(source), rangeSegments(source)) : 0;
    }

    private static int segments(SourceInfo source) {
        double frames = source.durationMillis() / 1000.0 * source.frameRate().value();
        return (int) Math.max(1, Math.ceil(frames / TranscodePlan.segmentFrames(source.frameRate())));
    }

    private int rangeSegments(SourceInfo source) {
        double seconds = TranscodePlan.segmentFrames(source.frameRate())
                / source.frameRate().value();
        return (int) Math.max(1, Math.round(settings.parallelRange().toMillis() / 1000.0 / seconds));
    }

    /**
     * Makes everything.
     *
     * @param file the source
     * @param folder an empty folder for what is made
     * @param percent gets 0 to 100
     * @param stopped asked several times a second; true ends FFmpeg
     * @throws IOException when FFmpeg failed or was ended
     * @throws InterruptedException when the calling thread was interrupted; FFmpeg is dead then
     */
    public Made transcode(SourceInfo source, Path file, Path folder, IntConsumer percent, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        return playable(source, new TranscodePlan.Share.Whole(), file, folder, percent, stopped);
    }

    /** Makes what can be played first of a video that is cut into ranges: the smallest rendition, the sound, the pictures. */
    public Made first(SourceInfo source, Path file, Path folder, IntConsumer percent, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        return playable(source, new TranscodePlan.Share.First(), file, folder, percent, stopped);
    }

    /**
     * Makes all other renditions of a range.
     *
     * @param range which, from 0
     */
    public Made range(
            SourceInfo source, int range, Path file, Path folder, IntConsumer percent, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        int length = rangeSegments(source);
        boolean last = range == ranges(source) - 1;
        TranscodePlan plan = plan(source, new TranscodePlan.Share.Range(range * length, length, last));
        encode(source, plan, file, folder, percent, stopped);
        for (int number : plan.numbers()) {
            Path rendition = folder.resolve("v" + number);
            long timescale = Fragments.timescale(Files.readAllBytes(rendition.resolve("init.mp4")));
            long ticks = Math.round(
                    plan.firstFrame() * (double) timescale / source.frameRate().value());
            for (MediaPlaylist.Segment segment : playlist(rendition).segments()) {
                Path place = rendition.resolve(segment.file());
                byte[] bytes = Files.readAllBytes(place);
                Fragments.shift(bytes, ticks);
                Files.write(place, bytes);
            }
        }
        List<String> files = files(folder);
        return new Made(List.of(), files, part(plan, false, folder, files));
    }

    /**
     * Puts together what the first worker and those of the ranges made: playlists whose segments lie beside this output.
     *
     * @param first what can be played already
     * @param firstOutput the folder it is in, beside this one
     * @param ranges in order
     * @param outputs the folders that they are in, beside this one
     * @param folder where the playlists go
     */
    public Made join(
            SourceInfo source, Part first, String firstOutput, List<Part> ranges, List<String> outputs, Path folder)
            throws IOException {
        List<Rung> rungs = Ladder.choose(source.width(), source.height());
        List<Part.Track> tracks = new ArrayList<>();
        for (int number = 0; number < rungs.size() - 1; number++) {
            int index = number;
            List<Part.Track> pieces =
                    ranges.stream().map(part -> part.tracks().get(index)).toList();
            List<Part.Segment> segments =
                    pieces.stream().flatMap(piece -> piece.segments().stream()).toList();
            tracks.add(new Part.Track("v" + number, pieces.getFirst().codec(), segments));
            Path rendition = Files.createDirectory(folder.resolve("v" + number));
            Files.writeString(rendition.resolve("index.m3u8"), MediaPlaylist.joined(pieces, outputs));
        }
        for (Part.Track track : first.tracks()) {
            tracks.add(new Part.Track("../" + firstOutput + "/" + track.folder(), track.codec(), track.segments()));
        }
        List<Rendition> renditions = master(source, rungs, tracks, folder);
        List<String> files = files(folder);
        return new Made(renditions, files, new Part(tracks, size(folder, files)));
    }

    private Made playable(
            SourceInfo source,
            TranscodePlan.Share share,
            Path file,
            Path folder,
            IntConsumer percent,
            BooleanSupplier stopped)
            throws IOException, InterruptedException {
        TranscodePlan plan = plan(source, share);
        encode(source, plan, file, folder, percent, stopped);
        List<Rung> rungs = Ladder.choose(source.width(), source.height());
        List<Rung> made = plan.numbers().stream().map(rungs::get).toList();
        Files.writeString(folder.resolve(THUMBNAILS), Thumbnails.webVtt(plan.sheet(), source.durationMillis()));
        Part part = part(plan, source.audioStream() != null, folder, List.of());
        List<Rendition> renditions = master(source, made, part.tracks(), folder);
        List<String> files = files(folder);
        return new Made(renditions, files, new Part(part.tracks(), size(folder, files)));
    }

    private TranscodePlan plan(SourceInfo source, TranscodePlan.Share share) {
        return new TranscodePlan(
                source, Ladder.choose(source.width(), source.height()), settings.ffmpegThreads(), share);
    }

    private void encode(
            SourceInfo source, TranscodePlan plan, Path file, Path folder, IntConsumer percent, BooleanSupplier stopped)
            throws IOException, InterruptedException {
        for (int number : plan.numbers()) {
            Files.createDirectory(folder.resolve("v" + number));
        }
        if (plan.extras() && source.audioStream() != null) {
            Files.createDirectory(folder.resolve("audio"));
        }
        Duration bound = Duration.ofMillis(source.durationMillis()).multipliedBy(SLOWEST);
        Duration time = bound.compareTo(LEAST_TIME) < 0 ? LEAST_TIME : bound;
        Sandbox.Ended ended = ffmpeg.encode(
                plan.input(),
                plan.arguments(),
                file,
                folder,
                time,
                time,
                new Progress(plan.frames(), percent),
                stopped);
        switch (ended) {
            case Sandbox.Ended.Exited exited -> {
                if (exited.code() != 0) {
                    throw new IOException(
                            "ffmpeg ended with " + exited.code() + ": " + lastLines(exited.errors(), folder));
                }
            }
            case Sandbox.Ended.Killed killed -> throw new IOException("ffmpeg " + killed.reason());
        }
    }

    private static Part part(TranscodePlan plan, boolean sound, Path folder, List<String> files) throws IOException {
        List<Part.Track> tracks = new ArrayList<>();
        for (int number : plan.numbers()) {
            Path rendition = folder.resolve("v" + number);
            String codec = MasterPlaylist.codec(Files.readAllBytes(rendition.resolve("init.mp4")));
            tracks.add(new Part.Track("v" + number, codec, segments(rendition)));
        }
        if (sound) {
            tracks.add(new Part.Track("audio", "", segments(folder.resolve("audio"))));
        }
        return new Part(tracks, size(folder, files));
    }

    private static long size(Path folder, List<String> files) throws IOException {
        long bytes = 0;
        for (String file : files) {
            bytes += Files.size(folder.resolve(file));
        }
        return bytes;
    }

    private static MediaPlaylist playlist(Path rendition) throws IOException {
        MediaPlaylist playlist = MediaPlaylist.parse(Files.readString(rendition.resolve("index.m3u8")));
        if (playlist.segments().isEmpty()) {
            throw new IOException("ffmpeg made no segment in " + rendition.getFileName());
        }
        return playlist;
    }

    private static List<Part.Segment> segments(Path rendition) throws IOException {
        List<Part.Segment> segments = new ArrayList<>();
        for (MediaPlaylist.Segment segment : playlist(rendition).segments()) {
            segments.add(
                    new Part.Segment(segment.file(), segment.seconds(), Files.size(rendition.resolve(segment.file()))));
        }
        return segments;
    }

    /** Writes the multivariant playlist of renditions and, where the last track is one, the sound. */
    private static List<Rendition> master(SourceInfo source, List<Rung> rungs, List<Part.Track> tracks, Path folder)
            throws IOException {
        Part.@Nullable Track sound = tracks.size() > rungs.size() ? tracks.getLast() : null;
        MasterPlaylist.@Nullable Rate soundRate = sound == null ? null : rate(sound);
        List<MasterPlaylist.Variant> variants = new ArrayList<>();
        List<Rendition> renditions = new ArrayList<>();
        for (int index = 0; index < rungs.size(); index++) {
            Rung rung = rungs.get(index);
            Part.Track track = tracks.get(index);
            MasterPlaylist.Rate rate = rate(track);
            variants.add(new MasterPlaylist.Variant(track.folder(), rung.width(), rung.height(), track.codec(), rate));
            int peak = soundRate == null ? rate.peak() : rate.plus(soundRate).peak();
            renditions.add(new Rendition(rung.name(), rung.width(), rung.height(), peak));
        }
        if (soundRate != null) {
            renditions.add(new Rendition("audio", 0, 0, soundRate.peak()));
        }
        Files.writeString(
                folder.resolve(MASTER),
                MasterPlaylist.write(variants, soundRate, sound == null ? "" : sound.folder(), source.frameRate()));
        return renditions;
    }

    private static MasterPlaylist.Rate rate(Part.Track track) {
        double seconds = 0;
        double bits = 0;
        double peak = 0;
        for (Part.Segment segment : track.segments()) {
            double size = segment.bytes() * 8.0;
            seconds += segment.seconds();
            bits += size;
            // The last segment may be a few frames: too short to be anybody's peak.
            if (segment.seconds() >= 1 || track.segments().size() == 1) {
                peak = Math.max(peak, size / Math.max(0.1, segment.seconds()));
            }
        }
        int average = (int) Math.ceil(bits / Math.max(0.1, seconds));
        return new MasterPlaylist.Rate(Math.max(average, (int) Math.ceil(peak)), average);
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile)
                    .map(path -> folder.relativize(path).toString())
                    .sorted(Comparator.comparing((String name) -> name.equals(MASTER))
                            .thenComparing(name -> name.endsWith(".m3u8"))
                            .thenComparing(name -> name))
                    .toList();
        }
    }

    /** What operators see: without the folders of this machine. */
    private static String lastLines(String errors, Path folder) {
        String text = errors.replace(folder.toAbsolutePath().toString(), "").strip();
        return text.length() > 500 ? text.substring(text.length() - 500) : text;
    }
}
