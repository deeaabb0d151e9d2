package org.lectern.app.edge;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.webflux.autoconfigure.ResourceHandlerRegistrationCustomizer;
import org.springframework.core.io.ClassPathResource;
import org.springframework.core.io.Resource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.config.ResourceHandlerRegistration;

/**
 * Entity tags of scripts, styles and pictures, of their content: the same on every node, and another after an upgrade
 * whatever the files' times say. Read once, at start. Weak, since a compressed answer has the same one.
 */
@Component
class AssetTags implements ResourceHandlerRegistrationCustomizer {

    private static final String FOLDER = "static/";
    private static final int DIGEST_BYTES = 12;

    private final Map<String, String> tags = new HashMap<>();

    AssetTags() throws IOException {
        for (Resource asset :
                new PathMatchingResourcePatternResolver().getResources("classpath*:" + FOLDER + "**/*.*")) {
            String url = asset.getURL().toString();
            // Folders may have a dot in their names too.
            if (asset.isReadable() && !url.endsWith("/")) {
                tags.put(url.substring(url.lastIndexOf("/" + FOLDER) + 1), tag(asset));
            }
        }
    }

    @Override
    @SuppressWarnings("NullAway") // null is taken for no tag, which the type of the setter does not say
    public void customize(ResourceHandlerRegistration registration) {
        registration.setEtagGenerator(this::of);
    }

    /** Null, which means none, for what is not below our own folder. */
    private @Nullable String of(Resource asset) {
        return asset instanceof ClassPathResource file ? tags.get(file.getPath()) : null;
    }

    private static String tag(Resource asset) {
        try (InputStream content = asset.getInputStream()) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content.readAllBytes());
            return "W/\"" + HexFormat.of().formatHex(digest, 0, DIGEST_BYTES) + "\"";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
