package org.lectern.infra.roles;

import java.util.Set;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The roles of this node.
 *
 * @param roles which roles this node starts: web, chat, video, analytics (default: all)
 */
@ConfigurationProperties("lectern")
public record NodeRoles(
        @DefaultValue({"web", "chat", "video", "analytics"}) Set<NodeRole> roles) {

    /** Rejects a node that would do nothing. */
    public NodeRoles {
        if (roles.isEmpty()) {
            throw new IllegalArgumentException("lectern.roles names no role; leave it out to start all of them");
        }
        roles = Set.copyOf(roles);
    }

    /** Whether this node has the role. */
    public boolean has(NodeRole role) {
        return roles.contains(role);
    }
}
