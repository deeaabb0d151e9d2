package org.lectern.app.lti.service.roster;

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
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** What is known of courses' rosters, and the request for another reading; on the course's shard. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class Rosters {

    /** The kind of the job. */
    static final String KIND = "lti.roster";

    private final Shards shards;
    private final Jobs jobs;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Clock clock;

    Rosters(Shards shards, Jobs jobs, JsonMapper json, IdGenerator ids, Clock clock) {
        this.shards = shards;
        this.jobs = jobs;
        this.json = json;
        this.ids = ids;
        this.clock = clock;
    }

    /** Asks for a reading; answers the job's id. */
    Mono<UUID> order(ContextId context, RosterOrder order) {
        UUID id = ids.generateId();
        return jobs.submit(
                        context,
                        new JobRequest(
                                id, JobType.NOTIFICATIONS, KIND, Lane.STANDARD, 0, json.valueToTree(order), null))
                .thenReturn(id);
    }

    /** The last reading; empty when there was none. */
    Mono<State> find(ContextId context, Freshness freshness) {
        return shards.read(
                        context,
                        freshness,
                        sql -> sql.sql(
                                        "select differences_url, members, synced_at from lti_roster where context_id = :context")
                                .bind("context", context.value())
                                .map(row -> {
                                    String url = row.get("differences_url", String.class);
                                    return new State(
                                            url == null ? null : URI.create(url),
                                            Objects.requireNonNull(row.get("members", Integer.class)),
                                            Objects.requireNonNull(row.get("synced_at", Instant.class)));
                                })
                                .one())
                .next();
    }

    /** Notes a reading, in the transaction that writes its members. */
    Mono<Void> note(ShardTransaction transaction, RosterSource.Reading reading) {
        var statement = transaction
                .sql()
                .sql("""
                        insert into lti_roster (context_id, logical_shard, differences_url, members, synced_at)
                        values (:context, :logicalShard, :differences, :members, :now)
                        on conflict (context_id) do update set
                            differences_url = coalesce(excluded.differences_url,
                                case when :changes then lti_roster.differences_url end),
                            members = case when :changes then lti_roster.members else excluded.members end,
                            synced_at = excluded.synced_at""")
                .bind("context", transaction.context().value())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("members", reading.members().size())
                .bind("changes", reading.changes())
                .bind("now", clock.instant());
        return (reading.differences().isPresent()
                        ? statement.bind(
                                "differences", reading.differences().get().toString())
                        : statement.bindNull("differences", String.class))
                .then();
    }

    /**
     * The last reading of a roster.
     *
     * @param differences where the changes since then can be had
     * @param members how many people the last whole reading named
     * @param syncedAt when it was written
     */
    record State(@Nullable URI differences, int members, Instant syncedAt) {}
}
