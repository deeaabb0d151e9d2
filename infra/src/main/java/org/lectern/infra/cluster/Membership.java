package org.lectern.infra.cluster;

import java.util.List;
import org.lectern.infra.roles.NodeRole;
import reactor.core.publisher.Flux;

/**
 * The nodes that hold a live lease, as this node sees them. A node that died leaves within the lease time; views of two
 * nodes may differ for as long, so nothing correct may depend on them. While Redis is away the last view stays.
 */
public interface Membership {

    /** This node. */
    ClusterNode self();

    /** Live nodes with a role, ordered by id; this node is always among those of its own roles. */
    List<ClusterNode> live(NodeRole role);

    /** The view now, then each changed view. */
    Flux<List<ClusterNode>> views();
}
