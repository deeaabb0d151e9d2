package org.lectern.app.roles;

import java.util.Arrays;
import java.util.Map;
import org.lectern.infra.roles.NodeRole;
import org.springframework.boot.EnvironmentPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.Ordered;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

/** Nodes without the web role serve no static files and no API description. */
final class WebOnlyRoutes implements EnvironmentPostProcessor, Ordered {

    @Override
    public int getOrder() {
        return ConfigDataEnvironmentPostProcessor.ORDER + 1;
    }

    @Override
    public void postProcessEnvironment(ConfigurableEnvironment environment, SpringApplication application) {
        NodeRole[] roles =
                Binder.get(environment).bind("lectern.roles", NodeRole[].class).orElseGet(NodeRole::values);
        if (!Arrays.asList(roles).contains(NodeRole.WEB)) {
            environment
                    .getPropertySources()
                    .addFirst(new MapPropertySource(
                            "lecternWebOnlyRoutes",
                            Map.of("spring.web.resources.add-mappings", false, "springdoc.api-docs.enabled", false)));
        }
    }
}
