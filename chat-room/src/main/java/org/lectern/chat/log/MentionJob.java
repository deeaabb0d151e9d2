package org.lectern.chat.log;

import java.time.Clock;
import java.time.OffsetDateTime;
import java.util.List;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Tells those whom messages mention. Whom, is read from each message in the transaction that writes the notifications:
 * one that was deleted meanwhile mentions nobody, and one who left the course is not told.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class MentionJob implements JobHandler {

    static final String KIND = "chat.mention";

    private static final String SEQS = "seqs";

    private final Clock clock;

    MentionJob(Clock clock) {
        this.clock = clock;
    }

    /** What the job needs to know: the numbers of the messages, all of one room. */
    static JsonNode payload(JsonMapper json, List<Long> seqs) {
        ObjectNode payload = json.createObjectNode();
        seqs.forEach(payload.putArray(SEQS)::add);
        return payload;
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public Effect run(JobRun run) {
        Long[] seqs = run.job()
                .payload()
                .path(SEQS)
                .valueStream()
                .map(JsonNode::longValue)
                .toArray(Long[]::new);
        return transaction -> Mono.from(transaction
                        .sql()
                        .sql("""
                                insert into chat_notification (context_id, user_id, seq, logical_shard, at)
                                select e.context_id, m.user_id, e.seq, e.logical_shard, :now
                                from chat_entry e
                                cross join lateral jsonb_array_elements_text(e.detail -> 'mentions') as p (id)
                                join member m on m.context_id = e.context_id and m.user_id = p.id::uuid
                                where e.context_id = :context and e.seq = any(:seqs) and e.kind = 'message'
                                    and m.user_id <> e.user_id
                                on conflict do nothing
                                """)
                        .bind("context", transaction.context().value())
                        .bind("seqs", seqs)
                        .bind("now", OffsetDateTime.now(clock))
                        .fetch()
                        .rowsUpdated())
                .then();
    }
}
