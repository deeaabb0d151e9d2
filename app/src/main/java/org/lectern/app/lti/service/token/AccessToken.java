package org.lectern.app.lti.service.token;

import java.time.Instant;

/**
 * A platform's access token.
 *
 * @param value the bearer token
 * @param usableUntil when it is no longer used, which is before it ends
 */
public record AccessToken(String value, Instant usableUntil) {

    /** Leaves the token out. */
    @Override
    public String toString() {
        return "AccessToken[usableUntil=" + usableUntil + "]";
    }
}
