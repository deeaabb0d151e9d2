package org.lectern.app.demo;

import org.lectern.infra.embedded.EmbeddedMode;
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * The demo platform exists where the database is embedded, unless {@code lectern.demo.enabled} is false or Spring's own
 * reading of forwarded headers would hide that a caller is not on this machine. Asking for it
 * anywhere else stops the start.
 */
final class DemoCondition implements Condition {

    @Override
    public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
        return exists(context.getEnvironment());
    }

    static boolean exists(Environment environment) {
        Boolean wanted = environment.getProperty("lectern.demo.enabled", Boolean.class);
        boolean embedded = EmbeddedMode.hasDatabase(environment);
        if (Boolean.TRUE.equals(wanted) && !embedded) {
            throw new IllegalStateException("lectern.demo.enabled=true, but the database is not an embedded one: "
                    + "the demo LMS lets anybody in as anybody, so it does not run here");
        }
        // That strategy believes forwarded headers before anybody can look at who really called.
        boolean callerHidden =
                "framework".equalsIgnoreCase(environment.getProperty("server.forward-headers-strategy", "none"));
        return embedded && !callerHidden && !Boolean.FALSE.equals(wanted);
    }
}
