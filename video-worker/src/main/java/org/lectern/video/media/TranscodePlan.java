package org.lectern.video.media;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * The arguments of the one FFmpeg process that makes everything: it decodes once, and each rendition, the sound, the
 * poster and the sheet of thumbnails are outputs of its own.
 *
 * <p>Key frames stand at every so many frames of the common constant frame rate that two seconds are about, at the same times in
 * all renditions, and segments are cut at every second of them. So it is known in advance which frame every segment begins with,
 * and a range of segments can be made by itself: FFmpeg seeks to a little before it, and the frame rate's filter lets the same
 * frames through as in a run over the whole. B-frames shift an fMP4 track by one frame against its sound, which is a file
 * of its own: the sound is shifted by as much.
 */
final class TranscodePlan {

    private static final int KEY_FRAME_SECONDS = 2;
    private static final int KEY_FRAMES_IN_SEGMENT = 2;

    /** Where frames are far apart, the one that is shown when a range begins is well before it. */
    private static final double LEAD_SECONDS = 5;

    static final int AUDIO_BITRATE = 128_000;
    private static final int THUMBNAIL_SIDE = 160;
    private static final int THUMBNAIL_COLUMNS = 10;
    private static final int MOST_THUMBNAILS = 100;
    private static final double SHORTEST_INTERVAL_SECONDS = 2;

    private final SourceInfo source;
    private final List<Rung> rungs;
    private final int threads;
    private final Share share;

    TranscodePlan(SourceInfo source, List<Rung> rungs, int threads, Share share) {
        this.source = source;
        this.rungs = List.copyOf(rungs);
        this.threads = threads;
        this.share = share;
    }

    /** Which share of the work a process does. */
    sealed interface Share {
        /** Everything. */
        record Whole() implements Share {}

        /** The smallest rendition, the sound and the pictures: what can be played first. */
        record First() implements Share {}

        /**
         * All other renditions of a range of segments.
         *
         * @param from first segment, from 0
         * @param count how many; the last range goes to the end whatever it says
         * @param last whether nothing follows
         */
        record Range(int from, int count, boolean last) implements Share {}
    }

    /** Frames from one key frame to the next. */
    static int keyFrameDistance(Rational frameRate) {
        return (int) Math.max(1, Math.round(KEY_FRAME_SECONDS * frameRate.value()));
    }

    /** Frames of a whole segment. */
    static int segmentFrames(Rational frameRate) {
        return KEY_FRAMES_IN_SEGMENT * keyFrameDistance(frameRate);
    }

    /** The renditions of this share: their numbers in the ladder. */
    List<Integer> numbers() {
        int all = rungs.size();
        return switch (share) {
            case Share.Whole unused -> IntStream.range(0, all).boxed().toList();
            case Share.First unused -> List.of(all - 1);
            case Share.Range unused -> IntStream.range(0, all - 1).boxed().toList();
        };
    }

    /** Whether this share has the sound and the pictures. */
    boolean extras() {
        return !(share instanceof Share.Range);
    }

    /** Frames that this share encodes of each rendition. */
    long frames() {
        long all =
                Math.round(source.durationMillis() / 1000.0 * source.frameRate().value());
        if (share instanceof Share.Range range) {
            long begin = (long) range.from() * segmentFrames(source.frameRate());
            long whole = (long) range.count() * segmentFrames(source.frameRate());
            return Math.max(1, range.last() ? all - begin : whole);
        }
        return all;
    }

    /** The first frame of this share. */
    long firstFrame() {
        return share instanceof Share.Range range ? (long) range.from() * segmentFrames(source.frameRate()) : 0;
    }

    private double firstSeconds() {
        return firstFrame() / source.frameRate().value();
    }

    /** What stands before the input. */
    List<String> input() {
        double seek = firstSeconds() - LEAD_SECONDS;
        return seek <= 0
                ? List.of("-copyts", "-start_at_zero")
                : List.of("-noaccurate_seek", "-ss", decimal(seek), "-copyts", "-start_at_zero");
    }

    private static String decimal(double seconds) {
        return String.format(Locale.ROOT, "%.6f", seconds);
    }

    /** Where the thumbnails stand in their sheet. */
    record Sheet(double intervalSeconds, int count, int columns, int rows, int width, int height) {}

    /** One thumbnail every two seconds, or a hundred in all. */
    Sheet sheet() {
        double seconds = source.durationMillis() / 1000.0;
        double interval = Math.max(SHORTEST_INTERVAL_SECONDS, Math.ceil(seconds / MOST_THUMBNAILS));
        int count = (int) Math.max(1, Math.ceil(seconds / interval));
        int columns = Math.min(THUMBNAIL_COLUMNS, count);
        double scale = (double) THUMBNAIL_SIDE / Math.max(source.width(), source.height());
        return new Sheet(
                interval,
                count,
                columns,
                (count + columns - 1) / columns,
                Math.max(2, (int) Math.round(source.width() * scale / 2) * 2),
                Math.max(2, (int) Math.round(source.height() * scale / 2) * 2));
    }

