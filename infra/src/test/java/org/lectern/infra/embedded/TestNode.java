package org.lectern.infra.embedded;

import org.lectern.infra.roles.NodeRoles;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Import;

/** A node with nothing but the embedded default, as a process of its own. */
@SpringBootConfiguration
@EnableConfigurationProperties({NodeRoles.class, EmbeddedSettings.class, FfmpegSettings.class})
@Import({EmbeddedConfiguration.class, NodeBanner.class})
class TestNode {

    private TestNode() {}

    public static void main(String[] arguments) {
        SpringApplication application = new SpringApplication(TestNode.class);
        application.setWebApplicationType(WebApplicationType.NONE);
        application.setKeepAlive(true);
        application.run(arguments);
    }
}
