package org.lectern.video.library;

import java.time.Clock;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Where each person stopped watching each video. */
@Component
@ConditionalOnRole(NodeRole.WEB)
final class Positions {

    /** Whoever comes back after so long begins another view. */
    private static final Duration VIEW_GAP = Duration.ofMinutes(30);

    private final Shards shards;
    private final Clock clock;

    Positions(Shards shards, Clock clock) {
        this.shards = shards;
        this.clock = clock;
    }

    /** Seconds from the beginning; empty for who has not watched yet. */
    Mono<Double> find(ContextId context, UUID video, UUID user) {
        return shards.read(
                        context,
                        Freshness.SESSION,
                        sql -> sql.sql("""
                                select seconds from video_position
                                where context_id = :context and video_id = :video and user_id = :user
                                """)
                                .bind("context", context.value())
                                .bind("video", video)
                                .bind("user", user)
                                .map(row -> Objects.requireNonNull(row.get("seconds", Double.class)))
                                .one())
                .next();
    }

    /** Remembers a position; emits whether this begins a new view. */
    Mono<Boolean> remember(ShardTransaction transaction, UUID video, UUID user, double seconds) {
        OffsetDateTime now = clock.instant().atOffset(ZoneOffset.UTC);
        return transaction
                .sql()
                .sql("""
                        with before as (
                            select updated_at from video_position
                            where context_id = :context and video_id = :video and user_id = :user),
                        written as (
                            insert into video_position (context_id, video_id, user_id, logical_shard, seconds, updated_at)
                            values (:context, :video, :user, :logicalShard, :seconds, :now)
                            on conflict (context_id, video_id, user_id)
                            do update set seconds = excluded.seconds, updated_at = excluded.updated_at)
                        select not exists (select 1 from before where updated_at > :gap) as fresh
                        """)
                .bind("context", transaction.context().value())
                .bind("video", video)
                .bind("user", user)
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("seconds", seconds)
                .bind("now", now)
                .bind("gap", now.minus(VIEW_GAP))
                .map(row -> Objects.requireNonNull(row.get("fresh", Boolean.class)))
                .one();
    }
}
