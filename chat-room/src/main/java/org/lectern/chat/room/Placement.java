package org.lectern.chat.room;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.lectern.infra.cluster.Rendezvous;

/**
 * Which node a room's shards belong to, and which one batches the room's writes, by rendezvous hashing over the live
 * nodes. Nodes with the same view agree without talking; with different views they differ for a moment, and nothing but
 * speed depends on it.
 *
 * @param nodes ids of the live chat nodes
 */
public record Placement(List<String> nodes) {

    /** Copies the ids. */
    public Placement {
        nodes = List.copyOf(nodes);
    }

    /** A shard of a room. */
    public record Shard(String room, int number) {}

    /** The node that a shard's sockets should be on; empty when no node lives. */
    public Optional<String> home(Shard shard) {
        return Rendezvous.owner(shard.room() + "/" + shard.number(), nodes, node -> node);
    }

    /** The one node that batches the room's writes: the home of its first shard. */
    public Optional<String> owner(String room) {
        return home(new Shard(room, 0));
    }

    /** How many of these shards have another home in the other placement. */
    public long moved(Placement to, Collection<Shard> shards) {
        return shards.stream()
                .filter(shard -> !home(shard).equals(to.home(shard)))
                .count();
    }
}
