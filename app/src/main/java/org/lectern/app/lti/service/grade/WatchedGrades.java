package org.lectern.app.lti.service.grade;

import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.ActivityListener;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Grades watching: of a video that has a column, the seconds that a person has seen are kept, each once, in the
 * transaction that records the watching. At a quarter, half, three quarters and the end, the share seen becomes the
 * person's score. A score never falls, and whoever saw 95 of 100 seconds has seen it all: credits are no lesson.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class WatchedGrades implements ActivityListener {

    private static final double ALL = 0.95;
    private static final int STEPS = 4;

    private final Gradebook gradebook;

    WatchedGrades(Gradebook gradebook) {
        this.gradebook = gradebook;
    }

    @Override
    public Mono<Void> recorded(ShardTransaction transaction, Collection<Activity> activities) {
        return Flux.fromIterable(activities)
                .filter(activity -> activity.verb() == Activity.Verb.WATCHED && activity.object() != null)
                .concatMap(activity -> watched(transaction, activity))
                .then();
    }

    private Mono<Void> watched(ShardTransaction transaction, Activity activity) {
        UUID video = UUID.fromString(Objects.requireNonNull(activity.object()));
        Map<String, Double> measures = activity.measures();
        int from = (int) Math.floor(measures.getOrDefault("from", 0.0));
        int to = (int) Math.ceil(measures.getOrDefault("to", 0.0));
        if (from < 0 || to <= from) {
            return Mono.empty();
        }
        GradedResource resource = GradedResource.video(video);
        return seen(transaction, video, activity.userId(), from, to, resource).flatMap(share -> {
            int percent = percent(share.after());
            boolean news = percent > 0 && percent > percent(share.before());
            return news
                    ? gradebook.queue(
                            transaction,
                            new Gradebook.NewScore(
                                    resource,
                                    activity.userId(),
                                    (double) percent,
                                    LinkedColumns.MAXIMUM,
                                    percent == 100 ? "Completed" : "InProgress",
                                    "FullyGraded",
                                    null))
                    : Mono.empty();
        });
    }

    /** The share as a score: by quarters, and all of it near the end. */
    static int percent(double share) {
        return share >= ALL ? 100 : (int) Math.floor(share * STEPS) * (100 / STEPS);
    }

    /** Adds a stretch to what the person has seen of a graded video; empty when the video is not graded or not ready. */
    private static Mono<Share> seen(
            ShardTransaction transaction, UUID video, UUID user, int from, int to, GradedResource resource) {
        return transaction
                .sql()
                .sql("""
                        with graded as (
                            select v.duration_millis from video v
                            join lti_line_item i on i.context_id = v.context_id and i.resource = :resource
                            where v.context_id = :context and v.id = :video and v.duration_millis > 0),
                        before as (
                            select seconds from lti_watched
                            where context_id = :context and video_id = :video and user_id = :user for update),
                        after as (
                            insert into lti_watched (context_id, video_id, user_id, logical_shard, seconds)
                            select :context, :video, :user, :logicalShard, int4multirange(int4range(:from, :to)) from graded
                            on conflict (context_id, video_id, user_id)
                            do update set seconds = lti_watched.seconds + excluded.seconds
                            returning seconds)
                        select (select coalesce(sum(upper(r) - lower(r)), 0) from before, unnest(before.seconds) r)::float8
                                   / ceil(graded.duration_millis / 1000.0) as share_before,
                               (select coalesce(sum(upper(r) - lower(r)), 0) from after, unnest(after.seconds) r)::float8
                                   / ceil(graded.duration_millis / 1000.0) as share_after
                        from graded""")
                .bind("context", transaction.context().value())
                .bind("video", video)
                .bind("user", user)
                .bind("resource", resource.key())
                .bind("logicalShard", (short) transaction.logicalShard())
                .bind("from", from)
                .bind("to", to)
                .map(row -> new Share(
                        Objects.requireNonNull(row.get("share_before", Double.class)),
                        Objects.requireNonNull(row.get("share_after", Double.class))))
                .one();
    }

    private record Share(double before, double after) {}
}
