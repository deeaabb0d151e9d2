package org.lectern.chat.door;

import java.util.Objects;
import org.lectern.chat.ChatSettings;
import org.lectern.chat.room.ShardRules;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.scaling.Actuator;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Gives a room more shards ahead of need, or fewer when they stand empty. Sockets stay where they are: after shrinking,
 * new ones go to the shards that are left, and the others empty as their people leave.
 */
@Component
@ConditionalOnRole({NodeRole.CHAT, NodeRole.ANALYTICS})
class RoomShards implements Actuator {

    private final Shards shards;
    private final ShardRules rules;

    RoomShards(Shards shards, ChatSettings settings) {
        this.shards = shards;
        this.rules = settings.shardRules();
    }

    @Override
    public Resource resource() {
        return Resource.ROOM_SHARDS;
    }

    /**
     * Sets the number of a room's shards, within one and the ceiling. Errors with {@link IllegalArgumentException} when
     * there is no such room.
     *
     * @param subject the room's context id
     */
    @Override
    public Mono<Integer> scale(String subject, int count) {
        return Mono.defer(() -> {
            ContextId room = ContextId.parse(subject);
            return shards.write(
                            room,
                            transaction -> transaction
                                    .sql()
                                    .sql("update chat_room set shards = :shards where context_id = :context"
                                            + " returning shards::integer as shards")
                                    .bind("shards", (short) rules.permitted(count))
                                    .bind("context", room.value())
                                    .map(row -> Objects.requireNonNull(row.get("shards", Integer.class)))
                                    .one())
                    .switchIfEmpty(Mono.error(() -> new IllegalArgumentException("there is no room " + subject)));
        });
    }
}
