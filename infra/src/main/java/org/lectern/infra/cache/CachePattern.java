package org.lectern.infra.cache;

/**
 * What an invalidation names.
 *
 * @param family the family's name
 * @param rest a key, or the beginning of keys
 * @param prefix whether {@code rest} is only the beginning
 */
record CachePattern(String family, String rest, boolean prefix) {

    static CachePattern parse(String pattern) {
        int colon = pattern.indexOf(':');
        if (colon < 1) {
            throw new IllegalArgumentException("a cache pattern is family:key, family:prefix* or family:*: " + pattern);
        }
        String rest = pattern.substring(colon + 1);
        boolean prefix = rest.endsWith("*");
        return new CachePattern(
                pattern.substring(0, colon), prefix ? rest.substring(0, rest.length() - 1) : rest, prefix);
    }

    boolean matches(String fullKey) {
        String beginning = family + ":" + rest;
        return prefix ? fullKey.startsWith(beginning) : fullKey.equals(beginning);
    }

    /** As it was parsed. */
    @Override
    public String toString() {
        return family + ":" + rest + (prefix ? "*" : "");
    }
}
