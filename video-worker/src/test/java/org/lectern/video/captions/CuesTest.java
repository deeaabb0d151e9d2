package org.lectern.video.captions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.lectern.infra.problem.ProblemException;

class CuesTest {

    private static Cues parse(String text) {
        return Cues.parse(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void subRipAsToolsWriteIt() {
        String file = """
                \uFEFF2
                00:00:04,5 --> 00:00:06,250
                Second <font color="red">red</font>

                1
                00:00:01,000 --> 00:00:02,500
                {\\an8}<i>Grüße</i> & 3 < 4
                zwei Zeilen
                """;
        assertThat(parse(file.replace("\n", "\r\n")).webVtt()).isEqualTo("""
                WEBVTT

                00:00:01.000 --> 00:00:02.500
                <i>Grüße</i> &amp; 3 &lt; 4
                zwei Zeilen

                00:00:04.500 --> 00:00:06.250
                Second red
                """);
    }

    @Test
    void webVttKeepsPositionsAndVoicesAndNothingThatCouldReachOut() {
        Cues cues = parse("""
                WEBVTT - a title

                STYLE
                ::cue { background: url(https://evil.example/x) }

                NOTE 00:00 nothing

                intro
                00:01.000 --> 00:02.000 align:start position:10% evil:yes
                <v Ada>Hello &amp; <c.loud>you</c> <script>x</script>
                """);
        assertThat(cues.webVtt()).isEqualTo("""
                WEBVTT

                00:00:01.000 --> 00:00:02.000 align:start position:10%
                <v Ada>Hello &amp; you x
                """);
    }

    @Test
    void whatItWritesItReads() {
        Cues cues = parse("1\n01:02:03,004 --> 01:02:04,000\n<b>a --> b</b>\n");
        assertThat(parse(cues.webVtt())).isEqualTo(cues);
    }

    @Test
    void refusesWhatHasNoCaptions() {
        for (String text :
                new String[] {"", "WEBVTT\n", "1\n00:00:02,000 --> 00:00:01,000\nbackwards\n", "<html></html>"}) {
            assertThatExceptionOfType(ProblemException.class).isThrownBy(() -> parse(text));
        }
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> Cues.parse(new byte[] {(byte) 0xff, (byte) 0xfe, 0x31, 0}));
    }
}
