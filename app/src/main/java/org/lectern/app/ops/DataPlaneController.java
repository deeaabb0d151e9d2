package org.lectern.app.ops;

import java.util.List;
import org.lectern.db.replica.ReplicaStatus;
import org.lectern.db.replica.Servers;
import org.lectern.db.shard.ShardStatus;
import org.lectern.db.shard.Shards;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** The databases as this node sees them, for operators. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class DataPlaneController {

    private final Shards shards;
    private final Servers servers;

    DataPlaneController(Shards shards, Servers servers) {
        this.shards = shards;
        this.servers = servers;
    }

    /** Every physical shard, with how many logical shards it holds and how it answers; never more than one page. */
    @GetMapping("/api/ops/shards")
    Listing<ShardStatus> shards() {
        return whole(shards.status());
    }

    /** Every replica of every server, with its lag and whether reads go to it now; never more than one page. */
    @GetMapping("/api/ops/replicas")
    Listing<ReplicaStatus> replicas() {
        return whole(servers.replicas());
    }

    private static <T> Listing<T> whole(List<T> items) {
        return new Listing<>(items, null);
    }
}
