package org.lectern.video.library;

import java.time.Clock;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.regions.Region;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Which regions have a whole copy of which output of a video. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public final class Replicas {

    private final Shards shards;
    private final Clock clock;

    Replicas(Shards shards, Clock clock) {
        this.shards = shards;
        this.clock = clock;
    }

    /** A region's copy. */
    record Copy(Region region, UUID output) {}

    /** The region has everything up to this output. */
    public Mono<Void> available(ShardTransaction transaction, UUID video, Region region, UUID output) {
        return transaction
                .sql()
                .sql("""
                        insert into video_replica (context_id, video_id, region, logical_shard, output_id, since)
                        select :context, :video, :region, :logicalShard, :output, :now
                        where exists (select 1 from video where context_id = :context and id = :video)
                        on conflict (context_id, video_id, region)
                        do update set output_id = excluded.output_id, since = excluded.since
                        """)
                .bind("context", transaction.context().value())
                .bind("video", video)
                .bind("region", region.key())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("output", output)
                .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                .then();
    }

    /** The copies of a video. */
    Flux<Copy> of(ContextId context, UUID video) {
        return shards.read(
                        context,
                        Freshness.SESSION,
                        sql -> sql.sql("select region, output_id from video_replica"
                                        + " where context_id = :context and video_id = :video")
                                .bind("context", context.value())
                                .bind("video", video)
                                .map(row -> Region.of(Objects.requireNonNull(row.get("region", String.class)))
                                        .map(region -> new Copy(
                                                region, Objects.requireNonNull(row.get("output_id", UUID.class)))))
                                .all())
                // A region that there is no longer.
                .flatMap(Mono::justOrEmpty);
    }
}
