package org.lectern.app.lti.launch;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.session.Expiring;
import org.lectern.app.session.Secrets;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.directory.Directory;
import org.lectern.infra.batching.BatchCommit;
import org.lectern.infra.batching.KeyedBatchers;
import org.lectern.infra.batching.SmartBatcher;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Logins under way, in the directory database: state and nonce live in one row that is taken by one {@code DELETE ...
 * RETURNING}, so of any number of answers, on any number of nodes, one gets it. Redis has no part in it. What a class that
 * comes at once asks while one statement is under way goes with the next one.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Logins implements Expiring {

    private static final String BEGIN = """
            insert into lti_login (state_digest, nonce_digest, browser_digest, registration_id, target_link_uri,
                deployment_id, storage_target, login_hint, message_hint, created_at, expires_at)
            select decode(g.state, 'hex'), decode(g.nonce, 'hex'), decode(g.browser, 'hex'), r.id, g.target,
                g.deployment, g.storage, g.hint, g.message, :now, :ends
            from unnest(:states::text[], :nonces::text[], :browsers::text[], :registrations::uuid[], :targets::text[],
                    :deployments::text[], :storages::text[], :hints::text[], :messages::text[])
                as g (state, nonce, browser, registration, target, deployment, storage, hint, message)
            join lti_registration r on r.id = g.registration
            returning state_digest""";

    /** In one order on all nodes, so that replays of several states at once wait for each other instead of deadlocking. */
    private static final String TAKE = """
            with due as (
                select state_digest from lti_login
                where state_digest in (select decode(state, 'hex') from unnest(:states::text[]) as state)
                order by state_digest
                for update
            )
            delete from lti_login l using due, lti_registration r
            where l.state_digest = due.state_digest and r.id = l.registration_id
            returning l.state_digest, l.nonce_digest, l.browser_digest, l.target_link_uri, l.deployment_id,
                l.login_hint, l.message_hint, l.expires_at,\s""" + Registrations.COLUMNS;

    /** How many may wait, and go together, at each of the two steps. */
    private static final int QUEUE_LIMIT = 4000;

    private static final int BATCH_LIMIT = 250;
    private static final int REGISTRATIONS_KEPT = 1000;

    private final Directory directory;
    private final Secrets secrets;
    private final LtiProperties properties;
    private final Clock clock;
    private final KeyedBatchers<UUID, Beginning, Boolean> beginnings;
    private final SmartBatcher<String, Answer> answers;

    Logins(Directory directory, Secrets secrets, LtiProperties properties, Clock clock, MeterRegistry meters) {
        this.directory = directory;
        this.secrets = secrets;
        this.properties = properties;
        this.clock = clock;
        // Whoever removes a registration holds up its own logins, not those of others.
        this.beginnings = new KeyedBatchers<>(
                REGISTRATIONS_KEPT,
                registration -> new SmartBatcher<>(
                        QUEUE_LIMIT,
                        BATCH_LIMIT,
                        logins -> BatchCommit.of(beginAll(logins)),
                        DataIntegrityViolationException.class::isInstance));
        this.answers = new SmartBatcher<>(
                QUEUE_LIMIT, BATCH_LIMIT, states -> BatchCommit.of(takeAll(states)), unused -> false);
        meters.gauge("lectern.lti.waiting", Tags.of("step", "login"), beginnings, KeyedBatchers::waiting);
        meters.gauge("lectern.lti.waiting", Tags.of("step", "answer"), answers, SmartBatcher::waiting);
    }

    /** Begins a login; {@link LaunchRejectedException} where the registration is gone. */
    Mono<Begun> begin(
            Registration registration,
            String targetLinkUri,
            @Nullable String deploymentId,
            @Nullable String storageTarget,
            String loginHint,
            @Nullable String messageHint) {
        return Mono.defer(() -> {
            var begun = new Begun(secrets.fresh(), secrets.fresh(), secrets.fresh());
            var beginning = new Beginning(
                    begun, registration.id(), targetLinkUri, deploymentId, storageTarget, loginHint, messageHint);
            return beginnings
                    .submit(registration.id(), beginning)
                    .onErrorReturn(DataIntegrityViolationException.class, false)
                    // What is remembered of a registration may be of one that an operator removed meanwhile.
                    .flatMap(known -> known
                            ? Mono.just(begun)
                            : Mono.error(new LaunchRejectedException(
                                    LaunchRule.LOGIN_REGISTRATION, "the registration was removed", null)));
        });
    }

    private Mono<List<Boolean>> beginAll(List<Beginning> logins) {
        Instant now = clock.instant();
        return directory
                .writeOne(sql -> Batch.of(logins)
                        .column(
                                "states",
                                String.class,
                                login -> Secrets.hexDigest(login.secrets().state()))
                        .column(
                                "nonces",
                                String.class,
                                login -> Secrets.hexDigest(login.secrets().nonce()))
                        .column(
                                "browsers",
                                String.class,
                                login -> Secrets.hexDigest(login.secrets().browserSecret()))
                        .column("registrations", UUID.class, Beginning::registration)
                        .column("targets", String.class, Beginning::targetLinkUri)
                        .column("deployments", String.class, Beginning::deploymentId)
                        .column("storages", String.class, Beginning::storageTarget)
                        .column("hints", String.class, Beginning::loginHint)
                        .column("messages", String.class, Beginning::messageHint)
                        .bindTo(sql.sql(BEGIN))
                        .bind("now", now)
                        .bind("ends", now.plus(properties.loginLifetime()))
                        .map(row -> hex(row, "state_digest"))
                        .all()
                        .collect(Collectors.toSet()))
                .map(begun -> logins.stream()
                        .map(login ->
                                begun.contains(Secrets.hexDigest(login.secrets().state())))
                        .toList());
    }

    /** Where the platform keeps the browser's secret of a login, if it offered to; the login stays. */
    Mono<Kept> keptByPlatform(String state) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select l.storage_target, " + Registrations.COLUMNS + " from lti_login l" + """

                                join lti_registration r on r.id = l.registration_id
                                where l.state_digest = :state and l.expires_at > :now
                                  and l.storage_target is not null""")
                                .bind("state", Secrets.digest(state))
                                .bind("now", clock.instant())
                                .map(row -> new Kept(
                                        Registrations.registration(row),
                                        Objects.requireNonNull(row.get("storage_target", String.class))))
                                .one())
                .next();
    }

    /** Takes the login of a state; empty when there is none, it was taken before, or it is too old. */
    Mono<Login> take(String state) {
        return Mono.fromFuture(() -> answers.submit(Secrets.hexDigest(state)))
                .flatMap(Answer::login)
                .filter(login -> login.expiresAt().isAfter(clock.instant()));
    }

    /** Of several answers with one state, the first has it. */
    private Mono<List<Answer>> takeAll(List<String> states) {
        return directory
                .writeOne(sql -> sql.sql(TAKE)
                        .bind("states", states.toArray(String[]::new))
                        .map(row -> Map.entry(hex(row, "state_digest"), answer(row)))
                        .all()
                        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)))
                .map(taken -> states.stream()
                        .map(state -> Objects.requireNonNullElse(taken.remove(state), Answer.NONE))
                        .toList());
    }

    @Override
    public String expiring() {
        return "logins";
    }

    @Override
    public Mono<Long> removeExpired() {
        // In no order that an answer could wait for in a circle.
        return directory.write(
                sql -> sql.sql("""
                        delete from lti_login where state_digest in (
                            select state_digest from lti_login where expires_at < :now for update skip locked)""").bind("now", clock.instant()).fetch().rowsUpdated());
    }

    /** What cannot be read, such as a registration in a form of a newer node, fails its own launch only. */
    private static Answer answer(Readable row) {
        try {
            return new Answer(Mono.just(login(row)));
        } catch (RuntimeException unreadable) {
            return new Answer(Mono.error(unreadable));
        }
    }

    private static Login login(Readable row) {
        return new Login(
                Registrations.registration(row),
                hex(row, "nonce_digest"),
                hex(row, "browser_digest"),
                Objects.requireNonNull(row.get("target_link_uri", String.class)),
                row.get("deployment_id", String.class),
                row.get("login_hint", String.class),
                row.get("message_hint", String.class),
                Objects.requireNonNull(row.get("expires_at", Instant.class)));
    }

    private static String hex(Readable row, String column) {
        return HexFormat.of().formatHex(Objects.requireNonNull(row.get(column, byte[].class)));
    }

    /**
     * A login whose secret the platform keeps.
     *
     * @param registration the platform
     * @param storageTarget the name of the frame that keeps it
     */
    record Kept(Registration registration, String storageTarget) {}

    /**
     * The secrets of a login that was begun.
     *
     * @param state goes to the platform and comes back beside the token
     * @param nonce goes to the platform and comes back inside the token
     * @param browserSecret stays in the browser
     */
    record Begun(String state, String nonce, String browserSecret) {

        /** Leaves the secrets out. */
        @Override
        public String toString() {
            return "Begun[]";
        }
    }

    /** A login as it is written. */
    private record Beginning(
            Begun secrets,
            UUID registration,
            String targetLinkUri,
            @Nullable String deploymentId,
            @Nullable String storageTarget,
            String loginHint,
            @Nullable String messageHint) {}

    /** What became of a state; empty where there is no login. */
    private record Answer(Mono<Login> login) {

        static final Answer NONE = new Answer(Mono.empty());
    }
}
