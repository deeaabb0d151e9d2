package org.lectern.app.lti.service.grade;

import io.r2dbc.spi.Readable;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * Columns and scores of courses, on the course's shard. A score and the job that sends it commit together; a newer score
 * takes the older one's place, so a job finds the newest or nothing left to do.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class Gradebook {

    /** The kind of the job. */
    static final String KIND = "lti.score";

    private static final String SCORE_COLUMNS =
            "select resource, user_id, score, maximum, activity, grading, comment, at, state, detail, sent_at from lti_score ";

    private final Shards shards;
    private final Jobs jobs;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Clock clock;

    Gradebook(Shards shards, Jobs jobs, JsonMapper json, IdGenerator ids, Clock clock) {
        this.shards = shards;
        this.jobs = jobs;
        this.json = json;
        this.ids = ids;
        this.clock = clock;
    }

    /** Connects a resource with a line item, in place of the one before. */
    Mono<Void> connect(ContextId context, Column column, @Nullable String resourceLink) {
        return connect(context, column, resourceLink, """
                label = coalesce(excluded.label, lti_line_item.label), maximum = excluded.maximum,
                resource_link_id = coalesce(excluded.resource_link_id, lti_line_item.resource_link_id)""");
    }

    /**
     * Connects a resource with the line item that a launch names. What is known already stays, whoever launches: only the
     * link that made the connection may name another address of its line item.
     */
    Mono<Void> connectLaunched(ContextId context, Column column, @Nullable String resourceLink) {
        return connect(
                context,
                column,
                resourceLink,
                "label = lti_line_item.label" + " where lti_line_item.resource_link_id = excluded.resource_link_id");
    }

    private Mono<Void> connect(
            ContextId context, Column column, @Nullable String resourceLink, String changesAndCondition) {
        return shards.write(context, transaction -> {
                    GenericExecuteSpec statement = transaction
                            .sql()
                            .sql("""
                                    insert into lti_line_item (context_id, resource, logical_shard, url, label, maximum,
                                        resource_link_id, updated_at)
                                    values (:context, :resource, :logicalShard, :url, :label, :maximum, :link, :now)
                                    on conflict (context_id, resource) do update set url = excluded.url,
                                        updated_at = excluded.updated_at,\s""" + changesAndCondition)
                            .bind("context", context.value())
                            .bind("resource", column.resource().key())
                            .bind("logicalShard", (short) transaction.logicalShard())
                            .bind("url", column.url().toString())
                            .bind("maximum", column.maximum())
                            .bind("now", clock.instant());
                    statement = bindNullable(statement, "label", column.label());
                    statement = bindNullable(statement, "link", resourceLink);
                    return statement.fetch().rowsUpdated();
                })
                .then();
    }

    /** Forgets a resource's column; its scores stay. */
    Mono<Void> disconnect(ContextId context, GradedResource resource) {
        return shards.write(
                        context,
                        transaction -> transaction
                                .sql()
                                .sql("delete from lti_line_item where context_id = :context and resource = :resource")
                                .bind("context", context.value())
                                .bind("resource", resource.key())
                                .fetch()
                                .rowsUpdated())
                .then();
    }

    /** The column of a resource; empty when it has none. */
    Mono<Column> column(ContextId context, GradedResource resource, Freshness freshness) {
        return shards.read(
                        context,
                        freshness,
                        sql -> sql.sql(
                                        "select resource, url, label, maximum from lti_line_item where context_id = :context and resource = :resource")
                                .bind("context", context.value())
                                .bind("resource", resource.key())
                                .map(Gradebook::column)
                                .one())
                .next();
    }

    /** All columns of a course that Lectern knows, at most 1000. */
    Flux<Column> columns(ContextId context, Freshness freshness) {
        return shards.read(
                context,
                freshness,
                sql -> sql.sql(
                                "select resource, url, label, maximum from lti_line_item where context_id = :context order by resource limit 1000")
                        .bind("context", context.value())
                        .map(Gradebook::column)
                        .all());
    }

    /** Queues a score: it takes the place of an older one, and its time comes after that one's. */
    Mono<Void> queue(ShardTransaction transaction, NewScore score) {
        GenericExecuteSpec statement = transaction
                .sql()
                .sql("""
                        insert into lti_score (context_id, resource, user_id, logical_shard, score, maximum, activity,
                            grading, comment, at, state)
                        values (:context, :resource, :user, :logicalShard, :score, :maximum, :activity, :grading,
                            :comment, :now, 'queued')
                        on conflict (context_id, resource, user_id) do update set score = excluded.score,
                            maximum = excluded.maximum, activity = excluded.activity, grading = excluded.grading,
                            comment = excluded.comment, state = 'queued', detail = null,
                            at = greatest(excluded.at, lti_score.at + interval '1 millisecond')""")
                .bind("context", transaction.context().value())
                .bind("resource", score.resource().key())
                .bind("user", score.userId())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("maximum", score.maximum())
                .bind("activity", score.activityProgress())
                .bind("grading", score.gradingProgress())
                .bind("now", clock.instant());
        Double given = score.score();
        statement = given == null ? statement.bindNull("score", Double.class) : statement.bind("score", given);
        statement = bindNullable(statement, "comment", score.comment());
        return statement
                .fetch()
                .rowsUpdated()
                .then(jobs.submit(
                        transaction,
                        new JobRequest(
                                ids.generateId(),
                                JobType.NOTIFICATIONS,
                                KIND,
                                Lane.STANDARD,
                                0,
                                json.valueToTree(new ScoreRef(score.resource().key(), score.userId())),
                                null)));
    }

    /** The newest score of a person. */
    Mono<Score> score(ContextId context, String resource, UUID user) {
        return shards.read(
                        context,
                        Freshness.PRIMARY,
                        sql -> sql.sql(SCORE_COLUMNS
                                        + "where context_id = :context and resource = :resource and user_id = :user")
                                .bind("context", context.value())
                                .bind("resource", resource)
                                .bind("user", user)
                                .map(Gradebook::score)
                                .one())
                .next();
    }

    /** The newest scores for a resource, by descending person. */
    Flux<Score> scores(
            ContextId context, GradedResource resource, @Nullable UUID before, int limit, Freshness freshness) {
        return shards.read(
                context,
                freshness,
                sql -> sql.sql(SCORE_COLUMNS + """
                                where context_id = :context and resource = :resource and user_id < :before
                                order by user_id desc limit :limit""")
                        .bind("context", context.value())
                        .bind("resource", resource.key())
                        .bind("before", before == null ? new UUID(-1, -1) : before)
                        .bind("limit", limit)
                        .map(Gradebook::score)
                        .all());
    }

    /** Writes what became of a score, unless a newer one has taken its place. */
    Mono<Void> settle(ShardTransaction transaction, Score score, ScoreState state, @Nullable String detail) {
        GenericExecuteSpec statement = transaction
                .sql()
                .sql("""
                        update lti_score set state = :state, detail = :detail,
                            sent_at = case when :state = 'sent' then :now::timestamptz else sent_at end
                        where context_id = :context and resource = :resource and user_id = :user and at = :at""")
                .bind("state", state.key())
                .bind("context", transaction.context().value())
                .bind("resource", score.resource())
                .bind("user", score.userId())
                .bind("at", score.at())
                .bind("now", clock.instant());
        return bindNullable(statement, "detail", detail).fetch().rowsUpdated().then();
    }

    /** Marks what is still queued of a person as refused: its job has ended without sending it. */
    Mono<Void> refuse(ShardTransaction transaction, ScoreRef score, String detail) {
        return transaction
                .sql()
                .sql("""
                        update lti_score set state = 'refused', detail = :detail
                        where context_id = :context and resource = :resource and user_id = :user and state = 'queued'""")
                .bind("context", transaction.context().value())
                .bind("resource", score.resource())
                .bind("user", score.user())
                .bind("detail", detail)
                .fetch()
                .rowsUpdated()
                .then();
    }

    /** Puts a refused score back to be sent. */
    Mono<Void> queueAgain(ShardTransaction transaction, ScoreRef score) {
        return transaction
                .sql()
                .sql("""
                        update lti_score set state = 'queued', detail = null
                        where context_id = :context and resource = :resource and user_id = :user and state = 'refused'""")
                .bind("context", transaction.context().value())
                .bind("resource", score.resource())
                .bind("user", score.user())
                .fetch()
                .rowsUpdated()
                .then();
    }

    private static Column column(Readable row) {
        return new Column(
                new GradedResource(required(row, "resource", String.class)),
                URI.create(required(row, "url", String.class)),
                row.get("label", String.class),
                required(row, "maximum", Double.class));
    }

    private static Score score(Readable row) {
        return new Score(
                required(row, "resource", String.class),
                required(row, "user_id", UUID.class),
                row.get("score", Double.class),
                required(row, "maximum", Double.class),
                required(row, "activity", String.class),
                required(row, "grading", String.class),
                row.get("comment", String.class),
                required(row, "at", Instant.class),
                ScoreState.of(required(row, "state", String.class)),
                row.get("detail", String.class),
                row.get("sent_at", Instant.class));
    }

    private static <T> T required(Readable row, String column, Class<T> type) {
        return Objects.requireNonNull(row.get(column, type), column);
    }

    private static GenericExecuteSpec bindNullable(GenericExecuteSpec statement, String name, @Nullable String value) {
        return value == null ? statement.bindNull(name, String.class) : statement.bind(name, value);
    }

    /**
     * A score to send.
     *
     * @param resource for what
     * @param userId whose
     * @param score how much; null for progress alone
     * @param maximum the most
     * @param activityProgress AGS' word
     * @param gradingProgress AGS' word
     * @param comment for the person
     */
    record NewScore(
            GradedResource resource,
            UUID userId,
            @Nullable Double score,
            double maximum,
            String activityProgress,
            String gradingProgress,
            @Nullable String comment) {}

    /**
     * Which score a job is about.
     *
     * @param resource for what
     * @param user whose
     */
    record ScoreRef(String resource, UUID user) {}
}
