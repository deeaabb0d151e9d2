package org.lectern.app.security;

import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * What the content security policy permits beyond this origin.
 *
 * @param frameAncestors who may show Lectern in a frame; an LMS has many host names, so the default is every https
 *     origin and, for trials, every loopback one
 * @param connectSources further origins that pages may call, show pictures of and play media of: a node's own address behind a proxy, another region's nodes
 */
@ConfigurationProperties("lectern.security")
@Validated
public record SecurityProperties(
        @DefaultValue({"'self'", "https:", "http://localhost:*", "http://127.0.0.1:*"})
        List<String> frameAncestors,

        @DefaultValue({}) List<String> connectSources) {

    /** Refuses what would end the directive. */
    public SecurityProperties {
        frameAncestors = checked(frameAncestors);
        connectSources = checked(connectSources);
    }

    private static List<String> checked(List<String> sources) {
        for (String source : sources) {
            if (source.isBlank() || source.chars().anyMatch(c -> c <= ' ' || c == ';' || c == ',' || c > '~')) {
                throw new IllegalArgumentException("not one source of a content security policy: '" + source + "'");
            }
        }
        return List.copyOf(sources);
    }
}
