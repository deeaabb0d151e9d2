package org.lectern.app.lti.launch;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.util.Map;
import org.lectern.app.lti.platform.KeysUnavailableException;
import org.lectern.app.lti.platform.PlatformKeys;
import org.lectern.app.lti.platform.Registration;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Checks who signed a token. The algorithm is ours to choose, not the token's: RS256 or ES256 with a key of just that
 * kind, which the platform publishes under the token's {@code kid}. Keys or addresses of keys inside the token are not
 * even read.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class TokenSignatures {

    static final int TOKEN_LIMIT = 65_536;

    private final PlatformKeys keys;

    TokenSignatures(PlatformKeys keys) {
        this.keys = keys;
    }

    /** Reads a token's form and header; nothing of it is believed yet. */
    static SignedJWT read(String token) {
        SignedJWT jwt;
        try {
            // By the parts of the compact form: an unsecured token has an empty third part, an encrypted one has five.
            jwt = SignedJWT.parse(token);
        } catch (ParseException | IllegalArgumentException e) {
            LaunchRule rule = unsecured(token) ? LaunchRule.ALGORITHM : LaunchRule.TOKEN_FORM;
            throw new LaunchRejectedException(rule, "the id_token cannot be read as a signed JWT", null);
        }
        JWSHeader header = jwt.getHeader();
        if (!JWSAlgorithm.RS256.equals(header.getAlgorithm()) && !JWSAlgorithm.ES256.equals(header.getAlgorithm())) {
            throw new LaunchRejectedException(
                    LaunchRule.ALGORITHM,
                    "alg is " + Operators.quoted(header.getAlgorithm().getName()),
                    null);
        }
        String keyId = header.getKeyID();
        if (keyId == null || keyId.isBlank() || keyId.length() > 255) {
            throw new LaunchRejectedException(LaunchRule.KEY_ID, "kid is missing or too long", null);
        }
        if (header.getCriticalParams() != null && !header.getCriticalParams().isEmpty()) {
            throw new LaunchRejectedException(LaunchRule.KEY_ID, "crit names headers we do not know", null);
        }
        return jwt;
    }

    /** Verifies the signature with the platform's key; answers the claims, which may be believed from here on. */
    Mono<Map<String, Object>> verified(SignedJWT token, Registration registration) {
        String keyId = token.getHeader().getKeyID();
        return keys.key(registration, keyId)
                .onErrorMap(
                        KeysUnavailableException.class,
                        e -> new LaunchRejectedException(
                                LaunchRule.KEYS_AVAILABLE, String.valueOf(e.getMessage()), registration))
                .switchIfEmpty(Mono.error(() -> new LaunchRejectedException(
                        LaunchRule.KEY_KNOWN,
                        "the platform publishes no key " + Operators.quoted(keyId) + ", or was asked too often",
                        registration)))
                .map(key -> claims(token, key, registration));
    }

    private static Map<String, Object> claims(SignedJWT token, JWK key, Registration registration) {
        try {
            if (!token.verify(verifier(token.getHeader(), key, registration))) {
                throw new LaunchRejectedException(
                        LaunchRule.SIGNATURE,
                        "the signature is not by key " + Operators.quoted(key.getKeyID()),
                        registration);
            }
            Map<String, Object> claims = token.getPayload().toJSONObject();
            if (claims == null) {
                throw new LaunchRejectedException(LaunchRule.TOKEN_FORM, "the content is no JSON object", registration);
            }
            return claims;
        } catch (JOSEException e) {
            throw new LaunchRejectedException(
                    LaunchRule.KEY_KNOWN, "the key is of no use: " + e.getMessage(), registration);
        }
    }

    private static JWSVerifier verifier(JWSHeader header, JWK key, Registration registration) throws JOSEException {
        boolean forSigning = key.getKeyUse() == null || KeyUse.SIGNATURE.equals(key.getKeyUse());
        boolean forAlgorithm = key.getAlgorithm() == null
                || key.getAlgorithm().getName().equals(header.getAlgorithm().getName());
        if (forSigning && forAlgorithm) {
            if (key instanceof RSAKey rsa && header.getAlgorithm().equals(JWSAlgorithm.RS256) && rsa.size() >= 2048) {
                return new RSASSAVerifier(rsa.toRSAPublicKey());
            }
            if (key instanceof ECKey curve
                    && header.getAlgorithm().equals(JWSAlgorithm.ES256)
                    && curve.getCurve().equals(Curve.P_256)) {
                return new ECDSAVerifier(curve.toECPublicKey());
            }
        }
        throw new LaunchRejectedException(
                LaunchRule.KEY_KNOWN,
                "key " + Operators.quoted(key.getKeyID()) + " is not fit for " + header.getAlgorithm(),
                registration);
    }

    private static boolean unsecured(String token) {
        return token.endsWith(".") && token.chars().filter(c -> c == '.').count() == 2;
    }
}
