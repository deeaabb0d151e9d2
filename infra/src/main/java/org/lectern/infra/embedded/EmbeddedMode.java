package org.lectern.infra.embedded;

import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.Environment;

/** Tells whether this node runs on private servers of its own: a trial, a laptop or a test, never production. */
public final class EmbeddedMode {

    /** Name of the property source under which the private servers publish their addresses. */
    static final String PROPERTY_SOURCE = "lecternEmbeddedServices";

    private EmbeddedMode() {}

    /** Whether the database is a private server. */
    public static boolean hasDatabase(Environment environment) {
        if (!(environment instanceof ConfigurableEnvironment configurable)) {
            return false;
        }
        var published = configurable.getPropertySources().get(PROPERTY_SOURCE);
        return published != null && published.containsProperty("lectern.db.servers[0].primary");
    }
}
