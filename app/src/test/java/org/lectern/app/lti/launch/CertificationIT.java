package org.lectern.app.lti.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.lectern.app.lti.launch.TestPlatform.LTI;
import static org.lectern.app.lti.launch.TestPlatform.MEMBERSHIP;

import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/**
 * What 1EdTech's certification of tools launches (LTI Advantage Conformance Certification Guide, section 4): twelve known
 * bad payloads, each of which has to be rejected, and eighteen valid launches, nine by a teacher and nine by a student.
 */
class CertificationIT extends LaunchNode {

    static Stream<Arguments> badPayloads() {
        return Stream.of(
                token("1: no KID in the header", LaunchRule.KEY_ID, claims -> signed(claims, signature -> {})),
                token(
                        "2: incorrect KID in the header",
                        LaunchRule.KEY_KNOWN,
                        claims -> signed(claims, signature -> signature.setKeyIdHeaderValue("imsglobal_no_such_key"))),
                bad("3: wrong LTI version", LaunchRule.VERSION, claims -> claims.put(LTI + "version", "11.3")),
                bad("4: no LTI version", LaunchRule.VERSION, claims -> claims.remove(LTI + "version")),
                token(
                        "5: no LTI 1.3 message at all",
                        LaunchRule.ISSUER,
                        claims -> PLATFORM.sign(Map.of("name", "bad"))),
                bad(
                        "6: LTI claims missing",
                        LaunchRule.VERSION,
                        claims -> claims.keySet().removeIf(name -> name.startsWith(LTI))),
                bad("7: timestamps incorrect", LaunchRule.EXPIRY, claims -> {
                    claims.put("iat", 11_111);
                    claims.put("exp", 22_222);
                }),
                bad("8: message_type missing", LaunchRule.MESSAGE_TYPE, claims -> claims.remove(LTI + "message_type")),
                bad("9: roles missing", LaunchRule.ROLES, claims -> claims.remove(LTI + "roles")),
                bad("10: deployment_id missing", LaunchRule.DEPLOYMENT, claims -> claims.remove(LTI + "deployment_id")),
                bad(
                        "11: resource link's id missing",
                        LaunchRule.RESOURCE_LINK,
                        claims -> claims.put(LTI + "resource_link", Map.of("title", "A link"))),
                bad("12: sub missing", LaunchRule.SUBJECT, claims -> claims.remove("sub")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badPayloads")
    void rejects(String name, LaunchRule rule, Function<Map<String, Object>, String> made) {
        var browser = browser();
        Begun login = begin(browser, Map.of());
        assertRejected(rule, answer(browser, login, made.apply(claims(login)), Browser.JSON));
    }

    static Stream<Arguments> validLaunches() {
        return Stream.of("teacher", "student").flatMap(CertificationIT::validLaunchesOf);
    }

    private static Stream<Arguments> validLaunchesOf(String who) {
        boolean teacher = who.equals("teacher");
        String role = teacher ? "Instructor" : "Learner";
        String institution = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#";
        String ours = teacher ? "[\"instructor\"]" : "[\"student\"]";
        return Stream.of(
                valid(who + ": everything", ours, "Ada Lovelace", claims -> roles(claims, MEMBERSHIP + role)),
                valid(
                        who + ": several roles",
                        ours,
                        "Ada Lovelace",
                        claims -> roles(
                                claims,
                                MEMBERSHIP + role,
                                institution + (teacher ? "Faculty" : "Student"),
                                institution + "Observer")),
                valid(who + ": short role", ours, "Ada Lovelace", claims -> roles(claims, role)),
                valid(
                        who + ": unknown role",
                        "[]",
                        "Ada Lovelace",
                        claims -> roles(claims, "http://purl.imsglobal.org/vocab/lis/v2/uknownrole/unknown#Helper")),
                valid(who + ": empty roles", "[]", "Ada Lovelace", claims -> roles(claims)),
                valid(who + ": email only", ours, null, claims -> {
                    roles(claims, MEMBERSHIP + role);
                    claims.remove("name");
                }),
                valid(who + ": names only", ours, "Ada Lovelace", claims -> {
                    roles(claims, MEMBERSHIP + role);
                    claims.remove("name");
                    claims.remove("email");
                    claims.put("given_name", "Ada");
                    claims.put("family_name", "Lovelace");
                }),
                valid(who + ": no personal data", ours, null, claims -> {
                    roles(claims, MEMBERSHIP + role);
                    claims.remove("name");
                    claims.remove("email");
                }),
                valid(who + ": email without context", ours, null, claims -> {
                    roles(claims, MEMBERSHIP + role);
                    claims.remove("name");
                    claims.remove(LTI + "context");
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("validLaunches")
    void accepts(String name, String roles, String person, Consumer<Map<String, Object>> change) {
        JsonNode opened = session(launch(change));
        assertThat(opened.path("roles").toString()).isEqualTo(roles);
        assertThat(opened.path("context_id").asString()).isNotEmpty();
        assertThat(opened.path("name").asString("")).isEqualTo(person);
    }

    private static String signed(Map<String, Object> claims, Consumer<JsonWebSignature> header) {
        return TestPlatform.sign(claims, signature -> {
            signature.setAlgorithmHeaderValue(AlgorithmIdentifiers.RSA_USING_SHA256);
            signature.setKey(PLATFORM.signing().getPrivateKey());
            header.accept(signature);
        });
    }

    private static Arguments token(String name, LaunchRule rule, Function<Map<String, Object>, String> made) {
        return Arguments.of(name, rule, made);
    }

    private static Arguments bad(String name, LaunchRule rule, Consumer<Map<String, Object>> change) {
        return token(name, rule, claims -> {
            change.accept(claims);
            return PLATFORM.sign(claims);
        });
    }

    /** A valid launch; without a name, an empty one is expected. */
    private static Arguments valid(
            String name, String roles, @Nullable String person, Consumer<Map<String, Object>> change) {
        return Arguments.of(name, roles, person == null ? "" : person, change);
    }
}
