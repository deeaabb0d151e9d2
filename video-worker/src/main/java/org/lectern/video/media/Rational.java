package org.lectern.video.media;

import java.util.Locale;

/**
 * A frame rate as FFmpeg writes it.
 *
 * @param numerator positive
 * @param denominator positive
 */
public record Rational(int numerator, int denominator) {

    /** Refuses what is no rate. */
    public Rational {
        if (numerator <= 0 || denominator <= 0) {
            throw new IllegalArgumentException(numerator + "/" + denominator);
        }
    }

    /** As a number. */
    public double value() {
        return (double) numerator / denominator;
    }

    @Override
    public String toString() {
        return numerator + "/" + denominator;
    }

    /** Reads {@code 30000/1001}; null for {@code 0/0} and everything that is not a positive rate. */
    static @org.jspecify.annotations.Nullable Rational parse(String text) {
        int slash = text.indexOf('/');
        try {
            int numerator = Integer.parseInt(slash < 0 ? text : text.substring(0, slash));
            int denominator = slash < 0 ? 1 : Integer.parseInt(text.substring(slash + 1));
            return numerator > 0 && denominator > 0 ? new Rational(numerator, denominator) : null;
        } catch (NumberFormatException unused) {
            return null;
        }
    }

    /** With three decimals, as playlists want it. */
    String decimal() {
        return String.format(Locale.ROOT, "%.3f", value());
    }
}
