package org.lectern.app.lti.keys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Base64;
import org.junit.jupiter.api.Test;

class KeySealTest {

    private final SecureRandom random = new SecureRandom();
    private final KeySeal seal = new KeySeal(secret(), random);

    @Test
    void opensWhatItSealed() {
        byte[] sealed = seal.seal("kid", "private");
        assertThat(seal.open("kid", sealed)).isEqualTo("private");
        assertThat(new String(sealed, StandardCharsets.ISO_8859_1)).doesNotContain("private");
        assertThat(seal.seal("kid", "private")).isNotEqualTo(sealed);
    }

    @Test
    void refusesAnotherKeyIdAnotherSecretAndChangedContent() {
        byte[] sealed = seal.seal("kid", "private");
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> seal.open("other", sealed));
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> new KeySeal(secret(), random).open("kid", sealed))
                .withMessageContaining("lectern.keys.secret");
        sealed[sealed.length - 1] ^= 1;
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> seal.open("kid", sealed));
    }

    @Test
    void saysWhatASecretMustBe() {
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> new KeySeal("short", random))
                .withMessageContaining("openssl rand -base64 32");
    }

    private String secret() {
        byte[] bytes = new byte[32];
        random.nextBytes(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }
}
