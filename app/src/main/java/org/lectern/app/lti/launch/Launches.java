package org.lectern.app.lti.launch;

import com.nimbusds.jwt.SignedJWT;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.migration.LegacyAccounts;
import org.lectern.app.lti.migration.LegacyIds;
import org.lectern.app.lti.platform.Approval;
import org.lectern.app.lti.platform.DeploymentState;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Secrets;
import org.lectern.db.ContextId;
import org.lectern.db.member.Member;
import org.lectern.db.member.Members;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.ActivityLog;
import org.lectern.infra.batching.BatchCommit;
import org.lectern.infra.batching.KeyedBatchers;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The launch from the platform's answer to the session it permits.
 *
 * <p>The order: what costs nothing first (form of the token), then the login is taken (so an answer counts once,
 * whatever follows), then the browser, the signature, the claims, the deployment. Only then is anything made: ids in
 * the directory, and on the context's shard the membership and the activity, in one transaction with those who come into
 * the same course at the same moment.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Launches {

    /** How many entrances into one course may wait, and go together. */
    private static final int QUEUE_LIMIT = 4000;

    private static final int BATCH_LIMIT = 250;
    private static final int COURSES_KEPT = 1000;

    private final Logins logins;
    private final TokenSignatures signatures;
    private final Participants participants;
    private final Registrations registrations;
    private final LegacyAccounts legacy;
    private final Shards shards;
    private final Members members;
    private final ActivityLog activities;
    private final LtiProperties properties;
    private final IdGenerator ids;
    private final Clock clock;
    private final List<LaunchListener> listeners;
    private final KeyedBatchers<ContextId, Entrance, Boolean> entrances =
            new KeyedBatchers<>(COURSES_KEPT, this::entrance);

    Launches(
            Logins logins,
            TokenSignatures signatures,
            Participants participants,
            Registrations registrations,
            LegacyAccounts legacy,
            Shards shards,
            Members members,
            ActivityLog activities,
            LtiProperties properties,
            IdGenerator ids,
            Clock clock,
            ObjectProvider<LaunchListener> listeners,
            MeterRegistry meters) {
        this.logins = logins;
        this.signatures = signatures;
        this.participants = participants;
        this.registrations = registrations;
        this.legacy = legacy;
        this.shards = shards;
        this.members = members;
        this.activities = activities;
        this.properties = properties;
        this.ids = ids;
        this.clock = clock;
        this.listeners = listeners.orderedStream().toList();
        meters.gauge("lectern.lti.waiting", Tags.of("step", "entrance"), entrances, KeyedBatchers::waiting);
    }

    /**
     * Verifies an answer.
     *
     * @param idToken the token as it came
     * @param state the state as it came
     * @param browserSecret the secret that the browser kept for this login; null when it sent none
     * @param origin scheme, host and port under which the browser reached Lectern
     * @return the session to open; errors with {@link LaunchRejectedException} at the first rule that is broken
     */
    Mono<Verified> verified(String idToken, String state, @Nullable String browserSecret, URI origin) {
        return Mono.fromCallable(() -> TokenSignatures.read(idToken))
                .flatMap(token -> logins.take(state)
                        // Logins are taken together; what follows goes to all cores.
                        .publishOn(Schedulers.parallel())
                        .switchIfEmpty(Mono.error(() -> new LaunchRejectedException(
                                LaunchRule.STATE, "the state is unknown, too old, or was used before", null)))
                        .flatMap(login -> verified(token, login, browserSecret, origin)));
    }

    private Mono<Verified> verified(SignedJWT token, Login login, @Nullable String browserSecret, URI origin) {
        Registration registration = login.registration();
        if (browserSecret == null || !Secrets.hexDigest(browserSecret).equals(login.browserDigest())) {
            return Mono.error(new LaunchRejectedException(
                    LaunchRule.BROWSER_BINDING,
                    browserSecret == null
                            ? "the browser sent no cookie of this login"
                            : "the cookie is of another login",
                    registration,
                    login.again()));
        }
        return Mono.fromRunnable(() -> requireOpen(registration))
                .then(signatures.verified(token, registration))
                .flatMap(claims -> {
                    LaunchMessage message = message(claims, login);
                    return legacy.vouchedFor(registration, claims)
                            .map(Optional::of)
                            .defaultIfEmpty(Optional.empty())
                            .map(old -> new Checked(message, old.orElse(null), claims));
                })
                .flatMap(checked -> participants
                        .of(registration, checked.message(), checked.legacy())
                        .flatMap(found -> found.deployment() == DeploymentState.ACTIVE
                                ? enter(facts(registration, checked, found, origin), checked.message())
                                : unknownDeployment(registration, checked.message(), found.deployment())));
    }

    /** Refuses a registration that may not launch now. */
    static void requireOpen(Registration registration) {
        if (registration.approval() != Approval.APPROVED) {
            throw new LaunchRejectedException(
                    LaunchRule.REGISTRATION_APPROVED,
                    "the registration is " + registration.approval().key(),
                    registration);
        }
        if (registration.paused()) {
            throw new LaunchRejectedException(
                    LaunchRule.REGISTRATION_ACTIVE, "the registration is paused", registration);
        }
    }

    private LaunchMessage message(Map<String, Object> claims, Login login) {
        return new LaunchClaims(claims, login)
                .checked(clock.instant(), properties.clockLeeway(), properties.tokenAge());
    }

    private LaunchFacts facts(Registration registration, Checked checked, Participants.Found found, URI origin) {
        LaunchMessage message = checked.message();
        return new LaunchFacts(
                registration,
                message.type(),
                message.deploymentId(),
                found.context(),
                found.user(),
                message.subject(),
                message.roles(),
                message.resourceLinkId(),
                message.target(),
                message.type() == MessageType.RESOURCE_LINK
                        ? message.item()
                        : ids.generateId().toString(),
                origin,
                checked.claims());
    }

    private Mono<Verified> enter(LaunchFacts facts, LaunchMessage message) {
        Instant now = clock.instant();
        var launched = new Activity(
                ids.generateId(),
                facts.userId(),
                Activity.Verb.LAUNCHED,
                message.target().key(),
                now,
                Map.of());
        var member = new Member(
                facts.context(),
                facts.userId(),
                message.name(),
                message.email(),
                message.roles().stream().map(CourseRole::key).collect(Collectors.toSet()),
                null,
                now,
                now);
        var session = new NewSession(
                facts.userId(),
                message.name(),
                facts.context(),
                message.contextTitle(),
                message.roles(),
                facts.registration().operators()
                        && LaunchRoles.administersPlatform(Claims.texts(facts.claims(), Claims.ROLES)),
                message.target(),
                facts.item(),
                new NewSession.Source(facts.registration().id(), message.deploymentId()));
        return Flux.fromIterable(listeners)
                .concatMap(listener -> listener.launched(facts))
                .then(entrances.submit(facts.context(), new Entrance(member, launched)))
                .thenReturn(new Verified(facts.registration(), session));
    }

    private SmartBatcher<Entrance, Boolean> entrance(ContextId context) {
        return new SmartBatcher<>(
                QUEUE_LIMIT,
                BATCH_LIMIT,
                all -> BatchCommit.of(shards.write(
                        context,
                        transaction -> enter(transaction, all).thenReturn(Collections.nCopies(all.size(), true)))),
                DataIntegrityViolationException.class::isInstance);
    }

    /** Who launches twice at once is written once more: one statement cannot write a row twice. */
    private Mono<Void> enter(ShardTransaction transaction, List<Entrance> all) {
        Set<UUID> once = new HashSet<>();
        Map<Boolean, List<Member>> first = all.stream()
                .map(Entrance::member)
                .collect(Collectors.partitioningBy(member -> once.add(member.userId())));
        return members.upsertAll(transaction, first.getOrDefault(true, List.of()))
                .thenMany(Flux.fromIterable(first.getOrDefault(false, List.of())))
                .concatMap(member -> members.upsert(transaction, member))
                .then(activities.record(
                        transaction, all.stream().map(Entrance::activity).toList()));
    }

    private <T> Mono<T> unknownDeployment(
            Registration registration, LaunchMessage message, @Nullable DeploymentState state) {
        String deployment = Operators.quoted(message.deploymentId());
        Mono<Void> noted = state == null && registration.pendingDeployments()
                ? registrations.notePending(registration, message.deploymentId())
                : Mono.empty();
        return noted.then(Mono.error(new LaunchRejectedException(
                LaunchRule.DEPLOYMENT,
                "deployment " + deployment + " is " + (state == null ? "unknown" : state.key()),
                registration)));
    }

    /**
     * A launch that kept every rule.
     *
     * @param registration whose it is
     * @param session to be opened, if the registration and the deployment are open by then
     */
    record Verified(Registration registration, NewSession session) {

        /** What to say when they are not. */
        LaunchRejectedException closedMeanwhile() {
            return new LaunchRejectedException(
                    LaunchRule.REGISTRATION_ACTIVE,
                    "the registration or its deployment was closed while the launch was under way",
                    registration);
        }
    }

    /** A message that kept every rule, the old ids it vouches for, and all that was said. */
    private record Checked(LaunchMessage message, @Nullable LegacyIds legacy, Map<String, Object> claims) {}

    /** What a launch leaves on its course's shard. */
    private record Entrance(Member member, Activity activity) {}
}
