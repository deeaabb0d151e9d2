package org.lectern.infra.cluster;

import jakarta.validation.constraints.NotNull;
import java.net.URI;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * How this node takes part in the cluster.
 *
 * @param address where other nodes and proxies reach this node (default: http, this host's address and the port in use)
 * @param lease how long a node that does not answer counts as live (default 5s)
 * @param heartbeat how often a node renews its lease (default 1s)
 */
@Validated
@ConfigurationProperties("lectern.cluster")
public record ClusterSettings(
        @Nullable URI address,

        @NotNull @DurationMin(millis = 10) @DefaultValue("5s")
        Duration lease,

        @NotNull @DurationMin(millis = 10) @DefaultValue("1s")
        Duration heartbeat) {

    /** Refuses a lease that one lost heartbeat would end. */
    public ClusterSettings {
        if (lease.compareTo(heartbeat.multipliedBy(2)) < 0) {
            throw new IllegalArgumentException("lectern.cluster.lease must be at least two heartbeats");
        }
    }
}
