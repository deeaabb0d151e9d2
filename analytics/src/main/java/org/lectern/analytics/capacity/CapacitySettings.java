package org.lectern.analytics.capacity;

import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.validation.annotation.Validated;

/**
 * The control plane.
 *
 * @param interval how often signals are measured and decisions made (default 10 s)
 * @param sourceTimeout how long one source may take (default 3 s)
 * @param lease for how long a node that makes decisions keeps that task without renewing it (default 30 s)
 * @param retention how long signals are kept (default 30 days)
 * @param upWindow for how long a limit must be passed without a break before more is proposed (default 1 min)
 * @param downWindow the same for less (default 5 min)
 * @param coolDown how long nothing more is proposed for a thing after a decision about it (default 3 min)
 * @param reverseCoolDown how long the opposite of a decision is not proposed (default 10 min)
 * @param minNodes fewer nodes than this are never proposed (default 1)
 * @param limits what is too much, and what is too little
 */
@Validated
@ConfigurationProperties("lectern.capacity")
record CapacitySettings(
        @DefaultValue("10s") Duration interval,
        @DefaultValue("3s") Duration sourceTimeout,
        @DefaultValue("30s") Duration lease,
        @DefaultValue("30d") Duration retention,
        @DefaultValue("1m") Duration upWindow,
        @DefaultValue("5m") Duration downWindow,
        @DefaultValue("3m") Duration coolDown,
        @DefaultValue("10m") Duration reverseCoolDown,
        @DefaultValue("1") @Min(1) int minNodes,
        @DefaultValue Limits limits) {

    /**
     * Limits, each in the unit of its signal.
     *
     * @param queryMillis mean query time in ms above which a read replica is added (default 1000)
     * @param backlog waiting jobs above which a consumer is added (default 10000)
     * @param queueDepth ready messages of a queue above which a consumer is added (default 100)
     * @param shardSockets sockets of a room's fullest shard above which the room is divided further (default 800)
     * @param cpuHigh CPU use above which a node is added (default 0.7)
     * @param cpuLow CPU use under which a node may go (default 0.3)
     * @param memoryHigh memory use above which a node is added (default 0.8)
     * @param memoryLow memory use under which a node may go (default 0.5)
     * @param p95Millis 95th percentile of response times in ms above which a node is added (default 2000)
     * @param errorRate share of failed requests above which a node is added (default 0.01)
     */
    record Limits(
            @DefaultValue("1000") double queryMillis,
            @DefaultValue("10000") double backlog,
            @DefaultValue("100") double queueDepth,
            @DefaultValue("800") double shardSockets,
            @DefaultValue("0.7") double cpuHigh,
            @DefaultValue("0.3") double cpuLow,
            @DefaultValue("0.8") double memoryHigh,
            @DefaultValue("0.5") double memoryLow,
            @DefaultValue("2000") double p95Millis,
            @DefaultValue("0.01") double errorRate) {}
}
