package org.lectern.infra.embedded;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The embedded default: private servers for what is not configured.
 *
 * @param enabled whether servers whose address is not configured are started (default true)
 * @param directory holds their data, logs and lock; relative to the working directory (default {@code .lectern})
 * @param replicas how many replicas the private PostgreSQL has (default 1)
 * @param stopWithParent whether the node stops when the process that started it is gone, however it went; for build
 *     tools that fork (default false; {@code spring-boot:run} sets it)
 * @param cache where binaries are unpacked (default {@code $XDG_CACHE_HOME/lectern} or {@code ~/.cache/lectern})
 */
@ConfigurationProperties("lectern.embedded")
public record EmbeddedSettings(
        @DefaultValue("true") boolean enabled,
        @DefaultValue(".lectern") Path directory,
        @DefaultValue("1") int replicas,
        @DefaultValue("false") boolean stopWithParent,
        @Nullable Path cache) {

    /** Rejects a negative number of replicas. */
    public EmbeddedSettings {
        if (replicas < 0 || replicas > 8) {
            throw new IllegalArgumentException("lectern.embedded.replicas is not between 0 and 8: " + replicas);
        }
    }
}
