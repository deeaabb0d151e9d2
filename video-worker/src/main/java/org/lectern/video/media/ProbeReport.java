package org.lectern.video.media;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Judges what ffprobe says about a file. Pure: JSON in, verdict out. Nothing in the report is trusted to be there or to
 * be in its range.
 */
final class ProbeReport {

    private static final Rational HIGHEST_RATE = new Rational(30, 1);

    /** Rates of the file's two notions of it that differ by more than this are a varying rate. */
    private static final double SAME_RATE = 0.02;

    private static final double SLOWEST_RATE = 1;
    private static final long SHORTEST_MILLIS = 100;
    private static final Set<String> ENCRYPTED_TAGS = Set.of("encv", "enca", "drmi", "drms");

    private ProbeReport() {}

    /** What a file may be. */
    record Bounds(long maxDurationMillis, long maxPixels) {}

    /**
     * The verdict.
     *
     * @param report ffprobe's answer with format and streams
     * @param measured the duration as counted from the packets, where the file's header does not say it
     */
    static Probed judge(JsonNode report, OptionalLong measured, Bounds bounds) {
        JsonNode video = null;
        JsonNode audio = null;
        for (JsonNode stream : report.path("streams")) {
            String tag = text(stream, "codec_tag_string").toLowerCase(Locale.ROOT);
            if (ENCRYPTED_TAGS.contains(tag)
                    || !text(stream.path("tags"), "enc_key_id").isEmpty()) {
                return new Probed.Refused(Refusal.ENCRYPTED);
            }
            switch (text(stream, "codec_type")) {
                case "video" -> {
                    boolean picture = stream.path("disposition")
                                            .path("attached_pic")
                                            .asInt(0)
                                    == 1
                            || stream.path("disposition").path("still_image").asInt(0) == 1;
                    if (video == null && !picture) {
                        video = stream;
                    }
                }
                case "audio" -> {
                    if (audio == null && hasSound(stream)) {
                        audio = stream;
                    }
                }
                default -> {
                    // Subtitles, data, attachments: left out.
                }
            }
        }
        if (video == null) {
            return new Probed.Refused(audio == null ? Refusal.NOT_A_VIDEO : Refusal.NO_PICTURE);
        }
        long width = video.path("width").asLong(0);
        long height = video.path("height").asLong(0);
        if (width <= 0 || height <= 0) {
            return new Probed.Refused(Refusal.BROKEN);
        }
        if (width > 65_535 || height > 65_535 || width * height > bounds.maxPixels()) {
            return new Probed.Refused(Refusal.TOO_MANY_PIXELS);
        }
        long duration = measured.isPresent() ? measured.getAsLong() : durationMillis(report, video);
        if (duration < SHORTEST_MILLIS) {
            return new Probed.Refused(Refusal.TOO_SHORT);
        }
        if (duration > bounds.maxDurationMillis()) {
            return new Probed.Refused(Refusal.TOO_LONG);
        }
        double shape = pixelShape(text(video, "sample_aspect_ratio"));
        // Square pixels without inventing lines: the squeezed direction is stretched.
        long shownWidth = shape > 1 ? Math.round(width * shape) : width;
        long shownHeight = shape < 1 ? Math.round(height / shape) : height;
        if (shownWidth * shownHeight > bounds.maxPixels()) {
            return new Probed.Refused(Refusal.TOO_MANY_PIXELS);
        }
        boolean turned = turned(video);
        return new Probed.Accepted(new SourceInfo(
                duration,
                (int) (turned ? shownHeight : shownWidth),
                (int) (turned ? shownWidth : shownHeight),
                frameRate(video),
                video.path("index").asInt(0),
                audio == null ? null : (Integer) audio.path("index").asInt(0)));
    }

    /** Whether the report knows a duration; files recorded by browsers often do not. */
    static boolean knowsDuration(JsonNode report) {
        for (JsonNode stream : report.path("streams")) {
            if (seconds(text(stream, "duration")) > 0) {
                return true;
            }
        }
        return seconds(text(report.path("format"), "duration")) > 0;
    }

    private static boolean hasSound(JsonNode stream) {
        return stream.path("channels").asInt(0) > 0
                && !text(stream, "codec_name").isEmpty()
                && !text(stream, "codec_name").equals("unknown");
    }

    private static long durationMillis(JsonNode report, JsonNode video) {
        double seconds = seconds(text(report.path("format"), "duration"));
        if (seconds <= 0) {
            seconds = seconds(text(video, "duration"));
        }
        return Math.round(seconds * 1000);
    }

    private static Rational frameRate(JsonNode video) {
        Rational average = Rational.parse(text(video, "avg_frame_rate"));
        Rational base = Rational.parse(text(video, "r_frame_rate"));
        if (average == null || base == null) {
            return average == null || average.value() > HIGHEST_RATE.value() ? HIGHEST_RATE : atLeast(average);
        }
        boolean constant = Math.abs(average.value() - base.value()) <= SAME_RATE * base.value();
        if (!constant || base.value() > HIGHEST_RATE.value()) {
            return HIGHEST_RATE;
        }
        return atLeast(base);
    }

    private static Rational atLeast(Rational rate) {
        return rate.value() < SLOWEST_RATE ? new Rational(1, 1) : rate;
    }

    private static double pixelShape(String text) {
        Rational shape = Rational.parse(text.replace(':', '/'));
        return shape == null || shape.value() > 8 || shape.value() < 0.125 ? 1 : shape.value();
    }

    private static boolean turned(JsonNode video) {
        for (JsonNode side : video.path("side_data_list")) {
            double rotation = side.path("rotation").asDouble(0);
            if (Math.abs(Math.round(rotation)) % 180 == 90) {
                return true;
            }
        }
        return false;
    }

    private static double seconds(String text) {
        try {
            double value = Double.parseDouble(text);
            return Double.isFinite(value) ? value : 0;
        } catch (NumberFormatException unused) {
            return 0;
        }
    }

    private static String text(JsonNode node, String field) {
        @Nullable
        String value = node.path(field).isValueNode() ? node.path(field).asString() : null;
        return value == null ? "" : value;
    }
}
