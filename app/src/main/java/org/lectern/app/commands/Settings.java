package org.lectern.app.commands;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.springframework.core.io.Resource;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Every {@code lectern.*} setting, as the metadata that was generated beside the settings records describes it. */
final class Settings {

    private static final String METADATA = "classpath*:META-INF/spring-configuration-metadata.json";

    private Settings() {}

    /** All settings, ordered by name. */
    static List<Setting> all() {
        var json = JsonMapper.builder().build();
        List<Setting> settings = new ArrayList<>();
        try {
            for (Resource resource : new PathMatchingResourcePatternResolver().getResources(METADATA)) {
                try (InputStream in = resource.getInputStream()) {
                    for (JsonNode property : json.readTree(in).path("properties")) {
                        if (property.path("name").asString("").startsWith("lectern.")) {
                            settings.add(new Setting(
                                    property.path("name").asString(),
                                    property.path("type").asString(""),
                                    property.path("description").asString(""),
                                    text(property.path("defaultValue"))));
                        }
                    }
                }
            }
        } catch (IOException broken) {
            throw new UncheckedIOException("The configuration metadata cannot be read", broken);
        }
        return settings.stream()
                .sorted(Comparator.comparing(Setting::name))
                .distinct()
                .toList();
    }

    private static String text(JsonNode value) {
        if (value.isArray()) {
            List<String> parts = new ArrayList<>();
            value.forEach(part -> parts.add(part.asString()));
            return String.join(",", parts);
        }
        return value.isMissingNode() || value.isNull() ? "" : value.asString();
    }

    /**
     * One setting.
     *
     * @param name its full name
     * @param type the Java type it is read as
     * @param description what it means, with its unit
     * @param defaultValue what holds when it is not set, as text; empty when nothing
     */
    record Setting(String name, String type, String description, String defaultValue) {}
}
