package org.lectern.video.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class PlaylistsTest {

    private static final List<MasterPlaylist.Variant> VARIANTS = List.of(
            new MasterPlaylist.Variant("v0", 1280, 720, "avc1.4d401f", new MasterPlaylist.Rate(3_000_000, 2_000_000)),
            new MasterPlaylist.Variant("v1", 426, 240, "avc1.4d4015", new MasterPlaylist.Rate(500_000, 400_000)));

    @Test
    void variantsCarryTheSoundsRateAndTheSoundIsAVariantOfItsOwn() {
        String text = MasterPlaylist.write(
                VARIANTS, new MasterPlaylist.Rate(130_000, 128_000), "audio", new Rational(30000, 1001));
        assertThat(text).isEqualTo("""
                        #EXTM3U
                        #EXT-X-VERSION:7
                        #EXT-X-INDEPENDENT-SEGMENTS
                        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
                        #EXT-X-STREAM-INF:BANDWIDTH=3130000,AVERAGE-BANDWIDTH=2128000,RESOLUTION=1280x720,FRAME-RATE=29.970,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="sound"
                        v0/index.m3u8
                        #EXT-X-STREAM-INF:BANDWIDTH=630000,AVERAGE-BANDWIDTH=528000,RESOLUTION=426x240,FRAME-RATE=29.970,CODECS="avc1.4d4015,mp4a.40.2",AUDIO="sound"
                        v1/index.m3u8
                        #EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2",AUDIO="sound"
                        audio/index.m3u8
                        """);
    }

    @Test
    void withoutSoundNothingNamesSound() {
        String text = MasterPlaylist.write(VARIANTS, null, "", new Rational(25, 1));
        assertThat(text).doesNotContain("mp4a", "AUDIO", "audio").contains("CODECS=\"avc1.4d401f\"\nv0/index.m3u8\n");
    }

    @Test
    void readsTheCodecOfARendition() {
        byte[] init = {0, 0, 'a', 'v', 'c', 'C', 1, 0x4d, 0x40, 0x1f, 0};
        assertThat(MasterPlaylist.codec(init)).isEqualTo("avc1.4d401f");
        assertThatThrownBy(() -> MasterPlaylist.codec(new byte[20])).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void readsWhatAPlaylistLists() {
        var list = MediaPlaylist.parse("#EXTM3U\n#EXTINF:4.000000,\na.m4s\n#EXTINF:0.5,\nb.m4s\n#EXT-X-ENDLIST\n");
        assertThat(list.segments())
                .containsExactly(new MediaPlaylist.Segment("a.m4s", 4), new MediaPlaylist.Segment("b.m4s", 0.5));
    }

    @Property
    void thumbnailsCoverTheVideoWithoutGapInOneSheet(@ForAll @LongRange(min = 100, max = 8 * 3_600_000L) long millis) {
        var plan = new TranscodePlan(
                new SourceInfo(millis, 640, 360, new Rational(30, 1), 0, null),
                Ladder.choose(640, 360),
                1,
                new TranscodePlan.Share.Whole());
        TranscodePlan.Sheet sheet = plan.sheet();
        assertThat(sheet.count()).isBetween(1, 100);
        assertThat(sheet.rows() * sheet.columns()).isGreaterThanOrEqualTo(sheet.count());
        assertThat(sheet.intervalSeconds() * sheet.count() * 1000).isGreaterThanOrEqualTo((double) millis);
        String vtt = Thumbnails.webVtt(sheet, millis);
        assertThat(vtt).startsWith("WEBVTT\n\n00:00:00.000 --> ");
        assertThat(vtt.lines().filter(line -> line.contains("-->"))).hasSize(sheet.count());
    }

    @Test
    void progressFollowsTheFrames() {
        List<Integer> seen = new ArrayList<>();
        Progress progress = new Progress(200, seen::add);
        assertThat(progress.test("frame=50")).isTrue();
        assertThat(progress.test("out_time=N/A")).isFalse();
        assertThat(progress.test("frame=50")).isFalse();
        assertThat(progress.test("frame=rubbish")).isFalse();
        assertThat(progress.test("progress=continue")).isFalse();
        assertThat(progress.test("frame=201")).isTrue();
        assertThat(progress.test("progress=end")).isTrue();
        assertThat(seen).containsExactly(25, 100);
    }
}
