package org.lectern.db.move;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.Readable;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.settings.DatabaseSettings;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What operators ask of moves, and what they see of them. A move is a row in the directory; any node carries it out
 * ({@link MoverLoop}). Thread-safe and non-blocking.
 */
@Component
public class ShardMoves {

    private static final String COLUMNS =
            "id, logical_shard, source_shard, target_shard, state, wanted, epoch, tables_done, tables_total,"
                    + " rows_copied, changes_applied, pause_millis, failure, requested_by, requested_at, switched_at,"
                    + " finished_at";

    private final Directory directory;
    private final DatabaseSettings settings;
    private final MoverLoop loop;

    ShardMoves(Directory directory, DatabaseSettings settings, MoverLoop loop) {
        this.directory = directory;
        this.settings = settings;
        this.loop = loop;
    }

    /** What became of a request. */
    public sealed interface Outcome {
        /** It was accepted; the move goes on by itself. */
        record Accepted(ShardMove move) implements Outcome {}

        /** It was refused, and nothing was changed. */
        record Refused(String reason) implements Outcome {}

        /** There is no such move. */
        record Unknown() implements Outcome {}
    }

    /**
     * What a move would do.
     *
     * @param logicalShard what would move
     * @param sourceShard from where
     * @param targetShard to where
     * @param rows how many rows of each table
     * @param refusal why it cannot be done as things are; null when it can
     */
    public record MovePlan(
            int logicalShard,
            int sourceShard,
            int targetShard,
            Map<String, Long> rows,
            @Nullable String refusal) {

        /** Copies the rows. */
        public MovePlan {
            rows = Map.copyOf(rows);
        }
    }

    /** Looks what a move would do, and changes nothing. Counts rows, so it may take seconds. */
    public Mono<MovePlan> plan(int logicalShard, int targetShard) {
        return source(logicalShard)
                .flatMap(source -> {
                    String refusal = refusal(source, targetShard);
                    return refusal == null
                            ? loop.plan(logicalShard, source, targetShard)
                            : Mono.just(new MovePlan(logicalShard, source, targetShard, Map.of(), refusal));
                })
                .switchIfEmpty(Mono.fromSupplier(
                        () -> new MovePlan(logicalShard, -1, targetShard, Map.of(), "there is no such logical shard")));
    }

    /**
     * Asks for a move.
     *
     * @param id of the new move
     * @param by who asks
     */
    public Mono<Outcome> begin(UUID id, int logicalShard, int targetShard, String by) {
        return source(logicalShard)
                .<Outcome>flatMap(source -> {
                    String refusal = refusal(source, targetShard);
                    return refusal == null
                            ? insert(id, logicalShard, source, targetShard, by)
                            : Mono.just(new Outcome.Refused(refusal));
                })
                .switchIfEmpty(Mono.just(new Outcome.Refused("there is no such logical shard")));
    }

    /**
     * Asks something of an open move.
     *
     * @param by who asks
     */
    public Mono<Outcome> wish(UUID id, MoveState.Wish wish, String by) {
        return find(id).<Outcome>flatMap(move -> MoveState.of(move.state()).allows(wish)
                        ? directory
                                .write(sql -> sql.sql("update shard_move set wanted = :wanted, updated_at = now()"
                                                + " where id = :id and finished_at is null")
                                        .bind("wanted", wish.key())
                                        .bind("id", id)
                                        .then()
                                        .then(noted(sql, id, wish.key(), by)))
                                .then(find(id))
                                .map(Outcome.Accepted::new)
                        : Mono.just(new Outcome.Refused("a move that is " + move.state() + " cannot " + wish.key())))
                .switchIfEmpty(Mono.just(new Outcome.Unknown()));
    }

