package org.lectern.video.media;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Writes the multivariant playlist, with bit rates as measured from the segments. Pure. */
final class MasterPlaylist {

    private static final String SOUND_CODEC = "mp4a.40.2";

    private MasterPlaylist() {}

    /** Bits per second. */
    record Rate(int peak, int average) {
        Rate plus(Rate other) {
            return new Rate(peak + other.peak, average + other.average);
        }
    }

    /** A rendition with a picture, as it came out. */
    record Variant(String folder, int width, int height, String codec, Rate rate) {}

    /**
     * The text of the playlist.
     *
     * @param soundFolder where the sound's playlist is, if there is sound
     */
    static String write(List<Variant> variants, @Nullable Rate sound, String soundFolder, Rational frameRate) {
        StringBuilder text = new StringBuilder("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        if (sound != null) {
            text.append("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,")
                    .append("CHANNELS=\"2\",URI=\"")
                    .append(soundFolder)
                    .append("/index.m3u8\"\n");
        }
        for (Variant variant : variants) {
            Rate rate = sound == null ? variant.rate() : variant.rate().plus(sound);
            text.append(String.format(
                    Locale.ROOT,
                    "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,RESOLUTION=%dx%d,FRAME-RATE=%s,CODECS=\"%s%s\"%s%n",
                    rate.peak(),
                    rate.average(),
                    variant.width(),
                    variant.height(),
                    frameRate.decimal(),
                    variant.codec(),
                    sound == null ? "" : "," + SOUND_CODEC,
                    sound == null ? "" : ",AUDIO=\"sound\""));
            text.append(variant.folder()).append("/index.m3u8\n");
        }
        if (sound != null) {
            text.append(String.format(
                    Locale.ROOT,
                    "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS=\"%s\",AUDIO=\"sound\"%n",
                    sound.peak(),
                    sound.average(),
                    SOUND_CODEC));
            text.append(soundFolder).append("/index.m3u8\n");
        }
        return text.toString().replace("\r\n", "\n");
    }

    /**
     * The codec as RFC 6381 names it, read from the configuration record in a rendition's first file.
     *
     * @param init content of {@code init.mp4}
     */
    static String codec(byte[] init) {
        for (int index = 0; index + 8 <= init.length; index++) {
            if (init[index] == 'a' && init[index + 1] == 'v' && init[index + 2] == 'c' && init[index + 3] == 'C') {
                return String.format(
                        Locale.ROOT, "avc1.%02x%02x%02x", init[index + 5], init[index + 6], init[index + 7]);
            }
        }
        throw new IllegalArgumentException("no H.264 configuration in the initialisation file");
    }
}
