package org.lectern.db.replica;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import reactor.core.publisher.Mono;

/**
 * Positions in the memory of this node: right where one node serves a session, so for tests and a single node. Bounded;
 * a session that falls out is unknown.
 */
public final class LocalPositions implements PositionStore {

    private static final int SESSIONS = 100_000;
    private static final Duration IDLE = Duration.ofMinutes(30);

    private final Cache<UUID, Map<Log, Long>> sessions =
            Caffeine.newBuilder().maximumSize(SESSIONS).expireAfterAccess(IDLE).build();

    @Override
    public Mono<Long> find(UUID session, String server, long timeline) {
        return Mono.fromSupplier(() -> {
            Map<Log, Long> positions = sessions.getIfPresent(session);
            return positions == null ? null : positions.get(new Log(server, timeline));
        });
    }

    @Override
    public Mono<Void> advance(UUID session, WalPosition position) {
        return Mono.fromRunnable(() -> sessions.asMap()
                .merge(
                        session,
                        Map.of(new Log(position.server(), position.timeline()), position.lsn()),
                        LocalPositions::merge));
    }

    static Map<Log, Long> merge(Map<Log, Long> one, Map<Log, Long> other) {
        Map<Log, Long> merged = new java.util.HashMap<>(one);
        other.forEach((log, lsn) -> merged.merge(log, lsn, Math::max));
        return Map.copyOf(merged);
    }

    record Log(String server, long timeline) {}
}
