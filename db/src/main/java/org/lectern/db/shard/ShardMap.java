package org.lectern.db.shard;

import java.util.BitSet;
import java.util.Collection;

/** Which physical shard holds each logical one. Immutable; a newer map has a higher epoch. */
final class ShardMap {

    private final int[] physical;
    private final long[] epochs;
    private final long epoch;

    private ShardMap(int[] physical, long[] epochs, long epoch) {
        this.physical = physical;
        this.epochs = epochs;
        this.epoch = epoch;
    }

    /**
     * The map of its rows.
     *
     * @throws IllegalArgumentException when a logical shard is missing, there twice or out of range
     */
    static ShardMap of(int logicalShards, Collection<Row> rows) {
        int[] physical = new int[logicalShards];
        long[] epochs = new long[logicalShards];
        BitSet seen = new BitSet(logicalShards);
        long epoch = 0;
        for (Row row : rows) {
            if (row.logical() < 0 || row.logical() >= logicalShards || seen.get(row.logical())) {
                throw new IllegalArgumentException("logical shard " + row.logical() + " of " + logicalShards);
            }
            seen.set(row.logical());
            physical[row.logical()] = row.physical();
            epochs[row.logical()] = row.epoch();
            epoch = Math.max(epoch, row.epoch());
        }
        if (seen.cardinality() != logicalShards) {
            throw new IllegalArgumentException("no row for logical shard " + seen.nextClearBit(0));
        }
        return new ShardMap(physical, epochs, epoch);
    }

    int logicalShards() {
        return physical.length;
    }

    /** The version of the whole map: the highest epoch of its rows. */
    long epoch() {
        return epoch;
    }

    int physicalOf(int logical) {
        return physical[logical];
    }

    long epochOf(int logical) {
        return epochs[logical];
    }

    int countOn(int physicalShard) {
        int count = 0;
        for (int holder : physical) {
            if (holder == physicalShard) {
                count++;
            }
        }
        return count;
    }

    int highestPhysical() {
        int highest = 0;
        for (int holder : physical) {
            highest = Math.max(highest, holder);
        }
        return highest;
    }

    record Row(int logical, int physical, long epoch) {}
}
