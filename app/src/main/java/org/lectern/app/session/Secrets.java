package org.lectern.app.session;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;
import org.springframework.stereotype.Component;

/**
 * Makes secrets of 256 bits and their digests. Only the digest is stored: a secret has so much entropy that a plain
 * SHA-256 cannot be searched, and comparing digests in an index leaks nothing of use by timing.
 */
@Component
public class Secrets {

    /** Length of a secret's text. */
    public static final int LENGTH = 43;

    private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();

    private final SecureRandom random;

    Secrets(SecureRandom random) {
        this.random = random;
    }

    /** A fresh secret: 43 characters of the URL-safe alphabet. */
    public String fresh() {
        byte[] bytes = new byte[32];
        random.nextBytes(bytes);
        return ENCODER.encodeToString(bytes);
    }

    /** SHA-256 of a secret's text. */
    public static byte[] digest(String secret) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** {@link #digest} in hexadecimal. */
    public static String hexDigest(String secret) {
        return HexFormat.of().formatHex(digest(secret));
    }
}
