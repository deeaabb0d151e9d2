package org.lectern.app.lti.service.http;

import java.net.URI;
import org.springframework.http.HttpHeaders;

/**
 * What a platform answered, with a status of 2xx or 401.
 *
 * @param uri the address that answered
 * @param status HTTP status
 * @param headers its headers
 * @param body the body, empty where there was none
 */
public record PlatformAnswer(URI uri, int status, HttpHeaders headers, String body) {

    /** Leaves the body out: it holds people. */
    @Override
    public String toString() {
        return "PlatformAnswer[status=" + status + "]";
    }
}
