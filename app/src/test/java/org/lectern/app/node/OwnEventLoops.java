package org.lectern.app.node;

import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.http.client.ReactorResourceFactory;

/**
 * Several nodes live in one JVM of tests: each gets event loops of its own, or the first that is closed would take the
 * loops of all the others, whose HTTP clients would then never be answered.
 */
public final class OwnEventLoops implements ApplicationContextInitializer<ConfigurableApplicationContext> {

    @Override
    public void initialize(ConfigurableApplicationContext context) {
        if (context instanceof GenericApplicationContext node && context.getParent() == null) {
            node.registerBean("reactorResourceFactory", ReactorResourceFactory.class, () -> {
                var own = new ReactorResourceFactory();
                own.setUseGlobalResources(false);
                return own;
            });
        }
    }
}
