package org.lectern.video.playback;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.captions.Captions;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The files of captions, made when they are asked for: a WebVTT file and a playlist of it for each language, and the multivariant
 * playlist with the languages that there are now.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class CaptionFiles {

    /** Begins the name of every file of captions. */
    static final String FOLDER = "captions/";

    private static final int MASTER_LIMIT_BYTES = 64 * 1024;
    private static final String GROUP = "captions";

    private final Captions captions;

    CaptionFiles(Captions captions) {
        this.captions = captions;
    }

    /** The text of {@code captions/en.vtt} or {@code captions/en.m3u8}, or empty. */
    Mono<String> file(ContextId context, UUID video, String name) {
        int dot = name.lastIndexOf('.');
        String language = name.substring(FOLDER.length(), dot);
        return captions.text(context, video, language)
                .map(text -> name.endsWith(".vtt") ? text.webVtt() : playlist(language, text.durationMillis()));
    }

    /** The multivariant playlist, as it was stored, with captions. */
    Mono<String> master(ContextId context, UUID video, Flux<DataBuffer> stored) {
        return DataBufferUtils.join(stored, MASTER_LIMIT_BYTES)
                .map(buffer -> {
                    String text = buffer.toString(StandardCharsets.UTF_8);
                    DataBufferUtils.release(buffer);
                    return text;
                })
                .zipWith(captions.tracks(context, video, Freshness.PRIMARY).collectList(), CaptionFiles::with);
    }

    private static String playlist(String language, long durationMillis) {
        double seconds = durationMillis / 1000.0;
        return String.format(Locale.ROOT, """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-TARGETDURATION:%d
                #EXT-X-PLAYLIST-TYPE:VOD
                #EXTINF:%.3f,
                %s.vtt
                #EXT-X-ENDLIST
                """, (long) Math.ceil(seconds), seconds, language);
    }

    /** Adds a group of captions to every variant. Pure. */
    static String with(String master, List<Captions.Track> tracks) {
        if (tracks.isEmpty()) {
            return master;
        }
        StringBuilder text = new StringBuilder();
        boolean written = false;
        for (String line : master.lines().toList()) {
            boolean variant = line.startsWith("#EXT-X-STREAM-INF:");
            if (!written && (variant || line.startsWith("#EXT-X-MEDIA:"))) {
                tracks.forEach(track -> text.append(media(track)));
                written = true;
            }
            text.append(line)
                    .append(variant ? ",SUBTITLES=\"" + GROUP + "\"" : "")
                    .append('\n');
        }
        return text.toString();
    }

    private static String media(Captions.Track track) {
        return "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"" + GROUP + "\",NAME=\""
                + track.label().replace('"', '\'')
                + "\",LANGUAGE=\"" + track.language() + "\",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"" + FOLDER
                + track.language() + ".m3u8\"\n";
    }
}
