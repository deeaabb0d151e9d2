package org.lectern.video.media;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class ProbeReportTest {

    private static final JsonMapper JSON = JsonMapper.shared();
    private static final ProbeReport.Bounds BOUNDS = new ProbeReport.Bounds(3_600_000, 9_437_184);

    private static Probed judge(String streams, String duration) {
        return ProbeReport.judge(
                JSON.readTree("{\"streams\":[" + streams + "],\"format\":{\"duration\":\"" + duration + "\"}}"),
                OptionalLong.empty(),
                BOUNDS);
    }

    private static String video(int width, int height, String more) {
        return "{\"index\":0,\"codec_type\":\"video\",\"codec_name\":\"h264\",\"width\":" + width + ",\"height\":"
                + height + ",\"avg_frame_rate\":\"25/1\",\"r_frame_rate\":\"25/1\"" + more + "}";
    }

    private static final String SOUND = "{\"index\":1,\"codec_type\":\"audio\",\"codec_name\":\"aac\",\"channels\":2}";

    private static SourceInfo accepted(Probed probed) {
        assertThat(probed).isInstanceOf(Probed.Accepted.class);
        return ((Probed.Accepted) probed).source();
    }

    @Test
    void plain() {
        assertThat(accepted(judge(video(640, 360, "") + "," + SOUND, "12.5")))
                .isEqualTo(new SourceInfo(12_500, 640, 360, new Rational(25, 1), 0, 1));
    }

    @Test
    void turnedPicturesSwapTheirSides() {
        var source = accepted(judge(video(640, 360, ",\"side_data_list\":[{\"rotation\":-90}]"), "5"));
        assertThat(source.width()).isEqualTo(360);
        assertThat(source.height()).isEqualTo(640);
        assertThat(source.audioStream()).isNull();
        assertThat(accepted(judge(video(640, 360, ",\"side_data_list\":[{\"rotation\":180}]"), "5"))
                        .width())
                .isEqualTo(640);
    }

    @Test
    void pixelsThatAreNotSquareAreStretched() {
        var source = accepted(judge(video(720, 576, ",\"sample_aspect_ratio\":\"16:11\""), "5"));
        assertThat(source.width()).isEqualTo(1047);
        assertThat(source.height()).isEqualTo(576);
    }

    @Test
    void varyingAndFastRatesBecomeThirty() {
        String varying = "{\"index\":0,\"codec_type\":\"video\",\"width\":640,\"height\":360,"
                + "\"avg_frame_rate\":\"1373/100\",\"r_frame_rate\":\"90000/1\"}";
        assertThat(accepted(judge(varying, "5")).frameRate()).isEqualTo(new Rational(30, 1));
        String fast = varying.replace("1373/100", "60/1").replace("90000/1", "60/1");
        assertThat(accepted(judge(fast, "5")).frameRate()).isEqualTo(new Rational(30, 1));
        String film = varying.replace("1373/100", "24000/1001").replace("90000/1", "24000/1001");
        assertThat(accepted(judge(film, "5")).frameRate()).isEqualTo(new Rational(24000, 1001));
    }

    @Test
    void everyReasonToRefuse() {
        assertThat(judge("", "5")).isEqualTo(new Probed.Refused(Refusal.NOT_A_VIDEO));
        assertThat(judge(SOUND, "5")).isEqualTo(new Probed.Refused(Refusal.NO_PICTURE));
        assertThat(judge(video(600, 600, ",\"disposition\":{\"attached_pic\":1}") + "," + SOUND, "5"))
                .as("a song with its cover")
                .isEqualTo(new Probed.Refused(Refusal.NO_PICTURE));
        assertThat(judge(video(640, 360, ""), "3601")).isEqualTo(new Probed.Refused(Refusal.TOO_LONG));
        assertThat(judge(video(640, 360, ""), "0.04")).isEqualTo(new Probed.Refused(Refusal.TOO_SHORT));
        assertThat(judge(video(640, 360, ""), "nan")).isEqualTo(new Probed.Refused(Refusal.TOO_SHORT));
        assertThat(judge(video(15_360, 15_360, ""), "5")).isEqualTo(new Probed.Refused(Refusal.TOO_MANY_PIXELS));
        assertThat(judge(video(2_000_000_000, 2_000_000_000, ""), "5"))
                .isEqualTo(new Probed.Refused(Refusal.TOO_MANY_PIXELS));
        assertThat(judge(video(0, 0, ""), "5")).isEqualTo(new Probed.Refused(Refusal.BROKEN));
        assertThat(judge(video(640, 360, ",\"codec_tag_string\":\"encv\""), "5"))
                .isEqualTo(new Probed.Refused(Refusal.ENCRYPTED));
    }

    @Test
    void aMeasuredDurationCounts() {
        var report = JSON.readTree("{\"streams\":[" + video(640, 360, "") + "],\"format\":{}}");
        assertThat(ProbeReport.knowsDuration(report)).isFalse();
        assertThat(accepted(ProbeReport.judge(report, OptionalLong.of(7000), BOUNDS))
                        .durationMillis())
                .isEqualTo(7000);
    }

    @Property
    void ratesAreReadOrNot(@ForAll String text) {
        Rational rate = Rational.parse(text);
        if (rate != null) {
            assertThat(rate.value()).isPositive().isFinite();
        }
    }
}
