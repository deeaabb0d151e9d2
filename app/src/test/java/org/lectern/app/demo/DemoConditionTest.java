package org.lectern.app.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;

class DemoConditionTest {

    @Test
    void existsBesideAnEmbeddedDatabaseUnlessSwitchedOff() {
        assertThat(DemoCondition.exists(embedded(Map.of()))).isTrue();
        assertThat(DemoCondition.exists(embedded(Map.of("lectern.demo.enabled", "true"))))
                .isTrue();
        assertThat(DemoCondition.exists(embedded(Map.of("lectern.demo.enabled", "false"))))
                .isFalse();
    }

    @Test
    void doesNotExistWhereTheDatabaseIsConfiguredAndRefusesToStartWhenAskedFor() {
        var production = environment(Map.of("lectern.db.servers[0].primary", "db.example:5432"));
        assertThat(DemoCondition.exists(production)).isFalse();
        var asked =
                environment(Map.of("lectern.db.servers[0].primary", "db.example:5432", "lectern.demo.enabled", "true"));
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> DemoCondition.exists(asked))
                .withMessageContaining("lectern.demo.enabled=true");
    }

    private static StandardEnvironment embedded(Map<String, Object> properties) {
        StandardEnvironment environment = environment(properties);
        environment
                .getPropertySources()
                .addFirst(new MapPropertySource(
                        "lecternEmbeddedServices", Map.of("lectern.db.servers[0].primary", "127.0.0.1:1")));
        return environment;
    }

    private static StandardEnvironment environment(Map<String, Object> properties) {
        var environment = new StandardEnvironment();
        environment.getPropertySources().addFirst(new MapPropertySource("test", properties));
        return environment;
    }
}
