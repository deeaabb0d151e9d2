package org.lectern.app.demo;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.security.SecureRandom;
import java.util.List;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;

/** The demo platform's own keys, made at its start: the one that signs, and after a rotation the one before. */
@Component
@ConditionalOnDemo
class DemoKeys {

    private final IdGenerator ids;
    private final SecureRandom random;
    private volatile List<RSAKey> keys;

    DemoKeys(IdGenerator ids, SecureRandom random) {
        this.ids = ids;
        this.random = random;
        this.keys = List.of(generate());
    }

    /** The public keys. */
    JWKSet published() {
        return new JWKSet(keys.stream().<JWK>map(RSAKey::toPublicJWK).toList());
    }

    /** Signs with a new key from now on; takes as long as making a key, so not on an event loop. */
    synchronized void rotate() {
        keys = List.of(generate(), keys.getFirst());
    }

    String sign(JWTClaimsSet claims) {
        RSAKey key = keys.getFirst();
        var token = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.RS256)
                        .keyID(key.getKeyID())
                        .type(JOSEObjectType.JWT)
                        .build(),
                claims);
        try {
            token.sign(new RSASSASigner(key));
        } catch (JOSEException e) {
            throw new IllegalStateException("signing failed", e);
        }
        return token.serialize();
    }

    private RSAKey generate() {
        try {
            return new RSAKeyGenerator(2048)
                    .keyID(ids.generateId().toString())
                    .keyUse(KeyUse.SIGNATURE)
                    .algorithm(JWSAlgorithm.RS256)
                    .secureRandom(random)
                    .generate();
        } catch (JOSEException e) {
            throw new IllegalStateException("making a key failed", e);
        }
    }
}
