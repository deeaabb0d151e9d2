package org.lectern.app.lti.keys;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.security.SecureRandom;
import java.text.ParseException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.platform.Audit;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.Operator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The tool's RSA keys, shared by all nodes through the directory.
 *
 * <p>A rotation adds a key that is published now and signs only after the overlap, when every platform has had time to
 * see it; the one before stays published as long again after it stopped. Nodes look at the table every minute, and make
 * the first key, or the next when the last is old, under an advisory lock. Thread-safe; signing and publishing use what
 * was read last and never wait.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class ToolKeys implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(ToolKeys.class);
    private static final Duration LOOK_EVERY = Duration.ofMinutes(1);
    /** Any number, but the same on all nodes: the lock under which keys are made. */
    private static final long LOCK = 0x6c74_696b_6579L;

    private final Directory directory;
    private final Audit audit;
    private final KeySeal seal;
    private final KeyProperties properties;
    private final IdGenerator ids;
    private final SecureRandom random;
    private final Clock clock;
    private volatile List<ToolKey> keys = List.of();
    private volatile @Nullable Disposable looking;

    ToolKeys(
            Directory directory,
            Audit audit,
            KeySeal seal,
            KeyProperties properties,
            IdGenerator ids,
            SecureRandom random,
            Clock clock) {
        this.directory = directory;
        this.audit = audit;
        this.seal = seal;
        this.properties = properties;
        this.ids = ids;
        this.random = random;
        this.clock = clock;
    }

    /** The public keys that platforms may meet: those that sign, will sign soon or signed lately. */
    public JWKSet published() {
        Instant now = clock.instant();
        return new JWKSet(keys.stream()
                .filter(key -> key.published(now))
                .<JWK>map(key -> key.pair().toPublicJWK())
                .toList());
    }

    /**
     * Signs claims with the current key.
     *
     * @param claims what to sign
     * @return the compact form
     */
    public String sign(JWTClaimsSet claims) {
        RSAKey current = signing().pair();
        var token = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.RS256)
                        .keyID(current.getKeyID())
                        .type(JOSEObjectType.JWT)
                        .build(),
                claims);
        try {
            token.sign(new RSASSASigner(current));
        } catch (JOSEException e) {
            throw new IllegalStateException("signing failed", e);
        }
        return token.serialize();
    }

    /** The published keys, the newest first. */
    List<KeyState> states() {
        Instant now = clock.instant();
        String signs = signing().pair().getKeyID();
        return keys.reversed().stream()
                .filter(key -> key.published(now))
                .map(key -> new KeyState(
                        key.pair().getKeyID(),
                        key.pair().getKeyID().equals(signs)
                                ? "signing"
                                : key.signsFrom().isAfter(now) ? "next" : "retiring",
                        key.signsFrom(),
                        key.publishedUntil()))
                .toList();
    }

    /**
     * Adds the next key; it signs after the overlap, and the one before leaves after as long again. Errors with
     * {@link ProblemType#CONFLICT} while the next key does not sign yet: of several calls at once, on any nodes, one
     * rotates.
     */
    Mono<Void> rotate(Operator by) {
        Instant now = clock.instant();
        return generated(now)
                .flatMap(pair -> directory.write(sql -> locked(sql)
                        .flatMap(newest -> newest.isAfter(now)
                                ? Mono.<Long>error(new ProblemException(
                                        ProblemType.CONFLICT,
                                        "The next key is published already and signs from " + newest))
                                : insert(sql, pair, newest.equals(Instant.MIN), now)
                                        .then(audit.note(sql, by, "keys-rotated", null, pair.getKeyID())))))
                .then(look());
    }

    @Override
    public void start() {
        makeWhereDue().then(look()).block(Duration.ofSeconds(60));
        looking = Flux.interval(LOOK_EVERY)
                .onBackpressureDrop()
                .concatMap(tick -> makeWhereDue().then(look()).onErrorResume(failure -> {
                    log.warn("the tool's keys could not be read now: {}", failure.toString());
                    return Mono.empty();
                }))
                .subscribe();
    }

    @Override
    public void stop() {
        Disposable current = looking;
        if (current != null) {
            current.dispose();
            looking = null;
        }
    }

    @Override
    public boolean isRunning() {
        return looking != null;
    }

    @Override
    public int getPhase() {
        return 0;
    }

    private ToolKey signing() {
        Instant now = clock.instant();
        return keys.stream()
                .filter(key -> !key.signsFrom().isAfter(now))
                .max(Comparator.comparing(ToolKey::signsFrom))
                .orElseThrow(() -> new IllegalStateException("the tool has no key yet"));
    }

    /** Reads the keys of all nodes. */
    Mono<Void> look() {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                select kid, private_sealed, signs_from, published_until from lti_tool_key
                                where published_until is null or published_until > :now
                                order by signs_from""")
                                .bind("now", clock.instant())
                                .map(row -> key(
                                        Objects.requireNonNull(row.get("kid", String.class)),
                                        Objects.requireNonNull(row.get("private_sealed", byte[].class)),
                                        Objects.requireNonNull(row.get("signs_from", Instant.class)),
                                        row.get("published_until", Instant.class)))
                                .all())
                .collectList()
                .doOnNext(found -> keys = List.copyOf(found))
                .then();
    }

    private ToolKey key(String kid, byte[] sealed, Instant signsFrom, @Nullable Instant publishedUntil) {
        try {
            return new ToolKey(RSAKey.parse(seal.open(kid, sealed)), signsFrom, publishedUntil);
        } catch (ParseException e) {
            throw new IllegalStateException("the tool's key " + kid + " is not a key", e);
        }
    }

    /** Makes a key where there is none, or where the newest is old. */
    Mono<Void> makeWhereDue() {
        Instant now = clock.instant();
        return directory
                .read(Freshness.PRIMARY, this::newest)
                .next()
                .defaultIfEmpty(Instant.MIN)
                .filter(newest -> due(newest, now))
                .flatMap(newest -> generated(now))
                .flatMap(pair -> directory.write(sql -> locked(sql)
                        .filter(newest -> due(newest, now))
                        .flatMap(newest -> insert(sql, pair, newest.equals(Instant.MIN), now))))
                .then();
    }

    /** When the newest key signs from, once no other node can make one until this transaction ends. */
    private Mono<Instant> locked(DatabaseClient sql) {
        return sql.sql("select pg_advisory_xact_lock(:lock)")
                .bind("lock", LOCK)
                .fetch()
                .rowsUpdated()
                .then(newest(sql))
                .defaultIfEmpty(Instant.MIN);
    }

    private Mono<RSAKey> generated(Instant now) {
        return Mono.fromCallable(() -> generate(now)).subscribeOn(Schedulers.boundedElastic());
    }

    private boolean due(Instant newest, Instant now) {
        return newest.equals(Instant.MIN) || newest.plus(properties.lifetime()).isBefore(now);
    }

    private Mono<Instant> newest(DatabaseClient sql) {
        return sql.sql("select max(signs_from) as newest from lti_tool_key having max(signs_from) is not null")
                .map(row -> Objects.requireNonNull(row.get("newest", Instant.class)))
                .one();
    }

    private Mono<Long> insert(DatabaseClient sql, RSAKey pair, boolean first, Instant now) {
        Instant signsFrom = first ? now : now.plus(properties.overlap());
        return sql.sql("update lti_tool_key set published_until = :until where published_until is null")
                .bind("until", signsFrom.plus(properties.overlap()))
                .fetch()
                .rowsUpdated()
                .then(sql.sql("""
                                insert into lti_tool_key (kid, public_jwk, private_sealed, created_at, signs_from)
                                values (:kid, :public, :sealed, :now, :from)""")
                        .bind("kid", pair.getKeyID())
                        .bind("public", pair.toPublicJWK().toJSONString())
                        .bind("sealed", seal.seal(pair.getKeyID(), pair.toJSONString()))
                        .bind("now", now)
                        .bind("from", signsFrom)
                        .fetch()
                        .rowsUpdated())
                .doOnSuccess(inserted -> log.info("the tool's key {} signs from {}", pair.getKeyID(), signsFrom));
    }

    private RSAKey generate(Instant now) throws JOSEException {
        return new RSAKeyGenerator(2048)
                .keyID(ids.generateId().toString())
                .keyUse(KeyUse.SIGNATURE)
                .algorithm(JWSAlgorithm.RS256)
                .issueTime(Date.from(now))
                .secureRandom(random)
                .generate();
    }

    private record ToolKey(
            RSAKey pair, Instant signsFrom, @Nullable Instant publishedUntil) {

        boolean published(Instant now) {
            return publishedUntil == null || publishedUntil.isAfter(now);
        }
    }

    /**
     * A key as operators see it.
     *
     * @param kid its id
     * @param state next (published, does not sign yet), signing or retiring (signs no more, still published)
     * @param signsFrom when it signs from
     * @param publishedUntil when it leaves the key set; null while no other has taken over
     */
    record KeyState(
            String kid,
            String state,
            Instant signsFrom,
            @Nullable Instant publishedUntil) {}
}
