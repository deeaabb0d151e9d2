package org.lectern.app.lti.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.lectern.app.lti.launch.TestPlatform.LTI;

import io.micrometer.core.instrument.MeterRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.lectern.app.lti.OperatedNode;
import org.lectern.app.lti.launch.WireLaunch;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.springframework.beans.factory.annotation.Autowired;
import tools.jackson.databind.JsonNode;

/** Accounts of LTI 1.1 over the wire: the platform signs as the migration guide says, with code of its own. */
class MigrationIT extends OperatedNode {

    private static final String SECRET = "a shared secret of 1.1";

    @Autowired
    private Directory directory;

    @Autowired
    private MeterRegistry meters;

    private final String client = "client-" + UUID.randomUUID();
    private final String key = "key-" + UUID.randomUUID();
    private String registration = "";
    private WireLaunch launches = new WireLaunch(java.net.URI.create("http://localhost"), PLATFORM, client);

    @BeforeEach
    void aRegistrationThatKnowsAKey() {
        registration = register(PLATFORM, client, Map.of());
        launches = launches(PLATFORM, client);
        call(
                "PUT",
                "/api/ops/registrations/" + registration + "/legacy-keys",
                token(true),
                Map.of("consumer_key", key, "secret", SECRET));
    }

    @Test
    void whoComesForTheFirstTimeTakesOverTheOldAccountAndCourse() {
        String user = UUID.randomUUID().toString();
        String context = UUID.randomUUID().toString();
        bring("user", "old-user", user);
        bring("context", "old-course", context);
        JsonNode session = launches.session(legacy("old-user", "old-course", SECRET));
        assertThat(session.path("user_id").asString()).isEqualTo(user);
        assertThat(session.path("context_id").asString()).isEqualTo(context);
    }

    @Test
    void anOldIdThatIsNewIsNotedAndFollowsThePersonToANewSubject() {
        JsonNode first = launches.session(legacy("old-2", "course-2", SECRET));
        JsonNode noted = call(
                        "GET",
                        "/api/ops/registrations/" + registration + "/legacy-ids?consumer_key=" + key,
                        token(true),
                        null)
                .json(200);
        assertThat(noted.path("items")
                        .valueStream()
                        .map(one -> one.path("legacy_id").asString()))
                .containsExactly("course-2", "old-2");
        assertThat(noted.path("items").path(1).path("lectern_id")).isEqualTo(first.path("user_id"));

        JsonNode shifted = launches.session(
                legacy("old-2", "course-2", SECRET).andThen(claims -> claims.put("sub", "new-" + UUID.randomUUID())));
        assertThat(shifted.path("user_id")).isEqualTo(first.path("user_id"));
        assertThat(shifted.path("context_id")).isEqualTo(first.path("context_id"));
    }

    @Test
    void withAWrongSignatureTheLaunchGoesOnAsSomebodyNew() {
        String user = UUID.randomUUID().toString();
        bring("user", "victim", user);
        for (Consumer<Map<String, Object>> bad : List.<Consumer<Map<String, Object>>>of(
                legacy("victim", "c", "another secret"),
                legacy("victim", "c", SECRET).andThen(claims -> claim(claims).remove("oauth_consumer_key_sign")),
                legacy("victim", "c", SECRET).andThen(claims -> claim(claims).put("oauth_consumer_key", "unknown")),
                legacy("victim", "c", SECRET).andThen(claims -> claim(claims).put("oauth_consumer_key", 7)),
                legacy("victim", "c", SECRET)
                        .andThen(claims -> claims.put(
                                "exp", ((Number) Objects.requireNonNull(claims.get("exp"))).longValue() + 1)),
                legacy("victim", "c", SECRET).andThen(claims -> claims.put(LTI + "lti1p1", "no object")))) {
            double refused = refused();
            JsonNode session = launches.session(bad.andThen(claims -> claims.put("sub", "s-" + UUID.randomUUID())));
            assertThat(session.path("user_id").asString()).isNotEqualTo(user);
            assertThat(refused()).isGreaterThanOrEqualTo(refused);
        }
        assertThat(refused()).isGreaterThanOrEqualTo(4);
    }

    @Test
    void theKeyOfOneRegistrationVouchesForNothingAtAnother() {
        String user = UUID.randomUUID().toString();
        bring("user", "elsewhere", user);
        String other = "client-" + UUID.randomUUID();
        register(PLATFORM, other, Map.of());
        JsonNode session = launches(PLATFORM, other).session(legacy("elsewhere", "c", SECRET));
        assertThat(session.path("user_id").asString()).isNotEqualTo(user);
    }

