package org.lectern.chat.door;

import java.util.Map;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.web.reactive.HandlerMapping;
import org.springframework.web.reactive.handler.SimpleUrlHandlerMapping;

/** Where sockets come in. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnRole(NodeRole.CHAT)
class SocketRoutes {

    @Bean
    HandlerMapping chatSockets(SocketEntrance entrance) {
        return new SimpleUrlHandlerMapping(Map.of("/ws/chat/{contextId}", entrance), Ordered.HIGHEST_PRECEDENCE + 100);
    }
}
