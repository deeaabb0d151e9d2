package org.lectern.app.lti;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.lectern.app.lti.launch.TestPlatform;
import org.lectern.infra.session.LaunchSession;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.reactive.result.method.annotation.RequestMappingHandlerMapping;
import tools.jackson.databind.JsonNode;

/** Operators who come with a token of their own issuer instead of a launch, against a real issuer's keys. */
class OperatorTokenIT extends OperatedNode {

    @Autowired
    private RequestMappingHandlerMapping requestMappingHandlerMapping;

    @Test
    void opensOperationsAndNothingElse() {
        String token = OPERATORS.token(claims -> {});
        List<String> routes = requestMappingHandlerMapping.getHandlerMethods().keySet().stream()
                .filter(info -> info.getMethodsCondition().getMethods().contains(RequestMethod.GET))
                .flatMap(info -> info.getPatternsCondition().getPatterns().stream())
                .map(pattern -> pattern.getPatternString())
                .filter(path -> path.startsWith("/api/ops/") && path.indexOf('{') < 0)
                .toList();
        assertThat(routes).hasSizeGreaterThan(5);
        assertThat(routes)
                .allSatisfy(route -> assertThat(call("GET", route, token, null).status())
                        .as(route)
                        .isIn(200, 400));
        assertThat(OPERATORS.asked.get())
                .as("the issuer's metadata is asked for once")
                .isOne();
        for (String path : List.of("/api/session", "/api/video")) {
            call("GET", path, token, null).problem(403, "forbidden");
        }
    }

    @Test
    void noHandlerOfOperationsRestsOnALaunch() {
        assertThat(requestMappingHandlerMapping.getHandlerMethods().entrySet().stream()
                        .filter(one -> one.getKey().getPatternsCondition().getPatterns().stream()
                                .anyMatch(pattern -> pattern.getPatternString().startsWith("/api/ops")))
                        .filter(one -> Arrays.stream(one.getValue().getMethodParameters())
                                .anyMatch(parameter ->
                                        parameter.getParameterType().equals(LaunchSession.class))))
                .as("an operator's token brings no launch: take an Operator")
                .isEmpty();
    }

    @Test
    void refusesTokensThatAreNotTheIssuersOrNotForUs() {
        for (String token : List.of(
                OPERATORS.token(claims -> claims.put("aud", "somebody-else")),
                OPERATORS.token(claims -> claims.remove("aud")),
                OPERATORS.token(claims -> claims.put("iss", "https://evil.example")),
                OPERATORS.token(claims -> claims.put("exp", 1_000_000)),
                OPERATORS.token(TestPlatform.newKey("operators-1"), claims -> {}),
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiJncmFjZSJ9.",
                "a.b.c")) {
            call("GET", "/api/ops/registrations", token, null).problem(401, "unauthenticated");
        }
    }

    @Test
    void whatItChangesIsNotedUnderItsSubject() {
        String token = OPERATORS.token(claims -> {});
        JsonNode made = call(
                        "POST",
                        "/api/ops/registrations",
                        token,
                        Map.of(
                                "issuer", "https://lms.example",
                                "client_id", "by-token-" + UUID.randomUUID(),
                                "authorization_endpoint", "https://lms.example/authorize",
                                "jwks_uri", "https://lms.example/keys"))
                .json(201);
        JsonNode noted = call(
                        "GET",
                        "/api/ops/lti/audit?registration=" + made.path("id").asString(),
                        token,
                        null)
                .json(200);
        assertThat(noted.path("items").path(0).path("actor").asString()).isEqualTo("token:grace@operations.example");
    }
}
