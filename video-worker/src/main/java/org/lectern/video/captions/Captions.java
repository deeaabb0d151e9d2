package org.lectern.video.captions;

import java.time.Clock;
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
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The rows of captions: one WebVTT text for each language of a video; they go with the video's row. */
@Component
@ConditionalOnRole(NodeRole.WEB)
public final class Captions {

    private final Shards shards;
    private final Clock clock;

    Captions(Shards shards, Clock clock) {
        this.shards = shards;
        this.clock = clock;
    }

    /**
     * A language that a video has captions in.
     *
     * @param language BCP 47 tag, such as {@code en} or {@code pt-BR}
     * @param label what people call it
     */
    public record Track(String language, String label) {}

    /** The tracks of a video, by language. */
    public Flux<Track> tracks(ContextId context, UUID video, Freshness freshness) {
        return shards.read(
                context,
                freshness,
                sql -> sql.sql("select language, label from video_caption"
                                + " where context_id = :context and video_id = :video order by language")
                        .bind("context", context.value())
                        .bind("video", video)
                        .map(row -> new Track(
                                Objects.requireNonNull(row.get("language", String.class)),
                                Objects.requireNonNull(row.get("label", String.class))))
                        .all());
    }

    /**
     * A track's text.
     *
     * @param webVtt the file
     * @param durationMillis of the video; 0 while nobody knows
     */
    public record Text(String webVtt, long durationMillis) {}

    /** The text of a track, or empty. */
    public Mono<Text> text(ContextId context, UUID video, String language) {
        return shards.read(
                        context,
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                select c.webvtt, coalesce(v.duration_millis, 0) as duration_millis
                                from video_caption c
                                join video v on v.context_id = c.context_id and v.id = c.video_id
                                where c.context_id = :context and c.video_id = :video and c.language = :language
                                """)
                                .bind("context", context.value())
                                .bind("video", video)
                                .bind("language", language)
                                .map(row -> new Text(
                                        Objects.requireNonNull(row.get("webvtt", String.class)),
                                        Objects.requireNonNull(row.get("duration_millis", Long.class))))
                                .one())
                .next();
    }

    /** How many tracks a video has, as this transaction sees it. */
    public Mono<Long> count(ShardTransaction transaction, UUID video) {
        return transaction
                .sql()
                .sql("select count(*) as tracks from video_caption where context_id = :context and video_id = :video")
                .bind("context", transaction.context().value())
                .bind("video", video)
                .map(row -> Objects.requireNonNull(row.get("tracks", Long.class)))
                .one();
    }

    /** Writes a track, in the place of the one in its language. The video's row must be there. */
    public Mono<Void> put(ShardTransaction transaction, UUID video, Track track, Cues cues) {
        return transaction
                .sql()
                .sql("""
                        insert into video_caption (context_id, video_id, language, logical_shard, label, webvtt, updated_at)
                        values (:context, :video, :language, :logicalShard, :label, :webvtt, :now)
                        on conflict (context_id, video_id, language)
                        do update set label = excluded.label, webvtt = excluded.webvtt, updated_at = excluded.updated_at
                        """)
                .bind("context", transaction.context().value())
                .bind("video", video)
                .bind("language", track.language())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("label", track.label())
                .bind("webvtt", cues.webVtt())
                .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                .then();
    }

    /** Removes a track; false when there is none. */
    public Mono<Boolean> delete(ShardTransaction transaction, UUID video, String language) {
        return transaction
                .sql()
                .sql("delete from video_caption"
                        + " where context_id = :context and video_id = :video and language = :language")
                .bind("context", transaction.context().value())
                .bind("video", video)
                .bind("language", language)
                .fetch()
                .rowsUpdated()
                .map(rows -> rows > 0);
    }
}
