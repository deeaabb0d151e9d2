package org.lectern.app.ops;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.shard.PhysicalShardId;
import org.lectern.db.shard.ShardFanOut;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobState;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.SessionWatch;
import org.springframework.http.MediaType;
import org.springframework.security.core.context.ReactiveSecurityContextHolder;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Jobs over all shards, and what an operator may do about them. Who may call this is decided for all of {@code /api/ops}
 * by the security of the edge: operators only.
 */
@RestController
@RequestMapping("/api/ops/jobs")
@ConditionalOnRole(NodeRole.WEB)
class JobsController {

    private static final int REPLAYED_AT_ONCE = 8;

    private final Jobs jobs;
    private final SessionWatch sessions;

    JobsController(Jobs jobs, SessionWatch sessions) {
        this.jobs = jobs;
        this.sessions = sessions;
    }

    /**
     * Jobs, newest first. The dead-letter list is those with the state dead. Shards that do not answer are named in
     * {@code missing_shards}.
     *
     * @param state only this state: waiting, published, running, done, dead, cancelled or discarded
     * @param type only this type: video, analytics or notifications
     * @param lane only this lane: high, standard, batch or transcode
     * @param contextId only of this course
     * @param since only those asked for at this time or later (RFC 3339)
     * @param before only those older than this id
     * @param limit 1 to 200
     */
    @GetMapping
    Mono<Listing<Job>> list(
            @RequestParam(required = false) @Nullable String state,
            @RequestParam(required = false) @Nullable String type,
            @RequestParam(required = false) @Nullable String lane,
            @RequestParam(name = "context_id", required = false) @Nullable ContextId contextId,
            @RequestParam(required = false) @Nullable Instant since,
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") int limit) {
        if (limit < 1 || limit > Listing.MAX_LIMIT) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "limit must be 1 to " + Listing.MAX_LIMIT);
        }
        return jobs.list(new Jobs.Query(
                        one(JobState.class, "state", state),
                        one(JobType.class, "type", type),
                        one(Lane.class, "lane", lane),
                        contextId,
                        since,
                        before,
                        limit))
                .map(found -> {
                    List<Job> page = found.items();
                    return new Listing<>(
                            page,
                            // A full page may be the last one; then the next is empty.
                            page.size() < limit ? null : page.getLast().id().toString(),
                            found.missing().stream()
                                    .map(PhysicalShardId::value)
                                    .sorted()
                                    .toList());
                });
    }

    /** One job, with the trace of what asked for it, why it failed last, and its earlier attempts. */
    @GetMapping("/{context}/{id}")
    Mono<Job> find(@PathVariable ContextId context, @PathVariable UUID id) {
        return jobs.find(context, id)
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no such job in this course")));
    }

    /** One job as it changes, until it ends, or the session of who watches it. */
    @GetMapping(path = "/{context}/{id}/events", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    Flux<Job> events(@PathVariable ContextId context, @PathVariable UUID id) {
        return find(context, id)
                .thenMany(Flux.defer(() -> jobs.watch(context, id)))
                .takeUntilOther(sessionEnded());
    }

    /** Never, for an operator who came with a token of the operators' issuer and has no session. */
    private Mono<Void> sessionEnded() {
        return ReactiveSecurityContextHolder.getContext()
                .mapNotNull(SecurityContext::getAuthentication)
                .mapNotNull(known -> known.getPrincipal() instanceof LaunchSession session ? session : null)
                .map(session -> sessions.ended(session.id(), session.expiresAt()))
                .defaultIfEmpty(Mono.never())
                .flatMap(ended -> ended);
    }

    /** Puts a dead job back to its first attempt. */
    @PostMapping("/{context}/{id}/replay")
    Mono<Job> replay(@PathVariable ContextId context, @PathVariable UUID id) {
        return changed(context, id, jobs.replay(context, id), "Only a dead job can be replayed");
    }

    /** Takes a dead job off the list. */
    @PostMapping("/{context}/{id}/discard")
    Mono<Job> discard(@PathVariable ContextId context, @PathVariable UUID id) {
        return changed(context, id, jobs.discard(context, id), "Only a dead job can be discarded");
    }

    /** Ends a job that has not ended. */
    @PostMapping("/{context}/{id}/cancel")
    Mono<Job> cancel(@PathVariable ContextId context, @PathVariable UUID id) {
        return changed(context, id, jobs.cancel(context, id), "The job has already ended");
    }

    /**
     * How many jobs were put back.
     *
     * @param replayed at most 200 with one call; call again while it is more than 0
     */
    record Replayed(long replayed) {}

    /**
     * Puts dead jobs back to their first attempt, the newest 200 of them.
     *
     * @param type only this type
     */
    @PostMapping("/replay")
    Mono<Replayed> replayAll(@RequestParam(required = false) @Nullable String type) {
        return jobs.list(Jobs.Query.dead(one(JobType.class, "type", type), null, Listing.MAX_LIMIT))
                .flatMapIterable(ShardFanOut.Merged::items)
                .flatMap(job -> jobs.replay(job.context(), job.id()), REPLAYED_AT_ONCE)
                .filter(replayed -> replayed)
                .count()
                .map(Replayed::new);
    }

    private Mono<Job> changed(ContextId context, UUID id, Mono<Boolean> change, String otherwise) {
        return find(context, id)
                .then(change)
                .flatMap(done ->
                        done ? find(context, id) : Mono.error(new ProblemException(ProblemType.CONFLICT, otherwise)));
    }

    private static <E extends Enum<E>> @Nullable E one(Class<E> values, String name, @Nullable String text) {
        if (text == null) {
            return null;
        }
        return Arrays.stream(values.getEnumConstants())
                .filter(value -> value.name().toLowerCase(Locale.ROOT).equals(text))
                .findFirst()
                .orElseThrow(() -> new ProblemException(ProblemType.INVALID_REQUEST, "There is no such " + name));
    }
}
