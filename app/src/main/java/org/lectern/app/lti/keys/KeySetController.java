package org.lectern.app.lti.keys;

import com.nimbusds.jose.jwk.JWKSet;
import java.util.Map;
import java.util.stream.Collectors;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.springframework.http.CacheControl;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** Publishes the tool's public keys (LTI Security Framework 1.0, section 6.3), and lets operators rotate them. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class KeySetController {

    private final ToolKeys keys;
    private final KeyProperties properties;

    KeySetController(ToolKeys keys, KeyProperties properties) {
        this.keys = keys;
        this.properties = properties;
    }

    /** The tool's public keys, as a JSON web key set; keys that rotate overlap here. */
    @GetMapping(path = "/.well-known/jwks.json", produces = MediaType.APPLICATION_JSON_VALUE)
    ResponseEntity<Map<String, Object>> keySet() {
        JWKSet published = keys.published();
        return ResponseEntity.ok()
                .cacheControl(CacheControl.maxAge(properties.cached()).cachePublic())
                .eTag(tag(published))
                .body(published.toJSONObject(true));
    }

    /** The same as long as the same keys are published, on every node. */
    private static String tag(JWKSet published) {
        return "W/\""
                + published.getKeys().stream()
                        .map(key -> key.getKeyID() + "." + key.getAlgorithm())
                        .sorted()
                        .collect(Collectors.joining(","))
                + "\"";
    }

    /** The tool's keys that are published, the newest first; their private parts never leave the server. */
    @GetMapping("/api/ops/lti/keys")
    Listing<ToolKeys.KeyState> list() {
        return new Listing<>(keys.states(), null);
    }

    /**
     * Makes the next key now. It is published at once and signs after the overlap. 409 while the last rotation is still
     * under way.
     */
    @PostMapping("/api/ops/lti/keys/rotate")
    Mono<Listing<ToolKeys.KeyState>> rotate(Operator operator) {
        return keys.rotate(operator).then(Mono.fromSupplier(this::list));
    }
}
