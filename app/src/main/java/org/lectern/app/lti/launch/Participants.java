package org.lectern.app.lti.launch;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.migration.LegacyIds;
import org.lectern.app.lti.platform.DeploymentState;
import org.lectern.app.lti.platform.Registration;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.directory.Directory;
import org.lectern.infra.batching.BatchCommit;
import org.lectern.infra.batching.KeyedBatchers;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
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

    /**
     * Contexts before persons, each in one order, so that two nodes that make the same wait for each other; persons in the
     * order of a roster's, whatever the database's collation.
     */
    private static final String MAKE = """
            with given as (
                select * from unnest(:registrations::uuid[], :deployments::text[], :kinds::text[], :ids::text[],
                        :titles::text[], :contexts::uuid[], :issuers::text[], :subjects::text[], :users::uuid[],
                        :new_contexts::uuid[], :new_users::uuid[]) with ordinality
                    as given (registration_id, deployment_id, kind, lti_id, title, context_id, issuer, subject, user_id,
                        new_context, new_user, place)
            ), context as (
                insert into lti_context (registration_id, deployment_id, kind, lti_id, context_id, title, created_at)
                select distinct on (registration_id, deployment_id, kind, lti_id)
                       registration_id, deployment_id, kind, lti_id, new_context, title, :now
                from given where context_id is null
                order by registration_id, deployment_id, kind, lti_id, title is null, place desc
                on conflict (registration_id, deployment_id, kind, lti_id)
                do update set title = coalesce(excluded.title, lti_context.title)
                returning registration_id, deployment_id, kind, lti_id, context_id
            ), person as (
                insert into lti_person (issuer, subject, user_id, created_at)
                select distinct on (issuer collate "C", subject collate "C") issuer, subject, new_user, :now
                from given where user_id is null and (select count(*) from context) >= 0
                order by issuer collate "C", subject collate "C"
                on conflict (issuer, subject) do update set subject = excluded.subject
                returning issuer, subject, user_id
            )
            select coalesce(g.context_id, c.context_id) as context_id, coalesce(g.user_id, p.user_id) as user_id
            from given g
            left join context c using (registration_id, deployment_id, kind, lti_id)
            left join person p using (issuer, subject)
            order by g.place""";

    private static final int QUEUE_LIMIT = 4000;
    private static final int BATCH_LIMIT = 250;
    private static final int REGISTRATIONS_KEPT = 1000;

    private final Directory directory;
    private final IdGenerator ids;
    private final Clock clock;
    private final SmartBatcher<Question, Found> questions;
    private final KeyedBatchers<UUID, Newcomer, Found> newcomers;

    Participants(Directory directory, IdGenerator ids, Clock clock, MeterRegistry meters) {
        this.directory = directory;
        this.ids = ids;
        this.clock = clock;
        // What a class that comes at once asks while one question is under way goes with the next one.
        this.questions = new SmartBatcher<>(
                QUEUE_LIMIT,
                BATCH_LIMIT,
                all -> BatchCommit.of(directory
                        .read(Freshness.PRIMARY, sql -> known(sql, all))
                        .collectList()),
                DataIntegrityViolationException.class::isInstance);
        // Whoever holds a row of one platform's, as for its LTI 1.1 accounts, holds up nobody of another.
        this.newcomers = new KeyedBatchers<>(
                REGISTRATIONS_KEPT,
                registration -> new SmartBatcher<>(
                        QUEUE_LIMIT,
                        BATCH_LIMIT,
                        all -> BatchCommit.of(
                                directory.write(sql -> make(sql, all).collectList())),
                        DataIntegrityViolationException.class::isInstance));
        meters.gauge("lectern.lti.waiting", Tags.of("step", "participant"), questions, SmartBatcher::waiting);
        meters.gauge("lectern.lti.waiting", Tags.of("step", "newcomer"), newcomers, KeyedBatchers::waiting);
    }

    /**
     * The ids of a launch and the state of its deployment; nothing is made for a deployment that is not active.
     *
     * @param legacy what person and context were called in LTI 1.1, where the launch vouches for it: whoever is new here
     *     takes over what is known under the old id, and old ids that are new are noted
     */
    Mono<Found> of(Registration registration, LaunchMessage message, @Nullable LegacyIds legacy) {
        return Mono.fromFuture(() -> questions.submit(new Question(registration, message)))
                .flatMap(found -> {
                    if (found.deployment() != DeploymentState.ACTIVE || (found.complete() && legacy == null)) {
                        return Mono.just(found);
                    }
                    return legacy == null
                            ? newcomers.submit(
                                    registration.id(), new Newcomer(new Question(registration, message), found))
                            : directory.write(sql -> makeOf(sql, registration, message, found, legacy));
                });
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
        return known(sql, List.of(new Question(registration, message))).single();
    }

    private Flux<Found> known(DatabaseClient sql, List<Question> questions) {
        return Batch.of(questions)
                .column(
                        "registrations",
                        UUID.class,
                        question -> question.registration().id())
                .column(
                        "deployments",
                        String.class,
                        question -> question.message().deploymentId())
                .column("kinds", String.class, question -> contextKind(question.message()))
                .column("ids", String.class, question -> contextKey(question.message()))
                .column("titles", String.class, question -> question.message().contextTitle())
                .column(
                        "issuers",
                        String.class,
                        question -> question.registration().issuer())
                .column("subjects", String.class, question -> question.message().subject())
                .bindTo(sql.sql("""
                        select (select state from lti_deployment
                                where registration_id = g.registration and deployment_id = g.deployment) as deployment,
                               (select context_id from lti_context
                                where registration_id = g.registration and deployment_id = g.deployment
                                  and kind = g.kind and lti_id = g.lti_id
                                  and title is not distinct from coalesce(g.title, title)) as context_id,
                               (select user_id from lti_person
                                where issuer = g.issuer and subject = g.subject) as user_id,
                               g.subject is null as anonymous
                        from unnest(:registrations::uuid[], :deployments::text[], :kinds::text[], :ids::text[],
                                :titles::text[], :issuers::text[], :subjects::text[]) with ordinality
                            as g (registration, deployment, kind, lti_id, title, issuer, subject, place)
                        order by g.place"""))
                .map(row -> {
                    String state = row.get("deployment", String.class);
                    boolean anonymous = Boolean.TRUE.equals(row.get("anonymous", Boolean.class));
                    return new Found(
                            state == null ? null : DeploymentState.of(state),
                            row.get("context_id", UUID.class),
                            // An anonymous launch is a person of its own: nothing connects it with another one.
                            anonymous ? ids.generateId() : row.get("user_id", UUID.class));
                })
                .all();
    }

    private Mono<Found> make(DatabaseClient sql, Registration registration, LaunchMessage message, Found found) {
        return make(sql, List.of(new Newcomer(new Question(registration, message), found)))
                .single();
    }

    /** What is there already stays; a context that has another title now gets it. */
    private Flux<Found> make(DatabaseClient sql, List<Newcomer> newcomers) {
        return Batch.of(newcomers)
                .column(
                        "registrations",
                        UUID.class,
                        newcomer -> newcomer.question().registration().id())
                .column(
                        "deployments",
                        String.class,
                        newcomer -> newcomer.message().deploymentId())
                .column("kinds", String.class, newcomer -> contextKind(newcomer.message()))
                .column("ids", String.class, newcomer -> contextKey(newcomer.message()))
                .column("titles", String.class, newcomer -> newcomer.message().contextTitle())
                .column("contexts", UUID.class, newcomer -> newcomer.found().contextId())
                .column(
                        "issuers",
                        String.class,
                        newcomer -> newcomer.question().registration().issuer())
                .column("subjects", String.class, newcomer -> newcomer.message().subject())
                .column("users", UUID.class, newcomer -> newcomer.found().userId())
                .column("new_contexts", UUID.class, newcomer -> ids.generateId())
                .column("new_users", UUID.class, newcomer -> ids.generateId())
                .bindTo(sql.sql(MAKE))
                .bind("now", clock.instant())
                .map(row -> new Found(
                        DeploymentState.ACTIVE, row.get("context_id", UUID.class), row.get("user_id", UUID.class)))
                .all();
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

    /** Whom and what a launch names. */
    private record Question(Registration registration, LaunchMessage message) {}

    /** Who or what of a launch is not known yet, with what is. */
    private record Newcomer(Question question, Found found) {

        LaunchMessage message() {
            return question.message();
        }
    }
}
