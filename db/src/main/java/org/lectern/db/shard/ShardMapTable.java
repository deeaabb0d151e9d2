package org.lectern.db.shard;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.replica.RoutedDatabase;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** The shard map as it lies in the directory, and how each shard first learns its part of it. */
final class ShardMapTable {

    /** Of every row of the first map. */
    static final long FIRST_EPOCH = 1;

    private static final Logger log = LoggerFactory.getLogger(ShardMapTable.class);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

    private final int logicalShards;

    ShardMapTable(int logicalShards) {
        this.logicalShards = logicalShards;
    }

    /** The map now; from the primary, since a replica may have an older one. */
    Mono<ShardMap> read(Directory directory) {
        return directory.read(Freshness.PRIMARY, this::rows).collectList().map(this::map);
    }

    /**
     * Spreads the logical shards over the physical ones if nobody has yet, and makes sure that each database is the
     * shard that it is taken for. Blocks; for the start of a node. A server that is slow or away for a moment is asked
     * again until the patience ends: a node that gave up here would die in the restart of a busy installation.
     *
     * @throws IllegalStateException when the settings do not fit the databases, or the patience has ended
     */
    ShardMap prepare(Directory directory, List<RoutedDatabase> databases, Duration patience) {
        return directory
                .write(sql -> prepare(sql, databases.size()))
                .flatMap(prepared -> introduce(prepared, databases))
                .retryWhen(Retry.backoff(Long.MAX_VALUE, FIRST_PAUSE)
                        .maxBackoff(LONGEST_PAUSE)
                        .filter(failure -> !(failure instanceof IllegalStateException))
                        .doBeforeRetry(again -> log.warn(
                                "The shard map could not be read, trying again: {}",
                                again.failure().toString())))
                .blockOptional(patience)
                .orElseThrow();
    }

    private static Mono<ShardMap> introduce(Prepared prepared, List<RoutedDatabase> databases) {
        ShardMap map = prepared.map();
        if (map.highestPhysical() >= databases.size()) {
            return Mono.error(new IllegalStateException("lectern.db.shards has " + databases.size()
                    + " shards, but the shard map names shard " + map.highestPhysical()));
        }
        return Flux.range(0, databases.size())
                .concatMap(number ->
                        databases.get(number).write(sql -> introduce(sql, prepared.installation(), number, map)))
                .then(Mono.just(map));
    }

    private Mono<Prepared> prepare(DatabaseClient sql, int physicalShards) {
        return sql.sql("select pg_advisory_xact_lock(19539, 0)")
                .then()
                .then(sql.sql("insert into installation (id, logical_shards) values (gen_random_uuid(), :shards)"
                                + " on conflict (singleton) do nothing")
                        .bind("shards", logicalShards)
                        .then())
                .then(sql.sql("insert into shard_map (logical_shard, physical_shard, epoch)"
                                + " select number, number % :physical, :epoch"
                                + " from generate_series(0, :logical - 1) as number"
                                + " where not exists (select from shard_map)")
                        .bind("physical", physicalShards)
                        .bind("epoch", FIRST_EPOCH)
                        .bind("logical", logicalShards)
                        .then())
                .then(sql.sql("select id, logical_shards from installation")
                        .map((row, metadata) -> {
                            Integer configured = row.get("logical_shards", Integer.class);
                            if (configured == null || configured != logicalShards) {
                                throw new IllegalStateException("lectern.db.logical-shards is " + logicalShards
                                        + ", but the directory was made for " + configured);
                            }
                            return row.get("id", UUID.class);
                        })
                        .one())
                .flatMap(installation -> rows(sql).collectList().map(rows -> new Prepared(installation, map(rows))));
    }

    private static Mono<Integer> introduce(DatabaseClient sql, UUID installation, int number, ShardMap map) {
        // Only what the first map said: a later owner was told by the move itself.
        List<Integer> first = new ArrayList<>();
        for (int logical = 0; logical < map.logicalShards(); logical++) {
            if (map.physicalOf(logical) == number && map.epochOf(logical) == FIRST_EPOCH) {
                first.add(logical);
            }
        }
        return sql.sql("insert into shard_identity (installation, physical_shard) values (:installation, :shard)"
                        + " on conflict (singleton) do nothing")
                .bind("installation", installation)
                .bind("shard", number)
                .then()
                .then(sql.sql("select installation, physical_shard from shard_identity")
                        .map((row, metadata) -> {
                            Integer found = row.get("physical_shard", Integer.class);
                            if (!installation.equals(row.get("installation", UUID.class))
                                    || found == null
                                    || found != number) {
                                throw new IllegalStateException("the database of lectern.db.shards[" + number
                                        + "] is shard " + found + " of installation "
                                        + row.get("installation", UUID.class) + ", not shard " + number + " of "
                                        + installation);
                            }
                            return found;
                        })
                        .one())
                .then(sql.sql("insert into shard_epoch (logical_shard, epoch, owned)"
                                + " select number, :epoch, true from unnest(:first::int[]) as number"
                                + " on conflict (logical_shard) do nothing")
                        .bind("epoch", FIRST_EPOCH)
                        .bind("first", first.toArray(Integer[]::new))
                        .fetch()
                        .rowsUpdated()
                        .thenReturn(number));
    }

    private Flux<ShardMap.Row> rows(DatabaseClient sql) {
        return sql.sql("select logical_shard, physical_shard, epoch from shard_map")
                .map((row, metadata) -> new ShardMap.Row(
                        number(row.get("logical_shard", Integer.class)),
                        number(row.get("physical_shard", Integer.class)),
                        number(row.get("epoch", Long.class))))
                .all();
    }

    private ShardMap map(List<ShardMap.Row> rows) {
        try {
            return ShardMap.of(logicalShards, rows);
        } catch (IllegalArgumentException incomplete) {
            throw new IllegalStateException("the shard map of the directory is damaged", incomplete);
        }
    }

    private static <N extends Number> N number(@org.jspecify.annotations.Nullable N value) {
        if (value == null) {
            throw new IllegalStateException("the shard map of the directory is damaged");
        }
        return value;
    }

    private record Prepared(UUID installation, ShardMap map) {}
}
