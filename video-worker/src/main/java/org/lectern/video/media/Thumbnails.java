package org.lectern.video.media;

import java.util.Locale;

/** Writes the WebVTT file that says which part of the sheet shows which time. Pure. */
final class Thumbnails {

    private Thumbnails() {}

    static String webVtt(TranscodePlan.Sheet sheet, long durationMillis) {
        StringBuilder text = new StringBuilder("WEBVTT\n");
        long interval = Math.round(sheet.intervalSeconds() * 1000);
        for (int index = 0; index < sheet.count(); index++) {
            long from = index * interval;
            long to = Math.min(durationMillis, from + interval);
            text.append('\n')
                    .append(time(from))
                    .append(" --> ")
                    .append(time(to))
                    .append('\n');
            text.append(String.format(
                    Locale.ROOT,
                    "sprite.jpg#xywh=%d,%d,%d,%d\n",
                    index % sheet.columns() * sheet.width(),
                    index / sheet.columns() * sheet.height(),
                    sheet.width(),
                    sheet.height()));
        }
        return text.toString();
    }

    private static String time(long millis) {
        return String.format(
                Locale.ROOT,
                "%02d:%02d:%02d.%03d",
                millis / 3_600_000,
                millis / 60_000 % 60,
                millis / 1000 % 60,
                millis % 1000);
    }
}
