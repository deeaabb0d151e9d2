package org.lectern.video.media;

import java.util.ArrayList;
import java.util.List;

/**
 * Chooses the renditions of a video: never larger than the source, the largest first, and at least two wherever the
 * source has the pixels for it. Rungs are told apart by the shorter side, so that a portrait video gets the same quality
 * as a landscape one.
 */
public final class Ladder {

    private static final List<Integer> SIDES = List.of(1080, 720, 480, 240);
    private static final int LOWEST_SIDE = 144;

    /** A source this much larger than the best rung that fits also gets a rung of its own size. */
    private static final double WORTH_ITS_OWN_RUNG = 1.25;

    /** 1080p in H.264 with headroom; other sizes follow the number of pixels, less than in proportion. */
    private static final double FULL_HD_BITRATE = 5_000_000;

    private static final double FULL_HD_PIXELS = 1920.0 * 1080.0;
    private static final int LEAST_BITRATE = 150_000;

    private Ladder() {}

    /**
     * The renditions of a source.
     *
     * @param width pixels across as shown, at least 1
     * @param height pixels down as shown, at least 1
     */
    public static List<Rung> choose(int width, int height) {
        int side = Math.min(width, height);
        List<Integer> chosen = new ArrayList<>();
        for (int candidate : SIDES) {
            if (candidate <= side) {
                chosen.add(candidate);
            }
        }
        int best = chosen.isEmpty() ? 0 : chosen.getFirst();
        if (best < SIDES.getFirst() && side >= best * WORTH_ITS_OWN_RUNG) {
            chosen.addFirst(side);
        }
        if (chosen.size() == 1 && chosen.getFirst() >= LOWEST_SIDE * WORTH_ITS_OWN_RUNG) {
            chosen.add(LOWEST_SIDE);
        }
        return chosen.stream().map(one -> rung(width, height, one)).toList();
    }

    private static Rung rung(int width, int height, int side) {
        double scale = (double) side / Math.min(width, height);
        int scaledWidth = even(width * scale, width);
        int scaledHeight = even(height * scale, height);
        double pixels = (double) scaledWidth * scaledHeight;
        int bitrate = (int) Math.round(FULL_HD_BITRATE * Math.pow(pixels / FULL_HD_PIXELS, 0.75));
        return new Rung(scaledWidth, scaledHeight, Math.max(LEAST_BITRATE, bitrate));
    }

    /** H.264 in 4:2:0 needs even sides; the nearest one that is not above the source, but at least 2. */
    private static int even(double length, int limit) {
        int nearest = (int) Math.round(length / 2) * 2;
        int highest = limit - limit % 2;
        return Math.max(2, Math.min(nearest, highest));
    }
}
