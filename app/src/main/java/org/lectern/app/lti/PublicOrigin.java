package org.lectern.app.lti;

import java.net.URI;
import org.springframework.stereotype.Component;

/** Scheme, host and port under which browsers and platforms reach Lectern. */
@Component
public class PublicOrigin {

    private final LtiProperties properties;

    PublicOrigin(LtiProperties properties) {
        this.properties = properties;
    }

    /**
     * The origin for an answer to a request.
     *
     * @param request the address as it was asked for, used where {@code lectern.lti.public-url} says nothing
     */
    public URI of(URI request) {
        URI configured = properties.publicUrl();
        URI uri = configured == null ? request : configured;
        return URI.create(uri.getScheme() + "://" + uri.getRawAuthority());
    }
}
