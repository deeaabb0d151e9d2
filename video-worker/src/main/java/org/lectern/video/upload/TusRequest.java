package org.lectern.video.upload;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;

/**
 * Reads the headers of the tus protocol (tus.io, version 1.0.0). Pure; whatever a client sends, the answer is a value or a
 * problem that says what is wrong.
 */
final class TusRequest {

    static final String VERSION = "1.0.0";

    /** Begins the address of every upload. */
    static final String PATH = "/api/video/upload/";

    private static final int PARTS_LIMIT = 64;
    private static final int CONCAT_LIMIT_CHARS = 8192;
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");
    private static final Pattern KEY = Pattern.compile("[\\x21-\\x2b\\x2d-\\x7e]{1,64}");
    private static final int METADATA_LIMIT_CHARS = 4096;
    private static final int METADATA_LIMIT_ENTRIES = 32;

    private TusRequest() {}

    /** A count of bytes such as {@code Upload-Offset}. */
    static long bytes(String header, @Nullable String value) {
        if (value == null) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, header + " is missing");
        }
        if (!NUMBER.matcher(value).matches()) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, header + " is not a number of bytes");
        }
        return Long.parseLong(value);
    }

    /** {@code Upload-Metadata}: pairs of a key and a value in base64; a missing header is no pair. */
    static Map<String, String> metadata(@Nullable String header) {
        Map<String, String> pairs = new LinkedHashMap<>();
        if (header == null || header.isBlank()) {
            return pairs;
        }
        if (header.length() > METADATA_LIMIT_CHARS) {
            throw badMetadata("is longer than " + METADATA_LIMIT_CHARS + " characters");
        }
        for (String pair : header.split(",", -1)) {
            String[] parts = pair.strip().split(" ", -1);
            if (parts.length > 2 || !KEY.matcher(parts[0]).matches()) {
                throw badMetadata("is not a list of keys and base64 values");
            }
            String value = parts.length == 1 ? "" : text(parts[1]);
            if (pairs.putIfAbsent(parts[0], value) != null) {
                throw badMetadata("names a key twice");
            }
            if (pairs.size() > METADATA_LIMIT_ENTRIES) {
                throw badMetadata("has more than " + METADATA_LIMIT_ENTRIES + " entries");
            }
        }
        return pairs;
    }

    private static String text(String base64) {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(base64));
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (IllegalArgumentException | CharacterCodingException unused) {
            throw badMetadata("has a value that is not UTF-8 in base64");
        }
    }

    private static ProblemException badMetadata(String what) {
        return new ProblemException(ProblemType.INVALID_REQUEST, "Upload-Metadata " + what);
    }

    /** What {@code Upload-Concat} says of a new upload. */
    sealed interface Concat {
        /** Nothing: an upload like any other. */
        record None() implements Concat {}

        /** It is a part. */
        record Part() implements Concat {}

        /**
         * It is made of parts.
         *
         * @param header as it came
         * @param parts their ids, in order
         */
        record Whole(String header, List<UUID> parts) implements Concat {
            public Whole {
                parts = List.copyOf(parts);
            }
        }
    }

    /** Reads {@code Upload-Concat}; addresses of parts may be paths or whole addresses, of this server. */
    static Concat concat(@Nullable String header) {
        if (header == null) {
            return new Concat.None();
        }
        if (header.equals("partial")) {
            return new Concat.Part();
        }
        if (!header.startsWith("final;") || header.length() > CONCAT_LIMIT_CHARS) {
            throw badConcat();
        }
        List<UUID> parts = new ArrayList<>();
        for (String address : header.substring("final;".length()).strip().split(" +", -1)) {
            int path = address.indexOf(PATH);
            if (path < 0) {
                throw badConcat();
            }
            try {
                parts.add(UUID.fromString(address.substring(path + PATH.length())));
            } catch (IllegalArgumentException unused) {
                throw badConcat();
            }
        }
        if (parts.size() > PARTS_LIMIT || Set.copyOf(parts).size() != parts.size()) {
            throw badConcat();
        }
        return new Concat.Whole(header, parts);
    }

    private static ProblemException badConcat() {
        return new ProblemException(
                ProblemType.INVALID_REQUEST,
                "Upload-Concat is neither partial nor final; with the addresses of up to " + PARTS_LIMIT + " parts");
    }

    /** Text for people: no control characters, no more than so many characters. */
    static String clean(String text, int limitChars) {
        String plain = text.codePoints()
                .filter(point -> !Character.isISOControl(point)
                        && Character.getType(point) != Character.FORMAT
                        && Character.getType(point) != Character.SURROGATE)
                .limit(limitChars)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString()
                .strip();
        // The database counts characters as this does: by code points.
        return plain;
    }

    /**
     * A checksum that a client sent.
     *
     * @param algorithm the name in Java's security API
     * @param digest what the body must have, in base64
     */
    record Checksum(String algorithm, String digest) {

        /** Whether a digest is the one. */
        boolean matches(byte[] other) {
            return digest.equals(Base64.getEncoder().encodeToString(other));
        }
    }

    /** {@code Upload-Checksum}; null where there is none. */
    static @Nullable Checksum checksum(@Nullable String header) {
        if (header == null) {
            return null;
        }
        String[] parts = header.strip().split(" ", -1);
        String algorithm = switch (parts[0]) {
            case "sha1" -> "SHA-1";
            case "sha256" -> "SHA-256";
            case "md5" -> "MD5";
            default -> null;
        };
        if (parts.length != 2 || algorithm == null) {
            throw new ProblemException(
                    ProblemType.INVALID_REQUEST, "Upload-Checksum names no algorithm of " + Tus.CHECKSUM_ALGORITHMS);
        }
        try {
            byte[] digest = Base64.getDecoder().decode(parts[1]);
            return new Checksum(algorithm, Base64.getEncoder().encodeToString(digest));
        } catch (IllegalArgumentException unused) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "Upload-Checksum is not base64");
        }
    }
}
