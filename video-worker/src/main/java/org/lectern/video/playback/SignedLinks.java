package org.lectern.video.playback;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.lectern.db.ContextId;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoSettings;
import org.springframework.stereotype.Component;

/**
 * Addresses of playable files that work without a session, for a limited time, for one video.
 *
 * <p>The grant (its end and an HMAC-SHA256 over end, course, video and content) is the first part of the path, so the relative
 * addresses inside playlists carry it without being rewritten. The end is rounded up to a whole hour: whoever asks again within
 * the hour gets the same address, and the browser's cache is of use. Pure but for the clock; thread-safe.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public final class SignedLinks {

    private static final Duration ROUNDING = Duration.ofHours(1);
    private static final Pattern GRANT = Pattern.compile("([0-9]{1,12})\\.([A-Za-z0-9_-]{43})");
    private static final String ALGORITHM = "HmacSHA256";

    private final SigningKey key;
    private final Duration lifetime;
    private final Clock clock;

    SignedLinks(SigningKey key, VideoSettings settings, Clock clock) {
        this.key = key;
        this.lifetime = settings.linkLifetime();
        this.clock = clock;
    }

    /** Whether a grant holds. */
    enum Verdict {
        /** It does. */
        VALID,
        /** It did. */
        EXPIRED,
        /** It was not made here for this. */
        FORGED
    }

    /**
     * The address of a file, beginning with {@code /media/}.
     *
     * @param content the content whose folder the file is in
     */
    public String link(ContextId context, UUID video, UUID content, UUID output, String file) {
        long rounding = ROUNDING.toSeconds();
        long end = clock.instant().plus(lifetime).getEpochSecond();
        long expires = (end + rounding - 1) / rounding * rounding;
        return "/media/" + expires + "." + signature(expires, context, video, content) + "/" + context + "/" + video
                + "/" + content + "/" + output + "/" + file;
    }

    /** Judges the first part of a path. */
    Verdict check(String grant, ContextId context, UUID video, UUID content) {
        var parts = GRANT.matcher(grant);
        if (!parts.matches()) {
            return Verdict.FORGED;
        }
        long expires = Long.parseLong(parts.group(1));
        byte[] expected = signature(expires, context, video, content).getBytes(StandardCharsets.US_ASCII);
        if (!MessageDigest.isEqual(expected, parts.group(2).getBytes(StandardCharsets.US_ASCII))) {
            return Verdict.FORGED;
        }
        return clock.instant().isBefore(Instant.ofEpochSecond(expires)) ? Verdict.VALID : Verdict.EXPIRED;
    }

    private String signature(long expires, ContextId context, UUID video, UUID content) {
        String signed = "lectern-media-3\n" + expires + "\n" + context + "\n" + video + "\n" + content;
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key.bytes(), ALGORITHM));
            return Base64.getUrlEncoder()
                    .withoutPadding()
                    .encodeToString(mac.doFinal(signed.getBytes(StandardCharsets.US_ASCII)));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("every Java platform has " + ALGORITHM, impossible);
        }
    }
}
