package org.lectern.app.lti.migration;

import io.micrometer.core.instrument.MeterRegistry;
import java.math.BigDecimal;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.keys.KeySeal;
import org.lectern.app.lti.platform.Audit;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.RegistrationDesk;
import org.lectern.db.Freshness;
import org.lectern.db.batch.Batch;
import org.lectern.db.directory.Directory;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/**
 * The consumer keys of LTI 1.1 that a platform's launches may vouch for, and what is known of their accounts.
 *
 * <p>The claim counts only with a right signature: without one, anybody who may launch from a platform could take over
 * accounts of a key that belongs to somebody else. A claim of no use is refused, counted and logged; the launch itself goes
 * on, as somebody new. Secrets are sealed in the directory. Thread-safe, non-blocking.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class LegacyAccounts {

    private static final Logger log = LoggerFactory.getLogger(LegacyAccounts.class);
    private static final String CLAIM = "https://purl.imsglobal.org/spec/lti/claim/lti1p1";
    private static final String DEPLOYMENT = "https://purl.imsglobal.org/spec/lti/claim/deployment_id";
    private static final String CONTEXT = "https://purl.imsglobal.org/spec/lti/claim/context";
    private static final int LIMIT = 255;

    private final Directory directory;
    private final RegistrationDesk desk;
    private final Audit audit;
    private final KeySeal seal;
    private final MeterRegistry meters;
    private final Clock clock;

    LegacyAccounts(
            Directory directory, RegistrationDesk desk, Audit audit, KeySeal seal, MeterRegistry meters, Clock clock) {
        this.directory = directory;
        this.desk = desk;
        this.audit = audit;
        this.seal = seal;
        this.meters = meters;
        this.clock = clock;
    }

    /**
     * The old ids that a launch names and its signature vouches for; empty when it names none or they count for nothing.
     *
     * @param registration the launch's registration
     * @param claims the launch's claims, all rules kept
     */
    public Mono<LegacyIds> vouchedFor(Registration registration, Map<String, ?> claims) {
        if (!(claims.get(CLAIM) instanceof Map<?, ?> legacy)) {
            return Mono.empty();
        }
        String key = text(legacy.get("oauth_consumer_key"));
        if (key == null) {
            return Mono.empty();
        }
        String signature = text(legacy.get("oauth_consumer_key_sign"));
        if (signature == null) {
            return refused(registration, key, Outcome.UNSIGNED);
        }
        return secret(registration, key)
                .map(secret -> signed(key, registration, claims).isBy(secret, signature)
                        ? Outcome.VERIFIED
                        : Outcome.WRONG_SIGNATURE)
                .defaultIfEmpty(Outcome.UNKNOWN_KEY)
                .flatMap(outcome -> outcome == Outcome.VERIFIED
                        ? Mono.just(ids(key, legacy, claims)).doOnNext(found -> count(outcome))
                        : refused(registration, key, outcome));
    }

    /** Keeps the secret of a consumer key for a registration, or replaces it. */
    Mono<Void> keep(UUID registration, String consumerKey, String secret, Operator by) {
        return desk.find(registration)
                .flatMap(known -> directory.write(sql -> sql.sql("""
                                insert into lti_legacy_key (registration_id, consumer_key, secret_sealed, created_at)
                                values (:registration, :key, :sealed, :now)
                                on conflict (registration_id, consumer_key)
                                do update set secret_sealed = excluded.secret_sealed""")
                        .bind("registration", registration)
                        .bind("key", consumerKey)
                        .bind("sealed", seal.seal(name(registration, consumerKey), secret))
                        .bind("now", clock.instant())
                        .fetch()
                        .rowsUpdated()
                        .then(audit.note(sql, by, "legacy-key-kept", registration, consumerKey))))
                .then();
    }

    /** Forgets the secret of a consumer key: from now on its claims count for nothing. */
    Mono<Void> forget(UUID registration, String consumerKey, Operator by) {
        return directory
                .write(sql -> sql.sql(
                                "delete from lti_legacy_key where registration_id = :registration and consumer_key = :key")
                        .bind("registration", registration)
                        .bind("key", consumerKey)
                        .fetch()
                        .rowsUpdated()
                        .filter(removed -> removed > 0)
                        .switchIfEmpty(Mono.error(() -> new ProblemException(
                                ProblemType.NOT_FOUND, "This registration has no such consumer key")))
                        .then(audit.note(sql, by, "legacy-key-forgotten", registration, consumerKey)))
                .then();
    }

    /** Notes which of Lectern's ids stand for old ones; an old id that is known stays. Answers how many are new. */
    Mono<Long> bring(UUID registration, String consumerKey, List<Account> accounts, Operator by) {
        return desk.find(registration)
                .flatMap(known -> directory.write(sql -> Batch.inParts(
                                accounts,
                                Batch.MAX_ROWS,
                                part -> part.column("kinds", String.class, Account::kind)
                                        .column("legacy", String.class, Account::legacyId)
                                        .column("lectern", UUID.class, Account::lecternId)
                                        .bindTo(sql.sql("""
                                                        insert into lti_legacy_id (issuer, consumer_key, kind, legacy_id,
                                                            lectern_id, noted_at)
                                                        select :issuer, :key, kind, legacy_id, lectern_id, :now
                                                        from unnest(:kinds::text[], :legacy::text[], :lectern::uuid[])
                                                            as brought (kind, legacy_id, lectern_id)
                                                        on conflict do nothing""")
                                                .bind(
                                                        "issuer",
                                                        known.registration().issuer())
                                                .bind("key", consumerKey)
                                                .bind("now", clock.instant()))
                                        .fetch()
                                        .rowsUpdated())
                        .flatMap(brought -> audit.note(
                                        sql,
                                        by,
                                        "legacy-ids-brought",
                                        registration,
                                        consumerKey + ", " + brought + " new")
                                .thenReturn(brought))));
    }

    /** The old ids of a registration's issuer, by key, kind and old id. */
    Mono<List<Account>> list(UUID registration, String consumerKey, @Nullable String after, int limit) {
        return desk.find(registration)
                .flatMapMany(known -> directory.read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select kind, legacy_id, lectern_id from lti_legacy_id
                                        where issuer = :issuer and consumer_key = :key
                                          and (kind, legacy_id) > (:kind, :after)
                                        order by kind, legacy_id limit :limit""")
                                .bind("issuer", known.registration().issuer())
                                .bind("key", consumerKey)
                                .bind("kind", after == null ? "" : after.substring(0, Math.max(0, after.indexOf(':'))))
                                .bind("after", after == null ? "" : after.substring(after.indexOf(':') + 1))
                                .bind("limit", limit)
                                .map(row -> new Account(
                                        Objects.requireNonNull(row.get("kind", String.class)),
                                        Objects.requireNonNull(row.get("legacy_id", String.class)),
                                        Objects.requireNonNull(row.get("lectern_id", UUID.class))))
                                .all()))
                .collectList();
    }

    private Mono<String> secret(Registration registration, String key) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select secret_sealed from lti_legacy_key
                                        where registration_id = :registration and consumer_key = :key""")
                                .bind("registration", registration.id())
                                .bind("key", key)
                                .map(row -> Objects.requireNonNull(row.get("secret_sealed", byte[].class)))
                                .one())
                .next()
                .map(stored -> seal.open(name(registration.id(), key), stored));
    }

    private static LegacySignature signed(String key, Registration registration, Map<String, ?> claims) {
        return new LegacySignature(
                key,
                String.valueOf(claims.get(DEPLOYMENT)),
                registration.issuer(),
                registration.clientId(),
                claims.get("exp") instanceof Number exp ? new BigDecimal(exp.toString()).toPlainString() : "",
                String.valueOf(claims.get("nonce")));
    }

    /** Ids that did not change may be left out of the claim. */
    private static LegacyIds ids(String key, Map<?, ?> legacy, Map<String, ?> claims) {
        String user = text(legacy.get("user_id"));
        String context = text(legacy.get("context_id"));
        return new LegacyIds(
                key,
                user == null ? text(claims.get("sub")) : user,
                context == null && claims.get(CONTEXT) instanceof Map<?, ?> now ? text(now.get("id")) : context);
    }

    private Mono<LegacyIds> refused(Registration registration, String key, Outcome outcome) {
        count(outcome);
        return Mono.deferContextual(context -> {
            TraceScope.run(
                    context,
                    () -> log.atWarn()
                            .addKeyValue("issuer", registration.issuer())
                            .addKeyValue("client_id", registration.clientId())
                            .log(
                                    "the LTI 1.1 account of a launch was not taken over: {} (consumer key of {} characters, platform {}, client {})",
                                    outcome.key(),
                                    key.length(),
                                    registration.issuer(),
                                    registration.clientId()));
            return Mono.empty();
        });
    }

    private void count(Outcome outcome) {
        meters.counter("lectern.lti.migrations", "outcome", outcome.key()).increment();
    }

    private static String name(UUID registration, String consumerKey) {
        return "legacy " + registration + " " + consumerKey;
    }

    private static @Nullable String text(@Nullable Object value) {
        return value instanceof String text && !text.isBlank() && text.length() <= LIMIT && text.indexOf('\0') < 0
                ? text
                : null;
    }

    /** What became of a claim. */
    private enum Outcome {
        VERIFIED,
        UNSIGNED,
        UNKNOWN_KEY,
        WRONG_SIGNATURE;

        String key() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /**
     * An old id and what Lectern calls it.
     *
     * @param kind user or context
     * @param legacyId the old id
     * @param lecternId Lectern's id
     */
    record Account(String kind, String legacyId, UUID lecternId) {}
}
