package org.lectern.infra.cluster;

import java.net.URI;
import java.util.Set;
import org.lectern.infra.roles.NodeRole;

/**
 * A live node.
 *
 * @param id unique for each start of a process
 * @param address where its HTTP port answers, as other nodes and clients reach it
 * @param roles what it does
 */
public record ClusterNode(String id, URI address, Set<NodeRole> roles) {

    /** Copies the roles. */
    public ClusterNode {
        roles = Set.copyOf(roles);
    }
}
