package org.lectern.app.lti.launch;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Registration;
import org.springframework.web.util.UriComponentsBuilder;

/**
 * A login that was begun, as it is taken back with its answer.
 *
 * @param registration the platform it was begun with
 * @param nonceDigest SHA-256 (hexadecimal) of the nonce the answer must carry
 * @param browserDigest SHA-256 (hexadecimal) of the secret only the browser that began it has
 * @param targetLinkUri where the login wanted to go
 * @param deploymentId the deployment the login named, if it did
 * @param loginHint the login_hint it began with
 * @param messageHint the lti_message_hint it began with, where there was one
 * @param expiresAt when it is too late for the answer
 */
record Login(
        Registration registration,
        String nonceDigest,
        String browserDigest,
        String targetLinkUri,
        @Nullable String deploymentId,
        @Nullable String loginHint,
        @Nullable String messageHint,
        Instant expiresAt) {

    /** The address that begins this login again, for a window of its own. */
    String again() {
        var address = UriComponentsBuilder.fromPath("/lti/login")
                .queryParam("iss", "{iss}")
                .queryParam("client_id", "{client}")
                .queryParam("login_hint", "{hint}")
                .queryParam("target_link_uri", "{target}");
        Map<String, Object> values = new HashMap<>();
        values.put("iss", registration.issuer());
        values.put("client", registration.clientId());
        values.put("hint", Objects.requireNonNullElse(loginHint, ""));
        values.put("target", targetLinkUri);
        if (messageHint != null) {
            address.queryParam("lti_message_hint", "{message}");
            values.put("message", messageHint);
        }
        if (deploymentId != null) {
            address.queryParam("lti_deployment_id", "{deployment}");
            values.put("deployment", deploymentId);
        }
        return address.encode().buildAndExpand(values).toUriString();
    }

    /** Leaves the hints out, which may name a person. */
    @Override
    public String toString() {
        return "Login[registration=" + registration.id() + ", targetLinkUri=" + targetLinkUri + "]";
    }
}
