package org.lectern.app.edge;

import org.springframework.boot.reactor.netty.NettyReactiveWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.stereotype.Component;

/** Drops a connection whose client stops in the middle of a request, so that slow clients cannot hold connections. */
@Component
class SlowClientLimit implements WebServerFactoryCustomizer<NettyReactiveWebServerFactory> {

    private final EdgeLimits limits;

    SlowClientLimit(EdgeLimits limits) {
        this.limits = limits;
    }

    @Override
    public void customize(NettyReactiveWebServerFactory factory) {
        factory.addServerCustomizers(server -> server.readTimeout(limits.readTimeout()));
    }
}
