package org.lectern.app.lti.launch;

import io.r2dbc.spi.Readable;
import java.time.Clock;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.session.Expiring;
import org.lectern.app.session.Secrets;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * Logins under way, in the directory database: state and nonce live in one row that is taken by one {@code DELETE ...
 * RETURNING}, so of any number of answers, on any number of nodes, one gets it. Redis has no part in it.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Logins implements Expiring {

    private final Directory directory;
    private final Secrets secrets;
    private final LtiProperties properties;
    private final Clock clock;

    Logins(Directory directory, Secrets secrets, LtiProperties properties, Clock clock) {
        this.directory = directory;
        this.secrets = secrets;
        this.properties = properties;
        this.clock = clock;
    }

    /** Begins a login; {@link LaunchRejectedException} where the registration is gone. */
    Mono<Begun> begin(
            Registration registration,
            String targetLinkUri,
            @Nullable String deploymentId,
            @Nullable String storageTarget,
            String loginHint,
            @Nullable String messageHint) {
        var begun = new Begun(secrets.fresh(), secrets.fresh(), secrets.fresh());
        Instant now = clock.instant();
        return directory
                .writeOne(sql -> {
                    GenericExecuteSpec statement = sql.sql("""
                                    insert into lti_login (state_digest, nonce_digest, browser_digest, registration_id,
                                        target_link_uri, deployment_id, storage_target, login_hint, message_hint,
                                        created_at, expires_at)
                                    values (:state, :nonce, :browser, :registration, :target, :deployment, :storage,
                                        :hint, :message, :now, :ends)""")
                            .bind("state", Secrets.digest(begun.state()))
                            .bind("nonce", Secrets.digest(begun.nonce()))
                            .bind("browser", Secrets.digest(begun.browserSecret()))
                            .bind("registration", registration.id())
                            .bind("target", targetLinkUri)
                            .bind("hint", loginHint)
                            .bind("now", now)
                            .bind("ends", now.plus(properties.loginLifetime()));
                    statement = bindNullable(statement, "deployment", deploymentId);
                    statement = bindNullable(statement, "storage", storageTarget);
                    statement = bindNullable(statement, "message", messageHint);
                    return statement.fetch().rowsUpdated();
                })
                // What is remembered of a registration may be of one that an operator removed meanwhile.
                .onErrorMap(
                        DataIntegrityViolationException.class,
                        unused -> new LaunchRejectedException(
                                LaunchRule.LOGIN_REGISTRATION, "the registration was removed", null))
                .thenReturn(begun);
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
        return directory
                .writeOne(sql -> sql.sql("""
                                delete from lti_login l using lti_registration r
                                where l.state_digest = :state and r.id = l.registration_id
                                returning l.nonce_digest, l.browser_digest, l.target_link_uri, l.deployment_id,
                                    l.login_hint, l.message_hint, l.expires_at,\s""" + Registrations.COLUMNS)
                        .bind("state", Secrets.digest(state))
                        .map(row -> login(row))
                        .one())
                .filter(login -> login.expiresAt().isAfter(clock.instant()));
    }

    @Override
    public String expiring() {
        return "logins";
    }

    @Override
    public Mono<Long> removeExpired() {
        return directory.write(sql -> sql.sql("delete from lti_login where expires_at < :now")
                .bind("now", clock.instant())
                .fetch()
                .rowsUpdated());
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

    private static GenericExecuteSpec bindNullable(GenericExecuteSpec statement, String name, @Nullable String value) {
        return value == null ? statement.bindNull(name, String.class) : statement.bind(name, value);
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
}
