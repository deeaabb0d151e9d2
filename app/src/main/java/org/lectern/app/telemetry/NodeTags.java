package org.lectern.app.telemetry;

import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.config.MeterFilter;
import java.util.stream.Collectors;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.roles.NodeRoles;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Says on every metric what kind of node it comes from; which node it is, Prometheus adds itself ({@code instance}). */
@Configuration(proxyBeanMethods = false)
class NodeTags {

    @Bean
    MeterFilter roleTag(NodeRoles node) {
        String roles = node.roles().stream().sorted().map(NodeRole::key).collect(Collectors.joining("+"));
        return MeterFilter.commonTags(Tags.of("application", "lectern", "roles", roles));
    }
}
