package org.lectern.app.lti.launch;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads claims by type. What has another type than asked for is null, and so is text that is blank, or a platform's
 * variable that it did not resolve ({@code $Person.name.full}).
 */
public final class Claims {

    /** What the names of LTI's core claims begin with. */
    public static final String LTI = "https://purl.imsglobal.org/spec/lti/claim/";

    static final String VERSION = LTI + "version";
    static final String MESSAGE_TYPE = LTI + "message_type";
    static final String DEPLOYMENT_ID = LTI + "deployment_id";
    static final String TARGET_LINK_URI = LTI + "target_link_uri";
    static final String RESOURCE_LINK = LTI + "resource_link";
    static final String ROLES = LTI + "roles";
    static final String CONTEXT = LTI + "context";
    static final String CUSTOM = LTI + "custom";
    static final String FOR_USER = LTI + "for_user";
    static final String DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings";

    private static final Pattern UNRESOLVED = Pattern.compile("\\$[A-Za-z][\\w.]*");

    private Claims() {}

    /** Text that says something, or null. */
    public static @Nullable String text(Map<?, ?> claims, String name) {
        return claims.get(name) instanceof String text
                        && !text.isBlank()
                        && !UNRESOLVED.matcher(text).matches()
                ? text
                : null;
    }

    /** Text for people: control characters become spaces, what is too long is cut. */
    public static @Nullable String display(Map<?, ?> claims, String name, int limit) {
        String text = text(claims, name);
        if (text == null) {
            return null;
        }
        String clean = text.codePoints()
                .limit(limit)
                .map(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT ? ' ' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString()
                .strip();
        return clean.isEmpty() ? null : clean;
    }

    /** An object, or null. */
    public static @Nullable Map<?, ?> object(Map<?, ?> claims, String name) {
        return claims.get(name) instanceof Map<?, ?> object ? object : null;
    }

    /** A list, or null. */
    public static @Nullable List<?> list(Map<?, ?> claims, String name) {
        return claims.get(name) instanceof List<?> list ? list : null;
    }

    /** The texts of a list; a single text counts as a list of one, what is no text is left out. */
    public static List<String> texts(Map<?, ?> claims, String name) {
        Object value = claims.get(name);
        List<?> values = value instanceof List<?> list ? list : value == null ? List.of() : List.of(value);
        return values.stream()
                .filter(one -> one instanceof String text && !text.isBlank())
                .map(String.class::cast)
                .toList();
    }
}
