package org.lectern.app.lti.launch;

import java.time.Clock;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.migration.LegacyIds;
import org.lectern.app.lti.platform.DeploymentState;
import org.lectern.app.lti.platform.Registration;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;

/**
 * Finds or makes Lectern's own ids of a launch's context and person. The first of several launches at once makes the
 * id, the others get the same: the primary keys decide.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Participants {

    private static final String CONTEXT = "context";
    private static final String RESOURCE_LINK = "resource_link";
    /** For messages that belong to neither, such as an administrator's. */
    private static final String DEPLOYMENT = "deployment";

    private final Directory directory;
    private final IdGenerator ids;
    private final Clock clock;

    Participants(Directory directory, IdGenerator ids, Clock clock) {
        this.directory = directory;
        this.ids = ids;
        this.clock = clock;
    }

    /**
     * The ids of a launch and the state of its deployment; nothing is made for a deployment that is not active.
     *
     * @param legacy what person and context were called in LTI 1.1, where the launch vouches for it: whoever is new here
     *     takes over what is known under the old id, and old ids that are new are noted
     */
    Mono<Found> of(Registration registration, LaunchMessage message, @Nullable LegacyIds legacy) {
        return directory
                .read(Freshness.PRIMARY, sql -> known(sql, registration, message))
                .next()
                .flatMap(found -> found.deployment() != DeploymentState.ACTIVE || (found.complete() && legacy == null)
                        ? Mono.just(found)
                        : directory.write(sql -> legacy == null
                                ? make(sql, registration, message, found)
                                : makeOf(sql, registration, message, found, legacy)));
    }

    private Mono<Found> makeOf(
            DatabaseClient sql, Registration registration, LaunchMessage message, Found found, LegacyIds legacy) {
        return takeOverPerson(sql, registration, message, legacy)
                .then(takeOverContext(sql, registration, message, legacy))
                .then(Mono.defer(() -> known(sql, registration, message)))
                // An anonymous person has an id already, and no account.
                .map(now ->
                        message.subject() == null ? new Found(now.deployment(), now.contextId(), found.userId()) : now)
                .flatMap(now -> now.complete() ? Mono.just(now) : make(sql, registration, message, now))
                .flatMap(made -> note(sql, registration, legacy, "user", legacy.user(), made.userId())
                        .then(note(sql, registration, legacy, CONTEXT, legacy.context(), made.contextId()))
                        .thenReturn(made));
    }

    /** Gives what the old id stands for to a person who was not here before; it is then nobody else's. */
    private Mono<Void> takeOverPerson(
            DatabaseClient sql, Registration registration, LaunchMessage message, LegacyIds legacy) {
        String subject = message.subject();
        if (subject == null || legacy.user() == null) {
            return Mono.empty();
        }
        return sql.sql("""
                        with old as (
                            select i.lectern_id from lti_legacy_id i
                            where i.issuer = :issuer and i.consumer_key = :key and i.kind = 'user'
                              and i.legacy_id = :legacy
                              and not exists (select 1 from lti_person where issuer = :issuer and subject = :subject)
                              and not exists (select 1 from lti_person p
                                              where p.user_id = i.lectern_id and p.issuer <> :issuer)
                        ), moved as (
                            update lti_person set subject = :subject where user_id in (select lectern_id from old)
                            returning user_id
                        )
                        insert into lti_person (issuer, subject, user_id, created_at)
                        select :issuer, :subject, lectern_id, :now from old
                        where not exists (select 1 from moved)
                        on conflict do nothing""")
                .bind("issuer", registration.issuer())
                .bind("key", legacy.consumerKey())
                .bind("legacy", Objects.requireNonNull(legacy.user()))
                .bind("subject", subject)
                .bind("now", clock.instant())
                .fetch()
                .rowsUpdated()
                .then();
    }

    private Mono<Void> takeOverContext(
            DatabaseClient sql, Registration registration, LaunchMessage message, LegacyIds legacy) {
        String context = message.contextId();
        if (context == null || legacy.context() == null) {
            return Mono.empty();
        }
        return sql.sql("""
                        with old as (
                            select i.lectern_id from lti_legacy_id i
                            where i.issuer = :issuer and i.consumer_key = :key and i.kind = 'context'
                              and i.legacy_id = :legacy
                              and not exists (select 1 from lti_context
                                              where registration_id = :registration and deployment_id = :deployment
                                                and kind = 'context' and lti_id = :context)
                              and not exists (select 1 from lti_context c join lti_registration r
                                                on r.id = c.registration_id
                                              where c.context_id = i.lectern_id and r.issuer <> :issuer)
                        ), moved as (
                            update lti_context set registration_id = :registration, deployment_id = :deployment,
                                kind = 'context', lti_id = :context
                            where context_id in (select lectern_id from old)
                            returning context_id
                        )
                        insert into lti_context (registration_id, deployment_id, kind, lti_id, context_id, created_at)
                        select :registration, :deployment, 'context', :context, lectern_id, :now from old
                        where not exists (select 1 from moved)
                        on conflict do nothing""")
                .bind("issuer", registration.issuer())
                .bind("key", legacy.consumerKey())
                .bind("legacy", Objects.requireNonNull(legacy.context()))
                .bind("registration", registration.id())
                .bind("deployment", message.deploymentId())
                .bind("context", context)
                .bind("now", clock.instant())
                .fetch()
                .rowsUpdated()
                .then();
    }

    /** Notes what an old id stands for, unless that is known. */
    private Mono<Void> note(
            DatabaseClient sql,
            Registration registration,
            LegacyIds legacy,
            String kind,
            @Nullable String legacyId,
            @Nullable UUID lecternId) {
        if (legacyId == null || lecternId == null) {
            return Mono.empty();
        }
        return sql.sql("""
                        insert into lti_legacy_id (issuer, consumer_key, kind, legacy_id, lectern_id, noted_at)
                        values (:issuer, :key, :kind, :legacy, :lectern, :now)
                        on conflict do nothing""")
                .bind("issuer", registration.issuer())
                .bind("key", legacy.consumerKey())
                .bind("kind", kind)
                .bind("legacy", legacyId)
                .bind("lectern", lecternId)
                .bind("now", clock.instant())
                .fetch()
                .rowsUpdated()
                .then();
    }

    private Mono<Found> known(DatabaseClient sql, Registration registration, LaunchMessage message) {
        var statement = sql.sql("""
                        select (select state from lti_deployment
                                where registration_id = :registration and deployment_id = :deployment) as deployment,
                               (select context_id from lti_context
                                where registration_id = :registration and deployment_id = :deployment
                                  and kind = :kind and lti_id = :lti_id
                                  and title is not distinct from coalesce(:title, title)) as context_id,
                               (select user_id from lti_person
                                where issuer = :issuer and subject = :subject) as user_id""")
                .bind("registration", registration.id())
                .bind("deployment", message.deploymentId())
                .bind("kind", contextKind(message))
                .bind("lti_id", contextKey(message))
                .bind("issuer", registration.issuer());
        String title = message.contextTitle();
        statement = title == null ? statement.bindNull("title", String.class) : statement.bind("title", title);
        String subject = message.subject();
        statement = subject == null ? statement.bindNull("subject", String.class) : statement.bind("subject", subject);
        // An anonymous launch is a person of its own: nothing connects it with another one.
        UUID anonymous = subject == null ? ids.generateId() : null;
        return statement
                .map(row -> {
                    String state = row.get("deployment", String.class);
                    return new Found(
                            state == null ? null : DeploymentState.of(state),
                            row.get("context_id", UUID.class),
                            anonymous != null ? anonymous : row.get("user_id", UUID.class));
                })
                .one();
    }

    private Mono<Found> make(DatabaseClient sql, Registration registration, LaunchMessage message, Found found) {
        return context(sql, registration, message)
                .flatMap(context -> (found.userId() != null
                                ? Mono.just(found.userId())
                                : person(sql, registration, Objects.requireNonNull(message.subject())))
                        .map(user -> new Found(found.deployment(), context, user)));
    }

    private Mono<UUID> context(DatabaseClient sql, Registration registration, LaunchMessage message) {
        var statement = sql.sql("""
                        insert into lti_context (registration_id, deployment_id, kind, lti_id, context_id, title, created_at)
                        values (:registration, :deployment, :kind, :lti_id, :id, :title, :now)
                        on conflict (registration_id, deployment_id, kind, lti_id)
                        do update set title = coalesce(excluded.title, lti_context.title)
                        returning context_id""")
                .bind("registration", registration.id())
                .bind("deployment", message.deploymentId())
                .bind("kind", contextKind(message))
                .bind("lti_id", contextKey(message))
                .bind("id", ids.generateId())
                .bind("now", clock.instant());
        String title = message.contextTitle();
        return (title == null ? statement.bindNull("title", String.class) : statement.bind("title", title))
                .map(row -> Objects.requireNonNull(row.get("context_id", UUID.class)))
                .one();
    }

    private Mono<UUID> person(DatabaseClient sql, Registration registration, String subject) {
        return sql.sql("""
                        insert into lti_person (issuer, subject, user_id, created_at)
                        values (:issuer, :subject, :id, :now)
                        on conflict (issuer, subject) do update set subject = excluded.subject
                        returning user_id""")
                .bind("issuer", registration.issuer())
                .bind("subject", subject)
                .bind("id", ids.generateId())
                .bind("now", clock.instant())
                .map(row -> Objects.requireNonNull(row.get("user_id", UUID.class)))
                .one();
    }

    private static String contextKey(LaunchMessage message) {
        return Objects.requireNonNullElse(
                message.contextId(), Objects.requireNonNullElse(message.resourceLinkId(), ""));
    }

    private static String contextKind(LaunchMessage message) {
        if (message.contextId() != null) {
            return CONTEXT;
        }
        return message.resourceLinkId() != null ? RESOURCE_LINK : DEPLOYMENT;
    }

    /**
     * What the directory knows of a launch.
     *
     * @param deployment the state of its deployment, or null for an unknown one
     * @param contextId our id of the context, or null where there is none yet (or its title has changed)
     * @param userId our id of the person, or null where there is none yet
     */
    record Found(
            @Nullable DeploymentState deployment,
            @Nullable UUID contextId,
            @Nullable UUID userId) {

        boolean complete() {
            return contextId != null && userId != null;
        }

        ContextId context() {
            return new ContextId(Objects.requireNonNull(contextId));
        }

        UUID user() {
            return Objects.requireNonNull(userId);
        }
    }
}
