package org.lectern.app.lti.keys;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.app.lti.OperatedNode;
import org.lectern.app.lti.platform.Audit;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.Operator;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.JsonNode;

/** Rotation with overlap, by two nodes on one database whose clock a test turns. */
class ToolKeysIT extends OperatedNode {

    private static final Duration OVERLAP = Duration.ofHours(24);
    private static final Duration LIFETIME = Duration.ofDays(90);
    private static final Operator OPERATOR = new Operator("user:test");

    @Autowired
    private Directory directory;

    @Autowired
    private Audit audit;

    @Autowired
    private KeySeal seal;

    @Autowired
    private KeySetController published;

    @Autowired
    private IdGenerator ids;

    private final TurnedClock clock = new TurnedClock();
    private List<ToolKeys> nodes = List.of();

    @BeforeEach
    void twoNodes() {
        var properties = new KeyProperties(null, null, LIFETIME, OVERLAP);
        nodes = IntStream.range(0, 2)
                .mapToObj(unused -> new ToolKeys(directory, audit, seal, properties, ids, new SecureRandom(), clock))
                .toList();
        turnBack();
        look();
    }

    /** Makes the table what it was for the node that runs: no key from the future. */
    @AfterEach
    void turnBack() {
        directory
                .write(sql -> sql.sql("delete from lti_tool_key where signs_from > :now")
                        .bind("now", Instant.now())
                        .fetch()
                        .rowsUpdated()
                        .then(sql.sql("""
                                        update lti_tool_key set published_until = null
                                        where signs_from = (select max(signs_from) from lti_tool_key)""").fetch().rowsUpdated()))
                .block(Duration.ofSeconds(10));
    }

    @Test
    void theNextKeyIsPublishedBeforeItSignsAndTheOldOneAfterItStopped() throws Exception {
        String old = signer(nodes.getFirst());
        assertThat(rotate(nodes.getFirst())).isTrue();
        look();
        List<String> both = kids(nodes.getLast());
        assertThat(both).hasSizeGreaterThanOrEqualTo(2).contains(old);
        assertThat(signer(nodes.getFirst()))
                .as("not before everybody could see it")
                .isEqualTo(old);

        clock.turn(OVERLAP.plusMinutes(1));
        look();
        String next = signer(nodes.getFirst());
        assertThat(next).isNotEqualTo(old);
        assertThat(signer(nodes.getLast())).isEqualTo(next);
        assertThat(kids(nodes.getFirst())).contains(old, next);

        // The last token of the old key was signed a minute ago; none of ours lives longer than an hour.
        clock.turn(OVERLAP.minusMinutes(2));
        look();
        assertThat(kids(nodes.getLast())).contains(old);
        clock.turn(Duration.ofMinutes(2));
        look();
        assertThat(kids(nodes.getLast())).containsExactly(next);
    }

    @Test
    void ofManyRotationsAtOnceOnTwoNodesOneHappens() {
        List<Boolean> done = Objects.requireNonNull(Flux.range(0, 10)
                .flatMap(
                        i -> nodes.get(i % 2)
                                .rotate(OPERATOR)
                                .thenReturn(true)
                                .onErrorResume(
                                        ProblemException.class,
                                        problem -> problem.type() == ProblemType.CONFLICT
                                                ? Mono.just(false)
                                                : Mono.error(problem)),
                        10)
                .collectList()
                .block(Duration.ofSeconds(60)));
        assertThat(done).hasSize(10).containsOnlyOnce(true);
    }

    @Test
    void aKeyThatIsOldIsReplacedByOneNodeAndOnlyOnce() {
        long before = rows();
        clock.turn(LIFETIME.plusDays(1));
        Flux.range(0, 8).flatMap(i -> nodes.get(i % 2).makeWhereDue(), 8).then().block(Duration.ofSeconds(60));
        assertThat(rows()).isEqualTo(before + 1);
    }

    @Test
    void theKeySetIsCachedForLessThanTheOverlap() {
        for (Duration overlap : List.of(Duration.ofMinutes(5), Duration.ofMinutes(15), OVERLAP)) {
            Duration cached = new KeyProperties(null, null, LIFETIME, overlap).cached();
            assertThat(cached.plusMinutes(1)).as("with a node's minute").isLessThan(overlap);
        }
        assertThat(published.keySet().getHeaders().getCacheControl()).isEqualTo("max-age=600, public");
    }

    @Test
    void anOperatorRotatesByTheApiOnceUntilTheNextKeySigns() {
        call("POST", "/api/ops/lti/keys/rotate", token(false), null).problem(403, "forbidden");
        JsonNode rotated =
                call("POST", "/api/ops/lti/keys/rotate", token(true), null).json(200);
        assertThat(rotated.path("items")
                        .valueStream()
                        .map(key -> key.path("state").asString()))
                .contains("next", "signing");
        assertThat(rotated.toString()).doesNotContain("\"d\"");
        call("POST", "/api/ops/lti/keys/rotate", token(true), null).problem(409, "conflict");
        assertThat(call("GET", "/.well-known/jwks.json", null, null)
                        .json(200)
                        .path("keys")
                        .valueStream()
                        .map(key -> key.path("kid").asString()))
                .contains(rotated.path("items").path(0).path("kid").asString());
        assertThat(call("GET", "/api/ops/lti/audit?limit=1", token(true), null)
                        .json(200)
                        .path("items")
                        .path(0)
                        .path("action")
                        .asString())
                .isEqualTo("keys-rotated");
    }

    private void look() {
        nodes.forEach(node -> node.look().block(Duration.ofSeconds(10)));
    }

    private static boolean rotate(ToolKeys node) {
        node.rotate(OPERATOR).block(Duration.ofSeconds(60));
        return true;
    }

    private static List<String> kids(ToolKeys node) {
        return node.published().getKeys().stream().map(key -> key.getKeyID()).toList();
    }

    /** The id of the key that signs, whose signature the published set verifies. */
    private static String signer(ToolKeys node) throws Exception {
        SignedJWT token = SignedJWT.parse(
                node.sign(new JWTClaimsSet.Builder().subject("test").build()));
        String kid = token.getHeader().getKeyID();
        var key = Objects.requireNonNull(node.published().getKeyByKeyId(kid));
        assertThat(token.verify(new RSASSAVerifier(key.toRSAKey()))).isTrue();
        return kid;
    }

    private long rows() {
        return Objects.requireNonNull(directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select count(*) as keys from lti_tool_key")
                                .map(row -> Objects.requireNonNull(row.get("keys", Long.class)))
                                .one())
                .next()
                .block(Duration.ofSeconds(10)));
    }

    /** Real time and as much more as a test says. */
    private static final class TurnedClock extends Clock {

        private Duration ahead = Duration.ZERO;

        void turn(Duration more) {
            ahead = ahead.plus(more);
        }

        @Override
        public Instant instant() {
            return Instant.now().plus(ahead);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}
