package org.lectern.video.media;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Why a file is not accepted as a video; the names are on the wire and never change. */
public enum Refusal {
    /** No format that Lectern reads, or a playlist that dresses up as one. */
    NOT_A_VIDEO("This is not a video that Lectern can read. MP4, MOV, MKV and WebM work."),
    /** Sound only. */
    NO_PICTURE("The file has no video track."),
    /** Longer than the limit. */
    TOO_LONG("The video is longer than is accepted."),
    /** Shorter than anything that could be shown. */
    TOO_SHORT("The video is shorter than a tenth of a second."),
    /** More pixels than are decoded. */
    TOO_MANY_PIXELS("The picture has more pixels than are accepted."),
    /** Encrypted or protected. */
    ENCRYPTED("The video is encrypted or copy-protected; upload an unprotected copy."),
    /** Begins like a video, but cannot be decoded. */
    BROKEN("The file is damaged or incomplete: no picture could be decoded.");

    private final String detail;

    Refusal(String detail) {
        this.detail = detail;
    }

    /** A sentence for the person who uploaded it. */
    public String detail() {
        return detail;
    }

    /** The code on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