    @Test
    void aForgottenKeyVouchesForNothing() {
        String keys = "/api/ops/registrations/" + registration + "/legacy-keys";
        assertThat(call("DELETE", keys + "?consumer_key=" + key, token(true), null)
                        .status())
                .isEqualTo(204);
        call("DELETE", keys + "?consumer_key=" + key, token(true), null).problem(404, "not-found");
        String user = UUID.randomUUID().toString();
        bring("user", "forgotten", user);
        assertThat(launches.session(legacy("forgotten", "c", SECRET))
                        .path("user_id")
                        .asString())
                .isNotEqualTo(user);
    }

    @Test
    void theSecretIsSealedInTheTableAndNowhereElse() {
        List<String> rows = directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                        select encode(secret_sealed, 'escape') as row from lti_legacy_key
                                        union all select detail from lti_audit""")
                                .map(row -> Objects.requireNonNull(row.get("row", String.class)))
                                .all())
                .collectList()
                .block(Duration.ofSeconds(10));
        assertThat(rows).isNotEmpty().noneMatch(row -> row.contains(SECRET));
        assertThat(call("GET", "/api/ops/registrations/" + registration, token(true), null)
                        .body())
                .doesNotContain(SECRET);
    }

    @Test
    void onlyOperatorsBringAccounts() {
        String path = "/api/ops/registrations/" + registration;
        call("PUT", path + "/legacy-keys", token(false), Map.of("consumer_key", key, "secret", "x"))
                .problem(403, "forbidden");
        call("POST", path + "/legacy-ids", token(false), Map.of()).problem(403, "forbidden");
        call("GET", path + "/legacy-ids?consumer_key=" + key, token(false), null)
                .problem(403, "forbidden");
    }

    @Test
    void oldIdsArePagedByKindAndId() {
        List<String> old = List.of("context:a", "context:b:c", "user:a", "user:b");
        old.reversed()
                .forEach(one -> bring(
                        one.substring(0, one.indexOf(':')),
                        one.substring(one.indexOf(':') + 1),
                        UUID.randomUUID().toString()));
        List<String> read = new ArrayList<>();
        String from = "";
        for (int pages = 0; pages < 4; pages++) {
            JsonNode page = call(
                            "GET",
                            "/api/ops/registrations/" + registration + "/legacy-ids?limit=1&consumer_key=" + key + from,
                            token(true),
                            null)
                    .json(200);
            read.add(page.path("items").path(0).path("kind").asString() + ":"
                    + page.path("items").path(0).path("legacy_id").asString());
            assertThat(page.path("next").isNull() || page.path("next").isMissingNode())
                    .isEqualTo(pages == 3);
            from = "&before=" + page.path("next").asString();
        }
        assertThat(read).isEqualTo(old);
    }

    private void bring(String kind, String legacyId, String lecternId) {
        JsonNode brought = call(
                        "POST",
                        "/api/ops/registrations/" + registration + "/legacy-ids",
                        token(true),
                        Map.of(
                                "consumer_key",
                                key,
                                "items",
                                List.of(Map.of("kind", kind, "legacy_id", legacyId, "lectern_id", lecternId))))
                .json(200);
        assertThat(brought.path("brought").asInt()).isOne();
    }

    private double refused() {
        return meters.find("lectern.lti.migrations").counters().stream()
                .filter(counter -> !"verified".equals(counter.getId().getTag("outcome")))
                .mapToDouble(counter -> counter.count())
                .sum();
    }

    private Consumer<Map<String, Object>> legacy(String user, String course, String secret) {
        return claims -> {
            claims.put("sub", "sub-" + UUID.randomUUID());
            claims.put(LTI + "context", Map.of("id", "course-" + UUID.randomUUID()));
            String base = key + "&deployment-1&" + PLATFORM.issuer() + "&" + claims.get("aud") + "&" + claims.get("exp")
                    + "&" + claims.get("nonce");
            claims.put(
                    LTI + "lti1p1",
                    new HashMap<>(Map.of(
                            "user_id", user,
                            "context_id", course,
                            "oauth_consumer_key", key,
                            "oauth_consumer_key_sign", hmac(base, secret))));
        };
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> claim(Map<String, Object> claims) {
        return (Map<String, Object>) Objects.requireNonNull(claims.get(LTI + "lti1p1"));
    }

    private static String hmac(String base, String secret) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return Base64.getEncoder().encodeToString(mac.doFinal(base.getBytes(StandardCharsets.UTF_8)));
        } catch (java.security.GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