    /** Everything after the input. Files are relative to the working folder. */
    List<String> arguments() {
        List<String> all = new ArrayList<>(List.of("-filter_complex_threads", Integer.toString(threads)));
        all.addAll(List.of("-filter_complex", filters()));
        for (int number : numbers()) {
            all.addAll(rendition(number, rungs.get(number)));
        }
        if (!extras()) {
            return all;
        }
        if (source.audioStream() != null) {
            all.addAll(List.of("-map", "[sound]", "-c:a", "aac", "-b:a", Integer.toString(AUDIO_BITRATE), "-ac", "2"));
            double frame = 1 / source.frameRate().value();
            all.addAll(List.of("-output_ts_offset", String.format(Locale.ROOT, "%.6f", frame)));
            all.addAll(hls("audio"));
        }
        all.addAll(List.of("-map", "[poster]", "-frames:v", "1", "-update", "1", "-q:v", "4", "poster.jpg"));
        all.addAll(List.of("-map", "[sheet]", "-frames:v", "1", "-update", "1", "-q:v", "5", "sprite.jpg"));
        return all;
    }

    private String filters() {
        StringBuilder graph = new StringBuilder();
        graph.append("[0:").append(source.videoStream()).append("]fps=fps=").append(source.frameRate());
        if (share instanceof Share.Range range) {
            graph.append(":start_time=").append(decimal(firstSeconds()));
            if (!range.last()) {
                graph.append(",trim=end_frame=").append(frames());
            }
            graph.append(",setpts=PTS-STARTPTS");
        }
        graph.append(",split=").append(numbers().size() + (extras() ? 2 : 0));
        for (int number : numbers()) {
            graph.append("[in").append(number).append(']');
        }
        graph.append(extras() ? "[forposter][forsheet];" : ";");
        for (int number : numbers()) {
            Rung rung = rungs.get(number);
            graph.append("[in").append(number).append(']').append(scale(rung.width(), rung.height()));
            graph.append(",format=yuv420p[v").append(number).append("];");
        }
        if (!extras()) {
            graph.setLength(graph.length() - 1);
            return graph.toString();
        }
        Rung first = rungs.getFirst();
        double posterAt = Math.min(10, source.durationMillis() / 1000.0 / 10);
        graph.append("[forposter]select='gte(t,")
                .append(String.format(Locale.ROOT, "%.3f", posterAt))
                .append(")',")
                .append(scale(first.width(), first.height()))
                .append(",format=yuvj420p[poster];");
        Sheet sheet = sheet();
        graph.append("[forsheet]fps=1/")
                .append(String.format(Locale.ROOT, "%.0f", sheet.intervalSeconds()))
                .append(":round=up,")
                .append(scale(sheet.width(), sheet.height()))
                .append(",tile=")
                .append(sheet.columns())
                .append('x')
                .append(sheet.rows())
                .append(",format=yuvj420p[sheet]");
        if (source.audioStream() != null) {
            graph.append(";[0:").append(source.audioStream()).append(']');
            graph.append("loudnorm=I=-16:TP=-1.5:LRA=11,aresample=48000[sound]");
        }
        return graph.toString();
    }

    private static String scale(int width, int height) {
        return "scale=" + width + ":" + height + ",setsar=1";
    }

    private List<String> rendition(int index, Rung rung) {
        List<String> output = new ArrayList<>(List.of("-map", "[v" + index + "]", "-c:v", "libx264"));
        output.addAll(List.of("-preset", "veryfast", "-profile:v", "main", "-crf", "23"));
        output.addAll(List.of("-maxrate", Integer.toString(rung.maxBitrate())));
        output.addAll(List.of("-bufsize", Integer.toString(2 * rung.maxBitrate())));
        output.addAll(List.of("-bf", "2", "-x264-params", "b-pyramid=none", "-sc_threshold", "0"));
        output.addAll(List.of("-force_key_frames", "expr:not(mod(n," + keyFrameDistance(source.frameRate()) + "))"));
        output.addAll(List.of("-threads", Integer.toString(threads)));
        output.addAll(hls("v" + index));
        return output;
    }

    private List<String> hls(String folder) {
        // Rounded down to FFmpeg's microseconds: the key frame at the end of the last one is never before it.
        double seconds = segmentFrames(source.frameRate()) / source.frameRate().value();
        return List.of(
                "-map_metadata",
                "-1",
                "-f",
                "hls",
                "-hls_time",
                decimal(Math.floor(seconds * 1_000_000) / 1_000_000),
                "-start_number",
                Integer.toString(share instanceof Share.Range range ? range.from() : 0),
                "-hls_playlist_type",
                "vod",
                "-hls_list_size",
                "0",
                "-hls_segment_type",
                "fmp4",
                "-hls_flags",
                "independent_segments+temp_file",
                "-hls_fmp4_init_filename",
                "init.mp4",
                "-hls_segment_filename",
                folder + "/seg-%05d.m4s",
                folder + "/index.m3u8");
    }
}
