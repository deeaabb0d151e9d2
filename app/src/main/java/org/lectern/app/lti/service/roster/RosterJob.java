package org.lectern.app.lti.service.roster;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.group.Groups;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.person.Subjects;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.jobs.RejectedJobException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.CourseRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads a course's roster and writes its members, all in one transaction: there is never half a class. Who is inactive,
 * was deleted, or is a student whom a whole roster does not name any more, keeps name and history and loses the roles.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class RosterJob implements JobHandler {

    private static final Duration PATIENCE = Duration.ofSeconds(50);
    private static final int BATCH = 500;

    private final Endpoints endpoints;
    private final RosterSource source;
    private final Rosters rosters;
    private final Subjects subjects;
    private final Groups groups;
    private final Members members;
    private final JsonMapper json;
    private final Clock clock;

    RosterJob(
            Endpoints endpoints,
            RosterSource source,
            Rosters rosters,
            Subjects subjects,
            Groups groups,
            Members members,
            JsonMapper json,
            Clock clock) {
        this.endpoints = endpoints;
        this.source = source;
        this.rosters = rosters;
        this.subjects = subjects;
        this.groups = groups;
        this.members = members;
        this.json = json;
        this.clock = clock;
    }

    @Override
    public String kind() {
        return Rosters.KIND;
    }

    @Override
    public Effect run(JobRun run) throws RejectedJobException {
        ContextId context = run.job().context();
        RosterOrder order = json.treeToValue(run.job().payload(), RosterOrder.class);
        run.progress(5, "reading");
        Instant begun = clock.instant();
        try {
            Read read =
                    Objects.requireNonNull(read(context, order).contextCapture().block(PATIENCE));
            run.progress(60, "writing");
            List<Member> all = new ArrayList<>(read.written());
            if (!read.reading().changes() && order.everybody()) {
                Set<UUID> named = all.stream().map(Member::userId).collect(Collectors.toCollection(HashSet::new));
                all.addAll(Objects.requireNonNull(
                        gone(context, named, begun).collectList().block(PATIENCE)));
            }
            // In the order of launches that come at the same time, over all parts: neither waits for the other in a
            // circle.
            all.sort(Comparator.comparing(Member::userId));
            return transaction -> Flux.fromIterable(all)
                    .buffer(BATCH)
                    .concatMap(batch -> members.upsertAll(transaction, batch))
                    .then(order.everybody() ? rosters.note(transaction, read.reading()) : Mono.empty());
        } catch (PlatformFailureException failure) {
            if (failure.kind() == PlatformFailureException.Kind.PASSING) {
                throw failure;
            }
            throw new RejectedJobException(failure.detail());
        }
    }

    private Mono<Read> read(ContextId context, RosterOrder order) {
        return endpoints
                .find(context, ServiceKind.MEMBERSHIPS)
                .switchIfEmpty(Mono.error(() -> new PlatformFailureException(
                        PlatformFailureException.Kind.NOT_OFFERED, "no launch of this course offered its roster")))
                .flatMap(endpoint -> rosters.find(context, Freshness.PRIMARY)
                        .mapNotNull(Rosters.State::differences)
                        .map(since -> source.read(endpoint, order, since))
                        .defaultIfEmpty(source.read(endpoint, order, null))
                        .flatMap(reading -> reading)
                        .flatMap(reading -> groupNames(context, reading)
                                .flatMap(names ->
                                        members(endpoint, reading, names).map(written -> new Read(reading, written)))));
    }

    /** Names of groups, where anybody is in one; groups that cannot be read do not keep the roster from being read. */
    private Mono<Map<String, String>> groupNames(ContextId context, RosterSource.Reading reading) {
        if (reading.members().stream().allMatch(member -> member.groups().isEmpty())) {
            return Mono.just(Map.of());
        }
        return groups.groups(context)
                .map(found -> found.stream()
                        .collect(Collectors.toMap(Groups.Group::id, Groups.Group::name, (one, other) -> one)))
                .onErrorResume(PlatformFailureException.class, failure -> Mono.empty())
                .defaultIfEmpty(Map.of());
    }

    private Mono<List<Member>> members(
            Endpoint endpoint, RosterSource.Reading reading, Map<String, String> groupNames) {
        Instant now = clock.instant();
        // A person may stand in several pages, or twice in one: the last word counts.
        Map<String, RosterMember> people = new HashMap<>();
        reading.members().forEach(member -> people.put(member.subject(), member));
        return Flux.fromIterable(people.values())
                .buffer(BATCH)
                .concatMap(batch -> subjects.users(
                                endpoint.registration(),
                                batch.stream().map(RosterMember::subject).toList())
                        .map(users -> batch.stream()
                                .map(person -> new Member(
                                        endpoint.context(),
                                        Objects.requireNonNull(users.get(person.subject())),
                                        person.name(),
                                        person.email(),
                                        roles(person),
                                        section(person, groupNames),
                                        now,
                                        now))
                                .toList()))
                .concatMapIterable(batch -> batch)
                .collectList();
    }

    private static Set<String> roles(RosterMember person) {
        return person.present() ? person.roles().stream().map(CourseRole::key).collect(Collectors.toSet()) : Set.of();
    }

    private static @Nullable String section(RosterMember person, Map<String, String> groupNames) {
        return person.groups().stream()
                .map(groupNames::get)
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
    }

    /** Students that the whole roster does not name and who have not been here since it was asked for. */
    private Flux<Member> gone(ContextId context, Set<UUID> named, Instant begun) {
        return members.list(context, null, Members.MAX_BATCH, Freshness.PRIMARY)
                .collectList()
                .expand(page -> page.size() < Members.MAX_BATCH
                        ? Mono.empty()
                        : members.list(context, page.getLast().userId(), Members.MAX_BATCH, Freshness.PRIMARY)
                                .collectList())
                .concatMapIterable(page -> page)
                .filter(member -> member.roles().equals(Set.of(CourseRole.STUDENT.key()))
                        && !named.contains(member.userId())
                        && member.lastSeen().isBefore(begun))
                .map(member -> new Member(
                        context,
                        member.userId(),
                        member.name(),
                        member.email(),
                        Set.of(),
                        member.section(),
                        member.firstSeen(),
                        begun));
    }

    private record Read(RosterSource.Reading reading, List<Member> written) {}
}
