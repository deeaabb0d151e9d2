package org.lectern.app.ops;

import java.net.URI;
import java.util.Arrays;
import java.util.List;
import org.lectern.infra.cluster.ClusterNode;
import org.lectern.infra.cluster.Membership;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** The live nodes, as the node that answers sees them. */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class NodesController {

    private final Membership membership;

    NodesController(Membership membership) {
        this.membership = membership;
    }

    /**
     * A live node.
     *
     * @param id unique for each start of a process
     * @param address where it answers
     * @param roles what it does
     * @param self whether it is the one that answered
     */
    record NodeDocument(String id, URI address, List<String> roles, boolean self) {}

    /** Every node that holds a live lease, newest first: ids rise with the time of their start. */
    @GetMapping("/api/ops/nodes")
    Listing<NodeDocument> nodes() {
        String self = membership.self().id();
        return new Listing<>(
                Arrays.stream(NodeRole.values())
                        .flatMap(role -> membership.live(role).stream())
                        .distinct()
                        .sorted((a, b) -> b.id().compareTo(a.id()))
                        .map(node -> document(node, self))
                        .toList(),
                null);
    }

    private static NodeDocument document(ClusterNode node, String self) {
        return new NodeDocument(
                node.id(),
                node.address(),
                node.roles().stream().map(NodeRole::key).sorted().toList(),
                node.id().equals(self));
    }
}
