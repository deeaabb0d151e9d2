package org.lectern.chat.log;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.chat.protocol.Person;
import org.lectern.db.shard.ShardTransaction;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;
import tools.jackson.databind.node.ObjectNode;

/** Writes into a room's audit log. */
final class Audit {

    private Audit() {}

    /**
     * One line.
     *
     * @param by who did it
     * @param subject the person concerned, or null
     * @param target the message concerned, or null
     */
    record Line(
            Person by,
            String action,
            @Nullable UUID subject,
            @Nullable Long target,
            ObjectNode detail,
            Instant at) {}

    /** Writes lines, in the caller's transaction, by one statement. */
    static Mono<Void> record(ShardTransaction transaction, IdGenerator ids, List<Line> lines) {
        return transaction
                .sql()
                .sql("""
                        insert into chat_audit
                            (context_id, id, logical_shard, user_id, user_name, action, subject, target, detail, at)
                        select :context, id, :logicalShard, user_id, user_name, action, subject, target, detail::jsonb, at
                        from unnest(:ids::uuid[], :users::uuid[], :names::text[], :actions::text[], :subjects::uuid[],
                                    :targets::bigint[], :details::text[], :times::timestamptz[])
                            as l (id, user_id, user_name, action, subject, target, detail, at)
                        """)
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("ids", lines.stream().map(unused -> ids.generateId()).toArray(UUID[]::new))
                .bind("users", lines.stream().map(line -> line.by().id()).toArray(UUID[]::new))
                .bind("names", lines.stream().map(line -> line.by().name()).toArray(String[]::new))
                .bind("actions", lines.stream().map(Line::action).toArray(String[]::new))
                .bind("subjects", lines.stream().map(Line::subject).toArray(UUID[]::new))
                .bind("targets", lines.stream().map(Line::target).toArray(Long[]::new))
                .bind(
                        "details",
                        lines.stream().map(line -> line.detail().toString()).toArray(String[]::new))
                .bind(
                        "times",
                        lines.stream()
                                .map(line -> line.at().atOffset(ZoneOffset.UTC))
                                .toArray(OffsetDateTime[]::new))
                .fetch()
                .rowsUpdated()
                .then();
    }
}
