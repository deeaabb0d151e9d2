package org.lectern.video.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.infra.problem.ProblemException;

class TusRequestTest {

    @Test
    void readsTheExampleOfTheProtocol() {
        assertThat(TusRequest.metadata("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential"))
                .isEqualTo(Map.of("filename", "world_domination_plan.pdf", "is_confidential", ""));
        assertThat(TusRequest.metadata(null)).isEmpty();
        assertThat(TusRequest.bytes("Upload-Length", "100")).isEqualTo(100);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "", " ", "1e3", "0x10", "99999999999999999999", "1 2", "１２"})
    void refusesWhatIsNoNumber(String text) {
        assertThatExceptionOfType(ProblemException.class).isThrownBy(() -> TusRequest.bytes("Upload-Offset", text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b c", "a !!!", ",", "a YQ==,a YQ==", "ä YQ==", "a gICA", " a  YQ=="})
    void refusesMalformedMetadata(String header) {
        assertThatExceptionOfType(ProblemException.class).isThrownBy(() -> TusRequest.metadata(header));
    }

    @ParameterizedTest
    @ValueSource(strings = {"sha1", "crc32 AAAA", "sha1 !!!", "sha1  AAAA", ""})
    void refusesMalformedChecksums(String header) {
        assertThatExceptionOfType(ProblemException.class).isThrownBy(() -> TusRequest.checksum(header));
    }

    @Property
    void whateverComesIsReadOrRefused(@ForAll String header) {
        try {
            assertThat(TusRequest.metadata(header)).hasSizeLessThanOrEqualTo(32);
        } catch (ProblemException refused) {
            assertThat(refused.detail()).startsWith("Upload-Metadata ");
        }
        try {
            TusRequest.checksum(header);
        } catch (ProblemException refused) {
            assertThat(refused.detail()).startsWith("Upload-Checksum ");
        }
        try {
            assertThat(TusRequest.bytes("Upload-Offset", header)).isNotNegative();
        } catch (ProblemException refused) {
            assertThat(refused.detail()).startsWith("Upload-Offset ");
        }
    }

    @Property
    void everyTitleComesThrough(@ForAll @StringLength(max = 300) @CharRange(from = ' ', to = '\ud7ff') String title) {
        String header = "title " + Base64.getEncoder().encodeToString(title.getBytes(StandardCharsets.UTF_8));
        assertThat(TusRequest.metadata(header)).isEqualTo(Map.of("title", title));
    }

    @Property
    void cleanTextFitsTheColumn(@ForAll String text, @ForAll @IntRange(min = 1, max = 300) int limit) {
        String clean = TusRequest.clean(text, limit);
        assertThat(clean.codePointCount(0, clean.length())).isLessThanOrEqualTo(limit);
        assertThat(clean.codePoints().anyMatch(Character::isISOControl)).isFalse();
        assertThat(clean.codePoints()).doesNotContain(0);
        assertThat(StandardCharsets.UTF_8.newEncoder().canEncode(clean)).isTrue();
    }
}
