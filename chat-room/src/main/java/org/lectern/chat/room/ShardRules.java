package org.lectern.chat.room;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.lectern.infra.cluster.Rendezvous;

/**
 * How a room spreads its sockets over shards. A room starts with one shard and grows by one when a shard passes the
 * growth mark; a socket takes the first shard with space in the rendezvous order of (room, person) and stays there.
 *
 * @param seats the most sockets of a shard
 * @param growAt a shard with more sockets than this lets the room grow
 * @param ceiling the most shards of a room
 */
public record ShardRules(int seats, int growAt, int ceiling) {

    /** Refuses limits that contradict each other. */
    public ShardRules {
        if (seats < 1 || growAt < 0 || growAt >= seats || ceiling < 1) {
            throw new IllegalArgumentException("not 0 <= growAt < seats, ceiling >= 1");
        }
    }

    /** Where a socket goes, or that there is no seat left. */
    public sealed interface Placement {

        /**
         * A seat.
         *
         * @param shard its number, from 0
         * @param shards how many shards the room has from now on
         */
        record Seat(int shard, int shards) implements Placement {}

        /** Every permitted shard holds its limit. */
        record Full() implements Placement {}
    }

    /**
     * Finds a seat for one more socket.
     *
     * @param room the room's id
     * @param person the person's id
     * @param shards how many shards the room has now; others hold only sockets that stayed when it shrank
     * @param taken seats taken (sockets and reserved) by shard
     */
    public Placement place(String room, String person, int shards, int[] taken) {
        int open = grown(shards, taken);
        int[] seen = Arrays.copyOf(taken, Math.max(open, taken.length));
        for (int shard : order(room, person, open)) {
            if (seen[shard] < seats) {
                seen[shard]++;
                return new Placement.Seat(shard, grown(open, seen));
            }
        }
        return new Placement.Full();
    }

    /**
     * How many shards a room with these seats taken has: never fewer than it has, and one more than have passed the
     * mark, up to the ceiling.
     */
    public int grown(int shards, int[] taken) {
        int passed = (int) Arrays.stream(taken)
                .limit(shards)
                .filter(sockets -> sockets > growAt)
                .count();
        return Math.max(Math.max(1, shards), Math.min(ceiling, passed + 1));
    }

    /** A number of shards that somebody asks for, within the limits. */
    public int permitted(int shards) {
        return Math.clamp(shards, 1, ceiling);
    }

    private static List<Integer> order(String room, String person, int shards) {
        List<Integer> all = IntStream.range(0, shards).boxed().toList();
        return shards == 1 ? all : Rendezvous.ranked(room + "/" + person, all, shard -> Integer.toString(shard));
    }
}
