package org.lectern.app.lti.migration;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * {@code oauth_consumer_key_sign} (LTI 1.3 Migration Guide, section "LTI 1.1 migration claim"): whoever knows the shared
 * secret of a consumer key signs that this launch may use the key's accounts.
 *
 * @param consumerKey the consumer key
 * @param deploymentId the launch's deployment
 * @param issuer the launch's {@code iss}
 * @param clientId the tool's client id
 * @param expires the launch's {@code exp}, as it stands in the token
 * @param nonce the launch's nonce
 */
record LegacySignature(
        String consumerKey, String deploymentId, String issuer, String clientId, String expires, String nonce) {

    /** The Base64 of the HMAC-SHA256 over the parts, joined by ampersands. */
    String sign(String secret) {
        String base = String.join("&", consumerKey, deploymentId, issuer, clientId, expires, nonce);
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return Base64.getEncoder().encodeToString(mac.doFinal(base.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has HmacSHA256", e);
        }
    }

    /** Whether a signature is by this secret; takes as long whether or not it is. */
    boolean isBy(String secret, String signature) {
        return MessageDigest.isEqual(
                sign(secret).getBytes(StandardCharsets.US_ASCII), signature.getBytes(StandardCharsets.UTF_8));
    }
}
