package org.lectern.db.member;

import io.r2dbc.spi.Readable;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Members in the table {@code member}. */
@Component
class PostgresMembers implements Members {

    private static final String COLUMNS =
            "select context_id, user_id, name, email, roles, section, first_seen, last_seen from member ";

    private static final String UPSERT = """
            insert into member
                (context_id, logical_shard, user_id, name, email, roles, section, first_seen, last_seen)
            select :context, :logical, user_id, name, email, string_to_array(roles, ' '), section, first_seen, last_seen
            from unnest(:users::uuid[], :names::text[], :emails::text[], :roles::text[], :sections::text[],
                :firsts::timestamptz[], :lasts::timestamptz[])
                as given (user_id, name, email, roles, section, first_seen, last_seen)
            on conflict (context_id, user_id) do update set
                name = case when excluded.last_seen >= member.last_seen
                    then coalesce(excluded.name, member.name) else coalesce(member.name, excluded.name) end,
                email = case when excluded.last_seen >= member.last_seen
                    then coalesce(excluded.email, member.email) else coalesce(member.email, excluded.email) end,
                section = case when excluded.last_seen >= member.last_seen
                    then coalesce(excluded.section, member.section) else coalesce(member.section, excluded.section) end,
                roles = case when excluded.last_seen >= member.last_seen then excluded.roles else member.roles end,
                first_seen = least(member.first_seen, excluded.first_seen),
                last_seen = greatest(member.last_seen, excluded.last_seen)""";

    private final Shards shards;

    PostgresMembers(Shards shards) {
        this.shards = shards;
    }

    @Override
    public Mono<Member> find(ContextId context, UUID userId, Freshness freshness) {
        return shards.read(
                        context,
                        freshness,
                        sql -> sql.sql(COLUMNS + "where context_id = :context and user_id = :user")
                                .bind("context", context.value())
                                .bind("user", userId)
                                .map(PostgresMembers::member)
                                .one())
                .singleOrEmpty();
    }

    @Override
    public Flux<Member> findAll(ContextId context, Collection<UUID> userIds, Freshness freshness) {
        checkSize(userIds.size());
        if (userIds.isEmpty()) {
            return Flux.empty();
        }
        return shards.read(
                context,
                freshness,
                sql -> sql.sql(COLUMNS + "where context_id = :context and user_id = any(:users)")
                        .bind("context", context.value())
                        .bind("users", userIds.toArray(UUID[]::new))
                        .map(PostgresMembers::member)
                        .all());
    }

    @Override
    public Flux<Member> list(ContextId context, @Nullable UUID after, int limit, Freshness freshness) {
        checkSize(limit);
        return shards.read(
                context,
                freshness,
                sql -> sql.sql(COLUMNS
                                + "where context_id = :context and user_id > :after order by user_id limit :limit")
                        .bind("context", context.value())
                        .bind("after", after == null ? new UUID(0, 0) : after)
                        .bind("limit", limit)
                        .map(PostgresMembers::member)
                        .all());
    }

    @Override
    public Mono<Void> upsert(ShardTransaction transaction, Member member) {
        return upsertAll(transaction, List.of(member));
    }

    @Override
    public Mono<Void> upsertAll(ShardTransaction transaction, Collection<Member> members) {
        checkSize(members.size());
        if (members.isEmpty()) {
            return Mono.empty();
        }
        // In one order everywhere, so that two rosters that meet wait for each other instead of deadlocking.
        List<Member> ordered =
                members.stream().sorted(Comparator.comparing(Member::userId)).toList();
        for (Member member : ordered) {
            if (!member.context().equals(transaction.context())) {
                throw new IllegalArgumentException("a member of another course than the transaction's");
            }
        }
        return Batch.of(ordered)
                .column("users", UUID.class, Member::userId)
                .column("names", String.class, Member::name)
                .column("emails", String.class, Member::email)
                .column("roles", String.class, member -> String.join(" ", member.roles()))
                .column("sections", String.class, Member::section)
                .column("firsts", Instant.class, Member::firstSeen)
                .column("lasts", Instant.class, Member::lastSeen)
                .bindTo(transaction.sql().sql(UPSERT))
                .bind("context", transaction.context().value())
                .bind("logical", (short) transaction.logicalShard())
                .then();
    }

    private static Member member(Readable row) {
        String[] roles = row.get("roles", String[].class);
        return new Member(
                new ContextId(required(row, "context_id", UUID.class)),
                required(row, "user_id", UUID.class),
                row.get("name", String.class),
                row.get("email", String.class),
                roles == null ? Set.of() : Set.of(roles),
                row.get("section", String.class),
                required(row, "first_seen", Instant.class),
                required(row, "last_seen", Instant.class));
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        T value = row.get(column, type);
        if (value == null) {
            throw new IllegalStateException("member." + column + " is null");
        }
        return value;
    }

    private static void checkSize(int size) {
        if (size > MAX_BATCH) {
            throw new IllegalArgumentException("more than " + MAX_BATCH + " members at once");
        }
    }
}
