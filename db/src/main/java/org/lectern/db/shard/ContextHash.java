package org.lectern.db.shard;

import java.util.UUID;
import org.lectern.db.ContextId;

/**
 * The published function from a context id to its logical shard. It never changes: rows lie where it put them.
 *
 * <p>With {@code high} and {@code low} the two halves of the UUID as big-endian 64-bit numbers and {@code mix} the
 * 64-bit finaliser of MurmurHash3, the logical shard is the remainder of {@code mix(high ^ mix(low))}, taken as an
 * unsigned number, divided by the number of logical shards. docs/data-plane.md has the same in words and examples.
 */
final class ContextHash {

    private ContextHash() {}

    static int logicalShard(ContextId context, int logicalShards) {
        UUID id = context.value();
        long hash = mix(id.getMostSignificantBits() ^ mix(id.getLeastSignificantBits()));
        return (int) Long.remainderUnsigned(hash, logicalShards);
    }

    private static long mix(long value) {
        long mixed = value;
        mixed = (mixed ^ (mixed >>> 33)) * 0xff51afd7ed558ccdL;
        mixed = (mixed ^ (mixed >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return mixed ^ (mixed >>> 33);
    }
}
