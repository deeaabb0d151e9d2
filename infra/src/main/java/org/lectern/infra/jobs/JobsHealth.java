package org.lectern.infra.jobs;

import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;

/**
 * Says whether jobs flow. Always up: without the broker jobs are still accepted and wait in their table, so a node
 * without it serves everything else and must not be taken out of service.
 */
final class JobsHealth implements HealthIndicator {

    private final JobBroker broker;

    JobsHealth(JobBroker broker) {
        this.broker = broker;
    }

    @Override
    public Health health() {
        String trouble = broker.trouble();
        return trouble == null
                ? Health.up().withDetail("broker", "connected").build()
                : Health.up()
                        .withDetail("broker", "away: jobs wait in their table")
                        .withDetail("reason", trouble)
                        .build();
    }
}
