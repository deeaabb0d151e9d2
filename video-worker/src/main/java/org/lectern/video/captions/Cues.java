package org.lectern.video.captions;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;

/**
 * The cues of a caption file, SubRip or WebVTT (https://www.w3.org/TR/webvtt1/). Pure.
 *
 * <p>Only what a reader needs is kept: times, positions and text with bold, italics, underlining and voices. Styles, regions, notes
 * and every other tag are left out, so that what one person uploads cannot change another one's page.
 *
 * @param list in the order of their times
 */
public record Cues(List<Cue> list) {

    /** A text file of captions is much smaller. */
    public static final int LIMIT_BYTES = 2 * 1024 * 1024;

    private static final int LIMIT_CUES = 20_000;
    private static final int LIMIT_CHARS = 2_000;
    private static final String TIME = "(?:(\\d{1,3}):)?([0-5]?\\d):([0-5]?\\d)[.,](\\d{1,3})";
    private static final Pattern TIMING = Pattern.compile("^\\s*" + TIME + "\\s*-->\\s*" + TIME + "(?:[ \\t]+(.*))?$");
    private static final Pattern SETTING =
            Pattern.compile("(?:vertical:(?:rl|lr)|(?:line|position|size):[0-9.,%a-z-]{1,24}|align:[a-z]{3,6})");
    private static final Pattern TAG = Pattern.compile("<(/?)([^<>\\s.]*)([^<>]*)>");
    private static final Pattern OVERRIDE = Pattern.compile("\\{\\\\[^{}]*}");

    /** Copies the list. */
    public Cues {
        list = List.copyOf(list);
    }

    /**
     * A text and when it is shown.
     *
     * @param fromMillis from the beginning of the video
     * @param toMillis after {@code fromMillis}
     * @param settings of WebVTT, such as {@code align:start}; may be empty
     * @param text in WebVTT's own notation
     */
    public record Cue(long fromMillis, long toMillis, String settings, String text) {}

    /**
     * Reads a file.
     *
     * @throws ProblemException {@link ProblemType#UNPROCESSABLE} when it is not UTF-8, has no cue, or too many
     */
    public static Cues parse(byte[] file) {
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(file))
                    .toString();
        } catch (CharacterCodingException unused) {
            throw refused("The captions are not text in UTF-8");
        }
        List<Cue> cues = new ArrayList<>();
        String[] lines = text.replace("\uFEFF", "").replace("\0", "").split("\r\n|\r|\n", -1);
        for (int index = 0; index < lines.length; index++) {
            Matcher timing = TIMING.matcher(lines[index]);
            if (!timing.matches()) {
                continue;
            }
            StringBuilder words = new StringBuilder();
            while (index + 1 < lines.length && !lines[index + 1].isBlank()) {
                index++;
                if (words.length() < LIMIT_CHARS) {
                    words.append(words.isEmpty() ? "" : "\n").append(clean(lines[index]));
                }
            }
            long from = millis(timing, 1);
            long to = millis(timing, 5);
            if (to > from && !words.isEmpty()) {
                cues.add(new Cue(from, to, settings(timing.group(9)), words.toString()));
            }
            if (cues.size() > LIMIT_CUES) {
                throw refused("The captions have more than " + LIMIT_CUES + " cues");
            }
        }
        if (cues.isEmpty()) {
            throw refused("There is no caption in this file. SubRip (.srt) and WebVTT (.vtt) work.");
        }
        cues.sort(Comparator.comparingLong(Cue::fromMillis).thenComparingLong(Cue::toMillis));
        return new Cues(cues);
    }

    /** The file that players read. */
    public String webVtt() {
        StringBuilder text = new StringBuilder("WEBVTT\n");
        for (Cue cue : list) {
            text.append('\n').append(time(cue.fromMillis())).append(" --> ").append(time(cue.toMillis()));
            if (!cue.settings().isEmpty()) {
                text.append(' ').append(cue.settings());
            }
            text.append('\n').append(cue.text()).append('\n');
        }
        return text.toString();
    }

    /** A time as WebVTT writes it. */
    public static String time(long millis) {
        return String.format(
                Locale.ROOT,
                "%02d:%02d:%02d.%03d",
                millis / 3_600_000,
                millis / 60_000 % 60,
                millis / 1000 % 60,
                millis % 1000);
    }

    /** Text that stands for itself in a cue. */
    public static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    private static String clean(String line) {
        String plain = OVERRIDE.matcher(line.strip()).replaceAll("");
        Matcher tags = TAG.matcher(plain);
        StringBuilder kept = new StringBuilder();
        int end = 0;
        while (tags.find()) {
            kept.append(words(plain.substring(end, tags.start())));
            switch (tags.group(2).toLowerCase(Locale.ROOT)) {
                case "b", "i", "u" ->
                    kept.append('<')
                            .append(tags.group(1))
                            .append(tags.group(2).toLowerCase(Locale.ROOT))
                            .append('>');
                case "v" -> kept.append(tags.group(1).isEmpty() ? "<v" + words(tags.group(3)) + ">" : "</v>");
                default -> {
                    // Colours, fonts, classes, time stamps: left out.
                }
            }
            end = tags.end();
        }
        return kept.append(words(plain.substring(end))).toString();
    }

    /** Character references stay; what would be read as a tag or a timing does not. */
    private static String words(String text) {
        return text.replaceAll("&(?![a-zA-Z#][a-zA-Z0-9]{1,9};)", "&amp;")
                .replace("<", "&lt;")
                .replace("-->", "--&gt;");
    }

    private static String settings(@Nullable String text) {
        if (text == null) {
            return "";
        }
        List<String> known = new ArrayList<>();
        for (String setting : text.strip().split("\\s+", -1)) {
            if (SETTING.matcher(setting).matches()) {
                known.add(setting);
            }
        }
        return String.join(" ", known);
    }

    private static long millis(Matcher timing, int group) {
        String hours = timing.group(group);
        String fraction = (timing.group(group + 3) + "00").substring(0, 3);
        return (hours == null ? 0 : Long.parseLong(hours) * 3_600_000)
                + Long.parseLong(timing.group(group + 1)) * 60_000
                + Long.parseLong(timing.group(group + 2)) * 1000
                + Long.parseLong(fraction);
    }

    private static ProblemException refused(String why) {
        return new ProblemException(ProblemType.UNPROCESSABLE, why);
    }
}
