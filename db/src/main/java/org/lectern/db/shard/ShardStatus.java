package org.lectern.db.shard;

/**
 * A physical shard under the map that this node knows.
 *
 * @param shard number of the physical shard
 * @param server name of its server
 * @param database its database
 * @param logicalShards how many logical shards it holds
 * @param mapEpoch version of the map
 * @param primaryUp whether its primary answers
 * @param meanMillis mean time of recent operations
 */
public record ShardStatus(
        int shard,
        String server,
        String database,
        int logicalShards,
        long mapEpoch,
        boolean primaryUp,
        double meanMillis) {}
