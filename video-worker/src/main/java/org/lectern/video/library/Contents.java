package org.lectern.video.library;

import java.time.Clock;
import java.time.ZoneOffset;
import java.util.HashSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/**
 * What the videos of a course consist of, by the SHA-256 of their sources, and how many videos share it.
 *
 * <p>A content has an id of its own, which names the folder of its objects and is never used again: when the last share goes, so does
 * its row, and the next upload of the same bytes gets another folder. So the removal of a folder needs no lock against new uploads.
 * Whoever takes or gives back a share locks the video's row first and the content's row then.
 *
 * <p>Nodes of before contents were counted name the folder by the video's id and leave {@code content_id} empty. While they are replaced,
 * what they have stored is in use like everything else.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public final class Contents {

    private final Shards shards;
    private final IdGenerator ids;
    private final Clock clock;

    Contents(Shards shards, IdGenerator ids, Clock clock) {
        this.shards = shards;
        this.ids = ids;
        this.clock = clock;
    }

    /**
     * Takes a share for a video, once, however often it is called.
     *
     * @return the content's id; empty when the video is gone
     */
    public Mono<UUID> share(ShardTransaction transaction, UUID video, byte[] sha256, long bytes) {
        return transaction
                .sql()
                .sql("select content_id from video where context_id = :context and id = :video for update")
                .bind("context", transaction.context().value())
                .bind("video", video)
                .map(row -> Optional.ofNullable(row.get("content_id", UUID.class)))
                .one()
                .flatMap(known -> known.isPresent()
                        ? Mono.just(known.get())
                        : count(transaction, sha256, bytes)
                                .flatMap(content -> transaction
                                        .sql()
                                        .sql("update video set content_id = :content"
                                                + " where context_id = :context and id = :video")
                                        .bind("content", content)
                                        .bind("context", transaction.context().value())
                                        .bind("video", video)
                                        .then()
                                        .thenReturn(content)));
    }

    private Mono<UUID> count(ShardTransaction transaction, byte[] sha256, long bytes) {
        return transaction
                .sql()
                .sql("""
                        insert into video_content (context_id, sha256, logical_shard, id, size_bytes, shares, created_at)
                        values (:context, :sha256, :logicalShard, :id, :bytes, 1, :now)
                        on conflict (context_id, sha256) do update set shares = video_content.shares + 1
                        returning id
                        """)
                .bind("context", transaction.context().value())
                .bind("sha256", sha256)
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("id", ids.generateId())
                .bind("bytes", bytes)
                .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                .map(row -> Objects.requireNonNull(row.get("id", UUID.class)))
                .one();
    }

    /**
     * Gives the share of a video back whose row is removed in this transaction.
     *
     * @return whether it was the last one: the objects are nobody's then
     */
    public Mono<Boolean> release(ShardTransaction transaction, UUID content) {
        return transaction
                .sql()
                .sql("update video_content set shares = shares - 1 where context_id = :context and id = :content"
                        + " returning shares")
                .bind("context", transaction.context().value())
                .bind("content", content)
                .map(row -> Objects.requireNonNull(row.get("shares", Integer.class)))
                .one()
                .flatMap(left -> left > 0
                        ? Mono.just(false)
                        : transaction
                                .sql()
                                .sql("delete from video_content where context_id = :context and id = :content")
                                .bind("context", transaction.context().value())
                                .bind("content", content)
                                .then()
                                .thenReturn(true))
                // From before contents were counted: nobody shares it.
                .defaultIfEmpty(true);
    }

    /** Whether a video has it; its objects must stay then. */
    public Mono<Boolean> used(ContextId context, UUID content) {
        return shards.read(
                        context,
                        Freshness.PRIMARY,
                        sql -> sql.sql("select exists (select 1 from video"
                                        + " where context_id = :context and (content_id = :content"
                                        + " or id = :content and content_id is null and state in ('processing', 'ready')))"
                                        + " as used")
                                .bind("context", context.value())
                                .bind("content", content)
                                .map(row -> Objects.requireNonNull(row.get("used", Boolean.class)))
                                .one())
                .next();
    }

    /**
     * The outputs that videos name.
     *
     * @param outputs their ids
     * @param busy whether more are being made just now
     */
    public record Named(Set<UUID> outputs, boolean busy) {
        /** Copies. */
        public Named {
            outputs = Set.copyOf(outputs);
        }
    }

    /** Which outputs of a content are in use. */
    public Mono<Named> named(ContextId context, UUID content) {
        return shards.read(
                        context,
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                        select v.output_id as output,
                               v.state in ('queued', 'processing') or v.output_id is not distinct from p.output_id
                                   and p.video_id is not null as busy,
                               p.output_id as part
                        from video v left join video_part p on p.context_id = v.context_id and p.video_id = v.id
                        where v.context_id = :context and (v.content_id = :content
                          or v.id = :content and v.content_id is null and v.state in ('processing', 'ready'))
                        """)
                                .bind("context", context.value())
                                .bind("content", content)
                                .map(row -> {
                                    Set<UUID> outputs = new HashSet<>();
                                    UUID output = row.get("output", UUID.class);
                                    if (output != null) {
                                        outputs.add(output);
                                    }
                                    UUID part = row.get("part", UUID.class);
                                    if (part != null) {
                                        outputs.add(part);
                                    }
                                    return new Named(outputs, Boolean.TRUE.equals(row.get("busy", Boolean.class)));
                                })
                                .all())
                .reduce(new Named(Set.of(), false), (all, one) -> {
                    Set<UUID> outputs = new HashSet<>(all.outputs());
                    outputs.addAll(one.outputs());
                    return new Named(outputs, all.busy() || one.busy());
                });
    }

    /**
     * Gives a video what was made of another one that has the same content, where there is such a one and all of it is made.
     *
     * @return the output; empty when it must be made
     */
    public Mono<UUID> adopt(ShardTransaction transaction, UUID video, UUID content) {
        return transaction
                .sql()
                .sql("""
                        with twin as (
                            select * from video t
                            where t.context_id = :context and t.content_id = :content and t.id <> :video and t.state = 'ready'
                              and not exists (select 1 from video_part p where p.context_id = t.context_id and p.video_id = t.id
                                              and (p.output_id is null or p.output_id = t.output_id))
                            order by t.id limit 1 for no key update
                        ), shares as (
                            insert into video_part (context_id, video_id, part, logical_shard, job_id, output_id, made)
                            select p.context_id, :video, p.part, p.logical_shard, p.job_id, p.output_id, p.made
                            from video_part p join twin on p.context_id = twin.context_id and p.video_id = twin.id
                            on conflict do nothing
                        )
                        update video v
                        set state = 'ready', output_id = twin.output_id, renditions = twin.renditions,
                            has_poster = twin.has_poster, output_bytes = twin.output_bytes, updated_at = :now
                        from twin
                        where v.context_id = :context and v.id = :video and v.state = any(:from)
                        returning v.output_id
                        """)
                .bind("context", transaction.context().value())
                .bind("content", content)
                .bind("video", video)
                .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                .bind("from", VideoState.before(VideoState.READY))
                .map(row -> Objects.requireNonNull(row.get("output_id", UUID.class)))
                .one();
    }
}
