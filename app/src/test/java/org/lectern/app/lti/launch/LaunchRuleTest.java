package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class LaunchRuleTest {

    @Test
    void everyRuleStandsInTheDocumentation() throws IOException {
        String page = Files.readString(Path.of("../docs/lti.md"));
        assertThat(Arrays.stream(LaunchRule.values())
                        .map(rule -> "| `" + rule.id() + "` | " + rule.requirement() + " |"))
                .allSatisfy(row -> assertThat(page).contains(row));
    }
}
