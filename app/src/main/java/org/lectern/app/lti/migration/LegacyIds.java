package org.lectern.app.lti.migration;

import org.jspecify.annotations.Nullable;

/**
 * What a launch's person and context were called in LTI 1.1, vouched for by the signature of the consumer key.
 *
 * @param consumerKey the key under which the ids are unique
 * @param user the person's old id; null where there is none
 * @param context the context's old id; null where there is none
 */
public record LegacyIds(
        String consumerKey, @Nullable String user, @Nullable String context) {

    /** Leaves the person out. */
    @Override
    public String toString() {
        return "LegacyIds[consumerKey=" + consumerKey + "]";
    }
}
