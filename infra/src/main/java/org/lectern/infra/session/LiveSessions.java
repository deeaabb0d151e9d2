package org.lectern.infra.session;

import java.util.Collection;
import java.util.Set;
import java.util.UUID;
import reactor.core.publisher.Mono;

/**
 * Which sessions still are. The answer comes from where sessions are ended, never from a node's memory: a session that
 * any node ended before the call is not among them. Errors when that cannot be asked.
 */
@FunctionalInterface
public interface LiveSessions {

    /** Those of the sessions that have neither been ended nor expired; at most 1000 are asked about at once. */
    Mono<Set<UUID>> among(Collection<UUID> sessions);
}
