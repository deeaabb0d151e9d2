package org.lectern.infra.storage;

import java.util.regex.Pattern;

/** What keys of objects look like: relative paths that lead nowhere else, on any storage. */
final class ObjectKeys {

    private static final Pattern KEY = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*");
    private static final int LIMIT = 512;

    private ObjectKeys() {}

    /** The key; throws {@link IllegalArgumentException} when it is none. */
    static String checked(String key) {
        if (key.length() > LIMIT || !KEY.matcher(key).matches()) {
            throw new IllegalArgumentException("not a key of an object");
        }
        return key;
    }

    /** The beginning of keys, which may end with a slash; throws {@link IllegalArgumentException} when it is none. */
    static String prefix(String prefix) {
        checked(prefix.endsWith("/") ? prefix.substring(0, prefix.length() - 1) : prefix);
        return prefix;
    }
}
