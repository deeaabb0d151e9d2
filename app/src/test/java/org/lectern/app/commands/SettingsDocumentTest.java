package org.lectern.app.commands;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.lectern.app.commands.Settings.Setting;

/**
 * docs/settings.md is made from the settings records. After a change of one write it anew with {@code ./mvnw -pl app -am
 * test -Dtest=SettingsDocumentTest -Dsurefire.failIfNoSpecifiedTests=false -Ddocs=write}.
 */
class SettingsDocumentTest {

    private static final Path DOCUMENT = Path.of("../docs/settings.md");

    @Test
    void documentSaysWhatTheRecordsSay() throws IOException {
        String now = document();
        if ("write".equals(System.getProperty("docs"))) {
            Files.writeString(DOCUMENT, now);
        }
        assertThat(Files.readString(DOCUMENT))
                .as("docs/settings.md has drifted from the settings records; write it anew with -Ddocs=write")
                .isEqualTo(now);
    }

    @Test
    void everySettingIsDescribed() {
        assertThat(Settings.all())
                .isNotEmpty()
                .allSatisfy(setting ->
                        assertThat(setting.description()).as(setting.name()).isNotBlank());
    }

    private static String document() {
        Map<String, StringBuilder> groups = new TreeMap<>();
        for (Setting setting : Settings.all()) {
            String[] parts = setting.name().split("\\.", -1);
            String group = parts.length > 2 ? "lectern." + parts[1] : "lectern";
            groups.computeIfAbsent(group, unused -> new StringBuilder())
                    .append("| `%s` | %s | %s | %s |%n"
                            .formatted(
                                    setting.name(),
                                    type(setting.type()),
                                    setting.defaultValue().isEmpty() ? "" : "`" + setting.defaultValue() + "`",
                                    setting.description().replace("|", "\\|").replaceAll("\\s+", " ")));
        }
        var text = new StringBuilder("""
                # Settings

                Every setting of Lectern with its default: as YAML (`application.yaml` beside the jar), as argument
                (`--lectern.roles=web,chat`) or as environment variable (`LECTERN_ROLES=web,chat`; dots become underscores,
                dashes vanish). Durations are written `30s`, `5m`, `24h`; sizes `256KB`, `2GB`. `--verify-config` says what
                is wrong without starting anything. Elements of lists are numbered: `lectern.db.servers[0].name`.

                This page is made from the settings records in the code (`SettingsDocumentTest`); a test fails when it drifts.
                """);
        groups.forEach((group, rows) -> text.append("\n## ")
                .append(group)
                .append("\n\n| setting | type | default | meaning |\n|---|---|---|---|\n")
                .append(rows));
        return text.toString();
    }

    private static String type(String type) {
        String shortened = type.replaceAll("[a-z0-9]+\\.", "").replaceAll("[A-Za-z]+\\$", "");
        return shortened.isEmpty() ? "" : "`" + shortened + "`";
    }
}
