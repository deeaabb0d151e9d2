package org.lectern.app.lti.service.grade;

import java.util.Objects;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.CourseRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Grades taking part in the chat: of every student, the share of the messages that the instructor asks for. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Participation {

    private final Shards shards;
    private final Gradebook gradebook;

    Participation(Shards shards, Gradebook gradebook) {
        this.shards = shards;
        this.gradebook = gradebook;
    }

    /**
     * Queues the scores of all students of a course, with the activity as it is now, in one transaction. Who has a score
     * like it already gets no new one.
     *
     * @param messages how many messages are all that is asked for
     * @return how many scores were queued
     */
    Mono<Long> grade(ContextId context, int messages) {
        return shards.write(
                context,
                transaction -> transaction
                        .sql()
                        .sql("""
                                select m.user_id, least(count(a.id), :messages) * 100.0 / :messages as score
                                from member m
                                left join activity a on a.context_id = m.context_id and a.user_id = m.user_id
                                    and a.verb = 'chatted'
                                where m.context_id = :context and :student = any(m.roles)
                                group by m.user_id
                                having not exists (
                                    select 1 from lti_score s
                                    where s.context_id = :context and s.resource = 'participation'
                                      and s.user_id = m.user_id and s.state in ('queued', 'sent')
                                      and abs(s.score - least(count(a.id), :messages) * 100.0 / :messages) < 0.005)""")
                        .bind("context", context.value())
                        .bind("messages", messages)
                        .bind("student", CourseRole.STUDENT.key())
                        .map(row -> new Share(
                                Objects.requireNonNull(row.get("user_id", UUID.class)),
                                Objects.requireNonNull(row.get("score", Double.class))))
                        .all()
                        .collectList()
                        .flatMapIterable(found -> found)
                        .concatMap(share -> gradebook
                                .queue(
                                        transaction,
                                        new Gradebook.NewScore(
                                                GradedResource.PARTICIPATION,
                                                share.user(),
                                                Math.round(share.score() * 100) / 100.0,
                                                LinkedColumns.MAXIMUM,
                                                share.score() >= 100 ? "Completed" : "InProgress",
                                                "FullyGraded",
                                                null))
                                .thenReturn(share))
                        .count());
    }

    private record Share(UUID user, double score) {}
}
