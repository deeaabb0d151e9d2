package org.lectern.chat.door;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.room.TokenBucket;
import org.lectern.db.ContextId;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;

/** How much one person and one room may say, on this node, whether by socket or by HTTP. */
@Component
@ConditionalOnRole(NodeRole.CHAT)
class Limits {

    private record Key(ContextId room, UUID person) {}

    private final ChatSettings settings;
    private final Cache<Key, TokenBucket> people = Caffeine.newBuilder()
            .maximumSize(100_000)
            .expireAfterAccess(Duration.ofMinutes(10))
            .build();
    private final Cache<Key, TokenBucket> tickets = Caffeine.newBuilder()
            .maximumSize(100_000)
            .expireAfterAccess(Duration.ofMinutes(10))
            .build();
    private final Cache<Key, TokenBucket> signs = Caffeine.newBuilder()
            .maximumSize(100_000)
            .expireAfterAccess(Duration.ofMinutes(10))
            .build();
    private final Cache<ContextId, TokenBucket> rooms = Caffeine.newBuilder()
            .maximumSize(50_000)
            .expireAfterAccess(Duration.ofMinutes(10))
            .build();

    private final ConcurrentMap<Key, Integer> sockets = new ConcurrentHashMap<>();

    Limits(ChatSettings settings) {
        this.settings = settings;
    }

    /** Whether one more ticket is: each holds a seat while it lives, so nobody may take them all. */
    boolean permitTicket(ContextId room, UUID person) {
        long now = System.nanoTime();
        return tickets.get(
                        new Key(room, person),
                        unused -> new TokenBucket(settings.perPersonRate(), settings.perPersonBurst(), now))
                .take(now);
    }

    /** Whether one more sign of somebody without a socket is: that they are writing, or up to where they have read. */
    boolean permitSign(ContextId room, UUID person) {
        long now = System.nanoTime();
        return signs.get(
                        new Key(room, person),
                        unused -> new TokenBucket(settings.perPersonRate(), settings.perPersonBurst(), now))
                .take(now);
    }

    /** Takes one more socket of a person, if that is permitted; each that was taken is given back once. */
    boolean takeSocket(ContextId room, UUID person) {
        int open = sockets.merge(new Key(room, person), 1, Integer::sum);
        if (open > settings.perPersonSockets()) {
            freeSocket(room, person);
            return false;
        }
        return true;
    }

    /** A socket is gone. */
    void freeSocket(ContextId room, UUID person) {
        sockets.computeIfPresent(new Key(room, person), (unused, open) -> open > 1 ? open - 1 : null);
    }

    /** Whether one more message is within the limits. */
    boolean permit(ContextId room, UUID person) {
        long now = System.nanoTime();
        return people.get(
                                new Key(room, person),
                                unused -> new TokenBucket(settings.perPersonRate(), settings.perPersonBurst(), now))
                        .take(now)
                && rooms.get(room, unused -> new TokenBucket(settings.perRoomRate(), settings.perRoomRate() * 2, now))
                        .take(now);
    }
}
