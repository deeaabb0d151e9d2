package org.lectern.app.lti.platform;

import java.time.Duration;
import org.lectern.app.lti.LtiProperties;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;

/** Writes the registrations of the configuration to the directory, before the web server takes its first request. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class ConfiguredRegistrations implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(ConfiguredRegistrations.class);

    private final LtiProperties properties;
    private final Registrations registrations;
    private volatile boolean running;

    ConfiguredRegistrations(LtiProperties properties, Registrations registrations) {
        this.properties = properties;
        this.registrations = registrations;
    }

    @Override
    public void start() {
        Flux.fromIterable(properties.registrations())
                .concatMap(platform -> registrations.save(platform, Registrations.Source.CONFIGURATION))
                .doOnNext(saved ->
                        log.info("LTI platform {} (client {}) is registered", saved.issuer(), saved.clientId()))
                .then()
                .block(Duration.ofSeconds(30));
        running = true;
    }

    @Override
    public void stop() {
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return 0;
    }
}
