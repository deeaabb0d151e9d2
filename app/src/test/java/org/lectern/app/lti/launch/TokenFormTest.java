package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

/** Whatever is sent as a token is read, or refused by a named rule; nothing else comes out. */
class TokenFormTest {

    @Property(tries = 500)
    void refusesAnyText(@ForAll @StringLength(max = 300) String text) {
        assertThatExceptionOfType(LaunchRejectedException.class).isThrownBy(() -> TokenSignatures.read(text));
    }

    @Property(tries = 500)
    void refusesAnyHeader(@ForAll @StringLength(max = 200) String header) {
        String token = base64(header) + "." + base64("{}") + "." + base64("signature");
        assertThatExceptionOfType(LaunchRejectedException.class).isThrownBy(() -> TokenSignatures.read(token));
    }

    @Test
    void refusesAlgorithmsAndHeadersByTheirRule() {
        assertThat(ruleFor("{\"alg\":\"none\",\"kid\":\"k\"}", "")).isEqualTo(LaunchRule.ALGORITHM);
        assertThat(ruleFor("{\"alg\":\"HS256\",\"kid\":\"k\"}", "s")).isEqualTo(LaunchRule.ALGORITHM);
        assertThat(ruleFor("{\"alg\":\"PS256\",\"kid\":\"k\"}", "s")).isEqualTo(LaunchRule.ALGORITHM);
        assertThat(ruleFor("{\"alg\":\"RS256\"}", "s")).isEqualTo(LaunchRule.KEY_ID);
        assertThat(ruleFor("{\"alg\":\"RS256\",\"kid\":\" \"}", "s")).isEqualTo(LaunchRule.KEY_ID);
        assertThat(ruleFor("{\"alg\":\"RS256\",\"kid\":\"k\",\"crit\":[\"exp\"],\"exp\":1}", "s"))
                .isEqualTo(LaunchRule.KEY_ID);
        assertThat(ruleFor("{\"typ\":\"JWT\"}", "s")).isEqualTo(LaunchRule.TOKEN_FORM);
    }

    private static LaunchRule ruleFor(String header, String signature) {
        String token = base64(header) + "." + base64("{}") + "." + base64(signature);
        try {
            TokenSignatures.read(token);
        } catch (LaunchRejectedException e) {
            return e.rule();
        }
        throw new AssertionError("was accepted: " + header);
    }

    private static String base64(String text) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
