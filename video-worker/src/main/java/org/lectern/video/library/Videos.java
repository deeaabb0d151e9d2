package org.lectern.video.library;

import io.r2dbc.spi.Parameters;
import io.r2dbc.spi.R2dbcType;
import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.media.Rendition;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** The rows of videos. Every move between states goes through here, and only if {@link VideoState} permits it. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public final class Videos {

    private static final String COLUMNS = """
            context_id, id, uploader_id, title, filename, state, by_instructor, live, size_bytes, received_bytes,
            upload_metadata, upload_concat, upload_expires, duration_millis, job_id, output_id, renditions::text as renditions, has_poster,
            case when content_id is null and state in ('processing', 'ready') then id else content_id end as content_id,
            chapters::text as chapters, error_code, error_detail, created_at
            """;

    /** Nodes of before contents were counted store under the video's id, and leave the content empty. */
    private static final String STORED = "content_id = coalesce(content_id, id)";

    /** What is shared counts once. */
    private static final String USAGE = """
            with kept as (select * from video where context_id = :context and state <> 'rejected')
            select (select count(*) from kept) as videos,
                   (select coalesce(sum(size_bytes), 0)::bigint from
                       (select distinct on (coalesce(content_id, id)) size_bytes from kept) as source) as sources,
                   (select coalesce(sum(output_bytes), 0)::bigint from
                       (select distinct on (coalesce(output_id, id)) output_bytes from kept) as output) as outputs
            """;

    private final Shards shards;
    private final JsonMapper json;
    private final Clock clock;

    Videos(Shards shards, JsonMapper json, Clock clock) {
        this.shards = shards;
        this.json = json;
        this.clock = clock;
    }

    /** The video, or empty. */
    public Mono<Video> find(ContextId context, UUID id, Freshness freshness) {
        return shards.read(
                        context,
                        freshness,
                        sql -> sql.sql("select " + COLUMNS + " from video where context_id = :context and id = :id")
                                .bind("context", context.value())
                                .bind("id", id)
                                .map(this::video)
                                .one())
                .next();
    }

    /** Videos of a course, newest first (ids are in the order of time). */
    Flux<Video> list(ContextId context, @Nullable UUID before, int limit, boolean unfinished, Freshness freshness) {
        String query = "select " + COLUMNS + " from video where context_id = :context"
                + (before == null ? "" : " and id < :before")
                + " and upload_concat is distinct from 'partial'"
                + (unfinished ? "" : " and state = any(:visible)")
                + " order by id desc limit :limit";
        return shards.read(context, freshness, sql -> {
            GenericExecuteSpec statement =
                    sql.sql(query).bind("context", context.value()).bind("limit", limit);
            if (before != null) {
                statement = statement.bind("before", before);
            }
            if (!unfinished) {
                statement = statement.bind("visible", VideoState.visible().toArray(String[]::new));
            }
            return statement.map(this::video).all();
        });
    }

    /** Until the transaction ends, nobody else adds an upload to the course. */
    public Mono<Void> lockCourse(ShardTransaction transaction) {
        return transaction
                .sql()
                .sql("select pg_advisory_xact_lock(hashtextextended('lectern.video.course ' || :context, 0))")
                .bind("context", transaction.context().toString())
                .then();
    }

    /**
     * Removes the rows of parts of an upload that is put together from them.
     *
     * @return how many there were; somebody else took or removed the others
     */
    public Mono<Long> takeParts(ShardTransaction transaction, List<UUID> parts) {
        return transaction
                .sql()
                .sql("delete from video where context_id = :context and id = any(:parts)"
                        + " and state = 'uploading' and upload_concat = 'partial'")
                .bind("context", transaction.context().value())
                .bind("parts", parts.toArray(UUID[]::new))
                .fetch()
                .rowsUpdated();
    }

    /** How many uploads of the course are open, as this transaction sees it. */
    public Mono<Long> openUploads(ShardTransaction transaction) {
        return transaction
                .sql()
                .sql("select count(*) as open from video where context_id = :context and state = 'uploading'")
                .bind("context", transaction.context().value())
                .map(row -> Objects.requireNonNull(row.get("open", Long.class)))
                .one();
    }

    /** Bytes of a course's videos, sources and what was made of them, as this transaction sees it. */
    public Mono<Long> storedBytes(ShardTransaction transaction) {
        return transaction
                .sql()
                .sql(USAGE)
                .bind("context", transaction.context().value())
                .map(row -> required(row, "sources", Long.class) + required(row, "outputs", Long.class))
                .one();
    }

    /** How many videos a course has, and their bytes. */
    record Usage(long videos, long sourceBytes, long outputBytes) {}

    /** What the videos of a course take. */
    Mono<Usage> usage(ContextId context) {
        return shards.read(
                        context,
                        Freshness.SESSION,
                        sql -> sql.sql(USAGE)
                                .bind("context", context.value())
                                .map(row -> new Usage(
                                        required(row, "videos", Long.class),
                                        required(row, "sources", Long.class),
                                        required(row, "outputs", Long.class)))
                                .one())
                .next();
    }

    /** Writes the row of a new upload. */
    public Mono<Void> insert(ShardTransaction transaction, Video video) {
        return transaction
                .sql()
                .sql("""
                        insert into video (context_id, id, logical_shard, uploader_id, title, filename, state, by_instructor,
                                           live, size_bytes, upload_metadata, upload_concat, upload_expires, created_at,
                                           updated_at)
                        values (:context, :id, :logicalShard, :uploader, :title, :filename, 'uploading', :instructor,
                                :live, :size, :metadata, :concat, :expires, :now, :now)
                        """)
                .bind("context", video.context().value())
                .bind("id", video.id())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("uploader", video.uploaderId())
                .bind("title", video.title())
                .bind("filename", video.filename())
                .bind("instructor", video.byInstructor())
                .bind("live", video.live())
                .bind("size", video.sizeBytes())
                .bind("metadata", video.uploadMetadata())
                .bind("concat", Parameters.in(R2dbcType.VARCHAR, video.uploadConcat()))
                .bind("expires", time(video.uploadExpires()))
                .bind("now", time(video.createdAt()))
                .then();
    }

    /** Writes down how far an upload has come, and its new end. */
    public Mono<Void> received(ShardTransaction transaction, UUID id, long bytes, Instant expires) {
        return transaction
                .sql()
                .sql("""
                        update video set received_bytes = :bytes, upload_expires = :expires, updated_at = :now
                        where context_id = :context and id = :id and state = 'uploading'
                        """)
                .bind("bytes", bytes)
                .bind("expires", time(expires))
                .bind("now", time(clock.instant()))
                .bind("context", transaction.context().value())
                .bind("id", id)
                .then();
    }

    /**
     * All bytes are there, or the probe is done: another job works on it from now on.
     *
     * @return whether the video was there and might be moved
     */
    public Mono<Boolean> queue(ShardTransaction transaction, UUID id, UUID job) {
        return moved(move(
                        transaction,
                        id,
                        VideoState.QUEUED,
                        "job_id = :job, received_bytes = size_bytes," + " error_code = null, error_detail = null")
                .bind("job", job));
    }

    /** The probe's findings. */
    public Mono<Void> probed(ShardTransaction transaction, UUID id, long durationMillis, int width, int height) {
        return transaction
                .sql()
                .sql("""
                        update video set duration_millis = :duration, width = :width, height = :height
                        where context_id = :context and id = :id
                        """)
                .bind("duration", durationMillis)
                .bind("width", width)
                .bind("height", height)
                .bind("context", transaction.context().value())
                .bind("id", id)
                .then();
    }

    /** Transcoding begins. */
    public Mono<Boolean> process(ShardTransaction transaction, UUID id) {
        return moved(move(transaction, id, VideoState.PROCESSING, STORED + ", error_code = null, error_detail = null"));
    }

    /** It can be played. */
    public Mono<Boolean> ready(
            ShardTransaction transaction,
            UUID id,
            UUID output,
            List<Rendition> renditions,
            boolean poster,
            long bytes) {
        return moved(move(
                        transaction,
                        id,
                        VideoState.READY,
                        STORED + ", output_id = :output, renditions = :renditions::jsonb, has_poster = :poster,"
                                + " output_bytes = :bytes")
                .bind("bytes", bytes)
                .bind("output", output)
                .bind("renditions", json.writeValueAsString(renditions))
                .bind("poster", poster));
    }

    /** What can be played already gets more renditions; false when it is gone. */
    public Mono<Boolean> improve(
            ShardTransaction transaction, UUID id, UUID output, List<Rendition> renditions, long bytes) {
        return moved(transaction
                .sql()
                .sql("update video set output_id = :output, renditions = :renditions::jsonb, output_bytes = :bytes,"
                        + " updated_at = :now where context_id = :context and id = :id and state = 'ready'")
                .bind("output", output)
                .bind("renditions", json.writeValueAsString(renditions))
                .bind("bytes", bytes)
                .bind("now", time(clock.instant()))
                .bind("context", transaction.context().value())
                .bind("id", id));
    }

    /** It is refused, or given up. */
    public Mono<Boolean> end(ShardTransaction transaction, UUID id, VideoState state, Video.Fault fault) {
        return moved(move(transaction, id, state, "error_code = :code, error_detail = :detail")
                .bind("code", fault.code())
                .bind("detail", fault.detail()));
    }

    /** The video, which nobody deletes before the transaction ends; empty when there is none. */
    Mono<Video> lock(ShardTransaction transaction, UUID id) {
        return transaction
                .sql()
                .sql("select " + COLUMNS + " from video where context_id = :context and id = :id for key share")
                .bind("context", transaction.context().value())
                .bind("id", id)
                .map(this::video)
                .one();
    }

    /** Writes the chapters. */
    Mono<Void> chapters(ShardTransaction transaction, UUID id, List<Chapter> chapters) {
        return transaction
                .sql()
                .sql("update video set chapters = :chapters::jsonb, updated_at = :now"
                        + " where context_id = :context and id = :id")
                .bind("chapters", json.writeValueAsString(chapters))
                .bind("now", time(clock.instant()))
                .bind("context", transaction.context().value())
                .bind("id", id)
                .then();
    }

    /** Removes the row; emits what it said when there was one. */
    public Mono<Video> delete(ShardTransaction transaction, UUID id) {
        return transaction
                .sql()
                .sql("delete from video where context_id = :context and id = :id returning " + COLUMNS)
                .bind("context", transaction.context().value())
                .bind("id", id)
                .map(this::video)
                .one();
    }

    /** Removes the row of an upload that is not finished; false when there is none. */
    public Mono<Boolean> deleteUpload(ShardTransaction transaction, UUID id) {
        return moved(transaction
                .sql()
                .sql("delete from video where context_id = :context and id = :id and state = 'uploading'")
                .bind("context", transaction.context().value())
                .bind("id", id));
    }

    /** Removes an upload whose time is over; empty when it went on or was completed in the meantime. */
    public Mono<Video> deleteExpired(ShardTransaction transaction, UUID id) {
        return transaction
                .sql()
                .sql("delete from video where context_id = :context and id = :id and state = 'uploading'"
                        + " and upload_expires <= :now returning " + COLUMNS)
                .bind("context", transaction.context().value())
                .bind("id", id)
                .bind("now", time(clock.instant()))
                .map(this::video)
                .one();
    }

    private GenericExecuteSpec move(ShardTransaction transaction, UUID id, VideoState to, String assignments) {
        return transaction
                .sql()
                .sql("update video set state = :to, updated_at = :now, " + assignments
                        + " where context_id = :context and id = :id and state = any(:from)")
                .bind("to", to.key())
                .bind("now", time(clock.instant()))
                .bind("context", transaction.context().value())
                .bind("id", id)
                .bind("from", VideoState.before(to));
    }

    private static Mono<Boolean> moved(GenericExecuteSpec update) {
        return update.fetch().rowsUpdated().map(rows -> rows > 0);
    }

    private Video video(Readable row) {
        String code = row.get("error_code", String.class);
        String detail = row.get("error_detail", String.class);
        return new Video(
                new ContextId(required(row, "context_id", UUID.class)),
                required(row, "id", UUID.class),
                required(row, "uploader_id", UUID.class),
                required(row, "title", String.class),
                required(row, "filename", String.class),
                VideoState.ofKey(required(row, "state", String.class)),
                required(row, "by_instructor", Boolean.class),
                required(row, "live", Boolean.class),
                required(row, "size_bytes", Long.class),
                required(row, "received_bytes", Long.class),
                required(row, "upload_metadata", String.class),
                row.get("upload_concat", String.class),
                required(row, "upload_expires", OffsetDateTime.class).toInstant(),
                row.get("duration_millis", Long.class),
                row.get("job_id", UUID.class),
                row.get("content_id", UUID.class),
                row.get("output_id", UUID.class),
                Arrays.asList(json.readValue(required(row, "renditions", String.class), Rendition[].class)),
                required(row, "has_poster", Boolean.class),
                Arrays.asList(json.readValue(required(row, "chapters", String.class), Chapter[].class)),
                code == null ? null : new Video.Fault(code, detail == null ? "" : detail),
                required(row, "created_at", OffsetDateTime.class).toInstant());
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }

    private static OffsetDateTime time(Instant instant) {
        return instant.atOffset(ZoneOffset.UTC);
    }
}
