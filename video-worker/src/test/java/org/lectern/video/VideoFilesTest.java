package org.lectern.video;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.ContextId;

class VideoFilesTest {

    @TempDir
    private Path folder;

    @Test
    void onlyWhatAVideoIsStoredUnderIsItsOwn() {
        VideoFiles files = TestSettings.files(TestSettings.video(null, folder));
        ContextId context = new ContextId(UUID.randomUUID());
        UUID content = UUID.randomUUID();
        UUID output = UUID.randomUUID();
        assertThat(List.of(
                        VideoFiles.source(context, content),
                        VideoFiles.output(context, content, output) + "master.m3u8",
                        VideoFiles.output(context, content, output) + "v0/seg-00000.m4s"))
                .allMatch(files::owns);
        assertThat(List.of(
                        "",
                        "video",
                        "video/",
                        "video/holiday.mp4",
                        "video/" + context + "/source",
                        VideoFiles.prefix(context, content),
                        VideoFiles.prefix(context, content) + "sources",
                        VideoFiles.prefix(context, content) + "notes/of-an-operator.txt",
                        "backup/" + VideoFiles.source(context, content),
                        "chat/" + context + "/" + content + "/source"))
                .noneMatch(files::owns);
    }
}