    /** A move; empty when there is none. */
    public Mono<ShardMove> find(UUID id) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select " + COLUMNS + " from shard_move where id = :id")
                                .bind("id", id)
                                .map(ShardMoves::move)
                                .one())
                .next();
    }

    /** The move of a logical shard that has not ended; empty when there is none. */
    public Mono<ShardMove> open(int logicalShard) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select " + COLUMNS
                                        + " from shard_move where logical_shard = :logical and finished_at is null")
                                .bind("logical", logicalShard)
                                .map(ShardMoves::move)
                                .one())
                .next();
    }

    /**
     * Moves, newest first.
     *
     * @param before only those asked for before this one
     */
    public Flux<ShardMove> list(@Nullable UUID before, int limit) {
        return directory.read(Freshness.PRIMARY, sql -> {
            DatabaseClient.GenericExecuteSpec select = sql.sql("select " + COLUMNS + " from shard_move"
                            + (before == null
                                    ? ""
                                    : " where (requested_at, id) < (select requested_at, id from shard_move where id = :before)")
                            + " order by requested_at desc, id desc limit :limit")
                    .bind("limit", limit);
            return (before == null ? select : select.bind("before", before))
                    .map(ShardMoves::move)
                    .all();
        });
    }

    /**
     * What an operator asked.
     *
     * @param what begin, abort, confirm or revert
     */
    public record Request(Instant at, String what, String by) {}

    /** What operators asked of a move, oldest first; a handful. */
    public Flux<Request> requests(UUID id) {
        return directory.read(
                Freshness.PRIMARY,
                sql -> sql.sql(
                                "select at, what, by_whom from shard_move_request where move_id = :id order by at limit 200")
                        .bind("id", id)
                        .map(ShardMoves::request)
                        .all());
    }

    private Mono<Integer> source(int logicalShard) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select physical_shard from shard_map where logical_shard = :logical")
                                .bind("logical", logicalShard)
                                .mapValue(Integer.class)
                                .one())
                .next();
    }

    private @Nullable String refusal(int source, int target) {
        if (target < 0 || target >= settings.shards().size()) {
            return "there is no shard " + target;
        }
        return source == target ? "it is on shard " + target + " already" : null;
    }

    private Mono<Outcome> insert(UUID id, int logicalShard, int source, int target, String by) {
        return directory
                .write(sql -> sql.sql(
                                "insert into shard_move (id, logical_shard, source_shard, target_shard, requested_by)"
                                        + " values (:id, :logical, :source, :target, :by)")
                        .bind("id", id)
                        .bind("logical", logicalShard)
                        .bind("source", source)
                        .bind("target", target)
                        .bind("by", by)
                        .then()
                        .then(noted(sql, id, "begin", by)))
                .then(Mono.defer(() -> find(id)))
                .<Outcome>map(Outcome.Accepted::new)
                .doOnNext(accepted -> loop.lookSoon())
                .onErrorResume(
                        failure -> failure instanceof DataIntegrityViolationException
                                || failure instanceof R2dbcDataIntegrityViolationException,
                        taken -> Mono.just(new Outcome.Refused(
                                "another move is under way, or one of this logical shard is not confirmed yet")));
    }

    private static Mono<Void> noted(DatabaseClient sql, UUID id, String what, String by) {
        return sql.sql("insert into shard_move_request (move_id, what, by_whom) values (:id, :what, :by)")
                .bind("id", id)
                .bind("what", what)
                .bind("by", by)
                .then();
    }

    private static Request request(Readable row) {
        return new Request(
                get(row, "at", OffsetDateTime.class).toInstant(),
                get(row, "what", String.class),
                get(row, "by_whom", String.class));
    }

    private static ShardMove move(Readable row) {
        return new ShardMove(
                get(row, "id", UUID.class),
                get(row, "logical_shard", Integer.class),
                get(row, "source_shard", Integer.class),
                get(row, "target_shard", Integer.class),
                get(row, "state", String.class),
                row.get("wanted", String.class),
                row.get("epoch", Long.class),
                get(row, "tables_done", Integer.class),
                get(row, "tables_total", Integer.class),
                get(row, "rows_copied", Long.class),
                get(row, "changes_applied", Long.class),
                row.get("pause_millis", Integer.class),
                row.get("failure", String.class),
                get(row, "requested_by", String.class),
                get(row, "requested_at", OffsetDateTime.class).toInstant(),
                instant(row, "switched_at"),
                instant(row, "finished_at"));
    }

    private static <T> T get(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }

    private static @Nullable Instant instant(Readable row, String column) {
        OffsetDateTime time = row.get(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }
}
