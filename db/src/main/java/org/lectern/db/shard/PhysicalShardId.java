package org.lectern.db.shard;

/**
 * Number of a physical shard: one database that holds many logical shards.
 *
 * @param value from 0, dense
 */
public record PhysicalShardId(int value) implements Comparable<PhysicalShardId> {

    @Override
    public int compareTo(PhysicalShardId other) {
        return Integer.compare(value, other.value);
    }

    @Override
    public String toString() {
        return "shard-" + value;
    }
}
