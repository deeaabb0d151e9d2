package org.lectern.app.lti.service.roster;

import com.fasterxml.jackson.annotation.JsonInclude;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Size;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.access.ServiceAccess;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.group.Groups;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobState;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.springframework.http.HttpStatus;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** The roster of the session's course, as its learning management system keeps it. Staff only. */
@RestController
@RequestMapping("/api/lti")
@ConditionalOnRole(NodeRole.WEB)
class RosterController {

    private final Rosters rosters;
    private final Endpoints endpoints;
    private final Groups groups;
    private final Jobs jobs;

    RosterController(Rosters rosters, Endpoints endpoints, Groups groups, Jobs jobs) {
        this.rosters = rosters;
        this.endpoints = endpoints;
        this.groups = groups;
        this.jobs = jobs;
    }

    /** Whether the course's platform offers a roster, and when it was last read. */
    @GetMapping("/roster")
    Mono<RosterDocument> roster(@AuthenticationPrincipal LaunchSession session) {
        ServiceAccess.requireStaff(session, "read the roster");
        return Mono.zip(
                        endpoints
                                .find(session.context(), ServiceKind.MEMBERSHIPS)
                                .hasElement(),
                        rosters.find(session.context(), Freshness.SESSION)
                                .map(Optional::of)
                                .defaultIfEmpty(Optional.empty()))
                .map(both -> new RosterDocument(
                        both.getT1(),
                        both.getT2().map(Rosters.State::members).orElse(null),
                        both.getT2().map(Rosters.State::syncedAt).orElse(null)));
    }

    /** Reads the roster again, by a job: follow it at {@code /api/lti/roster/jobs/{id}}. */
    @PostMapping("/roster/sync")
    @ResponseStatus(HttpStatus.ACCEPTED)
    Mono<JobDocument> sync(@AuthenticationPrincipal LaunchSession session, @Valid @RequestBody SyncRequest request) {
        ServiceAccess.requireStaff(session, "read the roster");
        return endpoints
                .find(session.context(), ServiceKind.MEMBERSHIPS)
                .switchIfEmpty(Mono.error(() -> ServiceAccess.problem(new PlatformFailureException(
                        PlatformFailureException.Kind.NOT_OFFERED, "no launch of this course offered its roster"))))
                .then(Mono.defer(() -> rosters.order(
                        session.context(),
                        new RosterOrder(
                                Boolean.TRUE.equals(request.whole()), request.role(), request.resourceLinkId()))))
                .map(id -> new JobDocument(id, JobState.WAITING, 0, null, null));
    }

    /** How far a reading of the roster has come. */
    @GetMapping("/roster/jobs/{id}")
    Mono<JobDocument> job(@AuthenticationPrincipal LaunchSession session, @PathVariable UUID id) {
        ServiceAccess.requireStaff(session, "read the roster");
        return jobs.find(session.context(), id)
                .filter(job -> job.kind().equals(Rosters.KIND))
                .map(JobDocument::of)
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no such reading in this course")));
    }

    /** The course's groups and sets of groups, read from the platform now; empty lists where it offers none. */
    @GetMapping("/groups")
    Mono<GroupsDocument> groups(@AuthenticationPrincipal LaunchSession session) {
        ServiceAccess.requireStaff(session, "read the groups");
        return Mono.zip(
                        groups.groups(session.context()).defaultIfEmpty(List.of()),
                        groups.sets(session.context()).defaultIfEmpty(List.of()))
                .map(both -> new GroupsDocument(both.getT1(), both.getT2()))
                .onErrorMap(PlatformFailureException.class, ServiceAccess::problem);
    }

    /**
     * What to read.
     *
     * @param whole true for everybody, also where the platform could tell what has changed since the last time
     * @param role only people of this role, by the platform's name of it
     * @param resourceLinkId only people with access to this link, by the platform's id of it
     */
    record SyncRequest(
            @Nullable Boolean whole,
            @Nullable @Size(max = 512) String role,
            @Nullable @Size(max = 255) String resourceLinkId) {}

    /**
     * The roster.
     *
     * @param offered whether the platform offers one
     * @param members how many people the last whole reading named
     * @param syncedAt when it was last read
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record RosterDocument(
            boolean offered,
            @Nullable Integer members,
            @Nullable Instant syncedAt) {}

    /**
     * A reading of the roster.
     *
     * @param id the job
     * @param state where it stands
     * @param percent how far it has come
     * @param stage what is being done
     * @param cause why its last attempt failed
     */
    @JsonInclude(JsonInclude.Include.ALWAYS)
    record JobDocument(
            UUID id,
            JobState state,
            int percent,
            @Nullable String stage,
            @Nullable String cause) {

        static JobDocument of(Job job) {
            return new JobDocument(job.id(), job.state(), job.percent(), job.stage(), job.cause());
        }
    }

    /**
     * The groups.
     *
     * @param groups the groups
     * @param sets the sets they belong to
     */
    record GroupsDocument(List<Groups.Group> groups, List<Groups.GroupSet> sets) {}
}
