package org.lectern.app.lti.migration;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

class LegacySignatureTest {

    private static final LegacySignature PUBLISHED = new LegacySignature(
            "179248902", "689302", "https://lmsvendor.com", "PM48OJSfGDTAzAo", "1551290856", "172we8671fd8z");

    @Test
    void theWorkedExampleOfTheMigrationGuide() {
        assertThat(PUBLISHED.sign("my-lti11-secret")).isEqualTo("lWd54kFo5qU7xshAna6v8BwoBm6tmUjc6GTax6+12ps=");
        assertThat(PUBLISHED.isBy("my-lti11-secret", "lWd54kFo5qU7xshAna6v8BwoBm6tmUjc6GTax6+12ps="))
                .isTrue();
    }

    @Property(tries = 200)
    void noOtherSecretAndNoOtherSignatureWillDo(@ForAll @StringLength(min = 1, max = 40) String other) {
        if (!other.equals("my-lti11-secret")) {
            assertThat(PUBLISHED.isBy(other, "lWd54kFo5qU7xshAna6v8BwoBm6tmUjc6GTax6+12ps="))
                    .isFalse();
        }
        assertThat(PUBLISHED.isBy("my-lti11-secret", other)).isFalse();
    }

    @Test
    void everyPartCounts() {
        for (LegacySignature changed : new LegacySignature[] {
            new LegacySignature(
                    "1", "689302", "https://lmsvendor.com", "PM48OJSfGDTAzAo", "1551290856", "172we8671fd8z"),
            new LegacySignature(
                    "179248902", "1", "https://lmsvendor.com", "PM48OJSfGDTAzAo", "1551290856", "172we8671fd8z"),
            new LegacySignature(
                    "179248902", "689302", "https://x.example", "PM48OJSfGDTAzAo", "1551290856", "172we8671fd8z"),
            new LegacySignature("179248902", "689302", "https://lmsvendor.com", "x", "1551290856", "172we8671fd8z"),
            new LegacySignature(
                    "179248902", "689302", "https://lmsvendor.com", "PM48OJSfGDTAzAo", "1", "172we8671fd8z"),
            new LegacySignature("179248902", "689302", "https://lmsvendor.com", "PM48OJSfGDTAzAo", "1551290856", "x")
        }) {
            assertThat(changed.isBy("my-lti11-secret", "lWd54kFo5qU7xshAna6v8BwoBm6tmUjc6GTax6+12ps="))
                    .isFalse();
        }
    }
}
