package org.lectern.infra.cluster;

import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Rendezvous (highest random weight) hashing: every key ranks all candidates by a hash of (key, candidate) and belongs
 * to the first. When one of n candidates leaves or joins, only about 1/n of the keys move, and those of a candidate that
 * left spread evenly over the others. Pure and stateless: nodes with the same view agree without talking.
 *
 * <p>Thaler, Ravishankar: <i>Using name-based mappings to increase hit rates</i> (1998).
 */
public final class Rendezvous {

    private Rendezvous() {}

    /** The candidate that a key belongs to; empty when there is none. */
    public static <T> Optional<T> owner(String key, Collection<T> candidates, Function<? super T, String> name) {
        long seed = hash(key);
        return candidates.stream().min(order(seed, name));
    }

    /** All candidates, the key's owner first, then who would own it if those before were gone. */
    public static <T> List<T> ranked(String key, Collection<T> candidates, Function<? super T, String> name) {
        long seed = hash(key);
        return candidates.stream().sorted(order(seed, name)).toList();
    }

    /** A bucket from 0 to {@code buckets - 1} by a stable hash, for a fixed number of buckets. */
    public static int bucket(String key, int buckets) {
        return (int) Long.remainderUnsigned(hash(key), buckets);
    }

    private static <T> Comparator<T> order(long seed, Function<? super T, String> name) {
        // Highest weight first; names decide between equal weights, so that the order never depends on the input's.
        return Comparator.<T>comparingLong(candidate -> weight(seed, name.apply(candidate)) ^ Long.MAX_VALUE)
                .thenComparing(name);
    }

    private static long weight(long seed, String name) {
        return mix(seed ^ mix(hash(name)));
    }

    /** 64-bit FNV-1a, then mixed, because FNV alone differs too little in its high bits for short keys. */
    static long hash(String text) {
        long hash = 0xcbf29ce484222325L;
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
        }
        return mix(hash);
    }

    /** The finaliser of MurmurHash3, with the constants of David Stafford's variant 13. */
    private static long mix(long value) {
        long mixed = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
        return mixed ^ (mixed >>> 31);
    }
}
