package org.lectern.infra.embedded;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.BinaryCache;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/** The programs that features run. */
@Configuration(proxyBeanMethods = false)
class EmbeddedConfiguration {

    /** Lazy: unpacked when a node that works on videos first asks. */
    @Bean
    @Lazy
    FfmpegBinaries ffmpegBinaries(FfmpegSettings ffmpeg, EmbeddedSettings embedded) throws IOException {
        @Nullable Path cache = embedded.cache();
        return FfmpegBinaries.locate(ffmpeg, cache == null ? BinaryCache.ofUser() : new BinaryCache(cache));
    }
}
