package org.lectern.video.media;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a media playlist lists.
 *
 * @param segments in order
 */
record MediaPlaylist(List<Segment> segments) {

    MediaPlaylist {
        segments = List.copyOf(segments);
    }

    /** A segment: its file, relative to the playlist, and how long it plays. */
    record Segment(String file, double seconds) {}

    static MediaPlaylist parse(String text) {
        List<Segment> segments = new ArrayList<>();
        double seconds = 0;
        for (String line : text.lines().toList()) {
            if (line.startsWith("#EXTINF:")) {
                int comma = line.indexOf(',');
                seconds = Double.parseDouble(line.substring("#EXTINF:".length(), comma < 0 ? line.length() : comma));
            } else if (!line.isBlank() && !line.startsWith("#")) {
                segments.add(new Segment(line.strip(), seconds));
            }
        }
        return new MediaPlaylist(segments);
    }

    /**
     * One playlist of what several workers made, each in a folder of its own two levels above the playlist's.
     *
     * @param pieces in order
     * @param outputs the folder of each piece
     */
    static String joined(List<Part.Track> pieces, List<String> outputs) {
        double longest = pieces.stream()
                .flatMap(piece -> piece.segments().stream())
                .mapToDouble(Part.Segment::seconds)
                .max()
                .orElse(1);
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT, """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-TARGETDURATION:%d
                #EXT-X-MEDIA-SEQUENCE:0
                #EXT-X-PLAYLIST-TYPE:VOD
                #EXT-X-INDEPENDENT-SEGMENTS
                """, Math.max(1, Math.round(longest))));
        for (int index = 0; index < pieces.size(); index++) {
            Part.Track piece = pieces.get(index);
            String folder = "../../" + outputs.get(index) + "/" + piece.folder() + "/";
            text.append("#EXT-X-MAP:URI=\"").append(folder).append("init.mp4\"\n");
            for (Part.Segment segment : piece.segments()) {
                text.append(
                        String.format(Locale.ROOT, "#EXTINF:%.6f,\n%s%s\n", segment.seconds(), folder, segment.file()));
            }
        }
        return text.append("#EXT-X-ENDLIST\n").toString();
    }
}
