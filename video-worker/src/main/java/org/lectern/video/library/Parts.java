package org.lectern.video.library;

import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.media.Part;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** The shares of long videos, which several workers make at a time: who is asked for which, and what came out. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public final class Parts {

    private final Shards shards;
    private final JsonMapper json;

    Parts(Shards shards, JsonMapper json) {
        this.shards = shards;
        this.json = json;
    }

    /**
     * A share that is done.
     *
     * @param output the folder of what was made
     * @param part what was made
     */
    public record Done(UUID output, Part part) {}

    /** Writes down who is asked for which share: the first job for share 0, and so on. */
    public Mono<Void> plan(ShardTransaction transaction, UUID video, List<UUID> jobs) {
        return transaction
                .sql()
                .sql("""
                        insert into video_part (context_id, video_id, part, logical_shard, job_id)
                        select :context, :video, share - 1, :logicalShard, job
                        from unnest(:jobs::uuid[]) with ordinality as asked (job, share)
                        """)
                .bind("context", transaction.context().value())
                .bind("video", video)
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("jobs", jobs.toArray(UUID[]::new))
                .then();
    }

    /**
     * Writes down what was made. Shares of one video are written one after the other, so that exactly one is the last.
     *
     * @return how many shares are still to be made; empty when the video is gone
     */
    public Mono<Long> done(ShardTransaction transaction, UUID video, int part, Done done) {
        return transaction
                .sql()
                .sql("select 1 from video where context_id = :context and id = :video for no key update")
                .bind("context", transaction.context().value())
                .bind("video", video)
                .map(row -> true)
                .one()
                .flatMap(unused -> transaction
                        .sql()
                        .sql("""
                                update video_part set output_id = :output, made = :made::jsonb
                                where context_id = :context and video_id = :video and part = :part
                                """)
                        .bind("output", done.output())
                        .bind("made", json.writeValueAsString(done.part()))
                        .bind("context", transaction.context().value())
                        .bind("video", video)
                        .bind("part", part)
                        .fetch()
                        .rowsUpdated())
                .flatMap(unused -> transaction
                        .sql()
                        .sql("select count(*) as open from video_part"
                                + " where context_id = :context and video_id = :video and output_id is null")
                        .bind("context", transaction.context().value())
                        .bind("video", video)
                        .map(row -> Objects.requireNonNull(row.get("open", Long.class)))
                        .one());
    }

    /** All shares that are done, in order. */
    public Flux<Done> all(ContextId context, UUID video) {
        return shards.read(
                context,
                Freshness.PRIMARY,
                sql -> sql.sql(
                                "select output_id, made::text as made from video_part"
                                        + " where context_id = :context and video_id = :video and output_id is not null order by part")
                        .bind("context", context.value())
                        .bind("video", video)
                        .map(row -> new Done(
                                Objects.requireNonNull(row.get("output_id", UUID.class)),
                                json.readValue(Objects.requireNonNull(row.get("made", String.class)), Part.class)))
                        .all());
    }

    /** The jobs of shares that are still to be made. */
    Flux<UUID> openJobs(ShardTransaction transaction, UUID video) {
        return transaction
                .sql()
                .sql("select job_id from video_part"
                        + " where context_id = :context and video_id = :video and output_id is null")
                .bind("context", transaction.context().value())
                .bind("video", video)
                .map(row -> Objects.requireNonNull(row.get("job_id", UUID.class)))
                .all();
    }
}
