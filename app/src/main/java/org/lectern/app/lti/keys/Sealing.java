package org.lectern.app.lti.keys;

import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;

/** Seals short secrets that leave the process, under {@code lectern.keys.secret} (AES-256-GCM). Thread-safe. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class Sealing {

    private final KeySeal seal;

    Sealing(KeySeal seal) {
        this.seal = seal;
    }

    /**
     * Seals a text.
     *
     * @param name what it is; has to be the same when it is opened
     */
    public byte[] seal(String name, String text) {
        return seal.seal(name, text);
    }

    /**
     * Opens what {@link #seal} made.
     *
     * @throws IllegalStateException when the secret or the name is another one, or the content was changed
     */
    public String open(String name, byte[] sealed) {
        return seal.open(name, sealed);
    }
}
