package org.lectern.app.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lectern.app.session.LaunchTarget;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.Sessions;
import org.lectern.db.ContextId;
import org.lectern.infra.session.CourseRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.http.server.PathContainer;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.util.IdGenerator;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.reactive.result.method.RequestMappingInfo;
import org.springframework.web.reactive.result.method.annotation.RequestMappingHandlerMapping;
import org.springframework.web.util.pattern.PathPattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Walks every mapped route of the API on a whole node: whatever is wrong with a request (nobody's, malformed, oversized,
 * of another course, by the wrong method), the answer is the right problem document. A new route is covered by being
 * there.
 */
@WholeNode
class ProblemContractIT {

    /** Routes that need no session, because another credential stands in the request. */
    private static final Set<String> OPEN = Set.of("POST /api/session");

    private static final Pattern VARIABLE = Pattern.compile("\\{([^}:*]+)[^}]*}");

    @LocalServerPort
    private int port;

    @Autowired
    private RequestMappingHandlerMapping requestMappingHandlerMapping;

    @Autowired
    private Sessions sessions;

    @Autowired
    private IdGenerator ids;

    private WebTestClient client = WebTestClient.bindToServer().build();
    private String operator = "";
    private String student = "";
    private UUID elsewhere = new UUID(0, 0);

    @BeforeEach
    void connect() {
        client = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(Duration.ofSeconds(60))
                .build();
        operator = token(CourseRole.ADMINISTRATOR, true);
        student = token(CourseRole.STUDENT, false);
        elsewhere = ids.generateId();
    }

    @Test
    void nobodyIsLetIn() {
        assertThat(routes()).hasSizeGreaterThan(10);
        for (Route route : routes()) {
            if (!OPEN.contains(route.toString())) {
                for (String wrong : Arrays.asList(null, "lectern_nonsense", "a.b.c", "x".repeat(4000))) {
                    problem(route, wrong, null, null, 401, "unauthenticated");
                }
            }
        }
    }

    @Test
    void studentsDoNotOperate() {
        var operations = routes().stream().filter(Route::isForOperators).toList();
        assertThat(operations).isNotEmpty();
        operations.forEach(route -> problem(route, student, null, null, 403, "forbidden"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "[[[[", "\"\u0000\"", "{\"a\":", "nul", "[]", "7"})
    void whatIsNotTheJsonThatIsNeededIsInvalid(String garbage) {
        assertThat(bodies()).isNotEmpty();
        bodies().forEach(
                        route -> problem(route, operator, garbage, MediaType.APPLICATION_JSON, 400, "invalid-request"));
    }

    @Test
    void aMegabyteOfJsonIsTooLarge() {
        String body = "{\"code\":\"" + "x".repeat(1 << 20) + "\"}";
        bodies().forEach(route -> problem(route, operator, body, MediaType.APPLICATION_JSON, 413, "too-large"));
    }

    @Test
    void anotherContentTypeIsNotSupported() {
        bodies().forEach(route -> problem(route, operator, "<a/>", MediaType.TEXT_XML, 415, "unsupported-media-type"));
    }

    @Test
    void anotherMethodIsNotAllowed() {
        for (Route route : routes()) {
            for (HttpMethod method : List.of(HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE, HttpMethod.GET)) {
                if (!mapped(method, route.path())) {
                    problem(
                            new Route(method, route.path(), route.handler(), route.info()),
                            operator,
                            null,
                            null,
                            405,
                            "method-not-allowed");
                }
            }
        }
    }

    @Test
    void anotherCourseIsOutOfReach() {
        List<Route> named = routes().stream().filter(Route::namesContext).toList();
        assertThat(named).isNotEmpty();
        for (Route route : named) {
            String path = route.takesContextAsParameter() ? route.path() + "?context_id=" + elsewhere : route.path();
            var answer = send(route.method(), path, student, null, null);
            assertThat(answer.status()).as("%s of another course", route).isIn(403, 404);
            check(route.toString(), answer);
        }
        var answer = send(
                HttpMethod.POST,
                "/api/chat/message",
                student,
                "{\"context_id\":\"%s\",\"id\":\"%s\",\"text\":\"hello\"}".formatted(elsewhere, ids.generateId()),
                MediaType.APPLICATION_JSON);
        assertThat(answer.status()).isIn(403, 404);
    }

    @Test
    void pathsThatAreNotThereAreNotFound() {
        for (String path : List.of("/api/nothing", "/api/video/x/y/z", "/api", "/api/chat")) {
            var answer = send(HttpMethod.GET, path, operator, null, null);
            assertThat(answer.status()).as(path).isEqualTo(404);
            check(path, answer);
        }
    }

    private List<Route> bodies() {
        return routes().stream().filter(Route::takesJson).toList();
    }

    private List<Route> routes() {
        List<Route> routes = new ArrayList<>();
        requestMappingHandlerMapping.getHandlerMethods().forEach((info, handler) -> {
            for (PathPattern pattern : info.getPatternsCondition().getPatterns()) {
                if (Stream.of("/api/", "/xapi/").anyMatch(pattern.getPatternString()::startsWith)) {
                    info.getMethodsCondition()
                            .getMethods()
                            .forEach(method -> routes.add(new Route(
                                    method.asHttpMethod(),
                                    VARIABLE.matcher(pattern.getPatternString()).replaceAll(elsewhere.toString()),
                                    handler,
                                    info)));
                }
            }
        });
        routes.sort(Comparator.comparing(Route::toString));
        return routes;
    }

    private boolean mapped(HttpMethod method, String path) {
        PathContainer parsed = PathContainer.parsePath(path);
        return requestMappingHandlerMapping.getHandlerMethods().keySet().stream()
                .filter(info ->
                        info.getPatternsCondition().getPatterns().stream().anyMatch(one -> one.matches(parsed)))
                .anyMatch(info -> info.getMethodsCondition().getMethods().isEmpty()
                        || info.getMethodsCondition().getMethods().stream()
                                .anyMatch(one -> one.asHttpMethod().equals(method)));
    }

    private void problem(
            Route route,
            @Nullable String token,
            @Nullable String body,
            @Nullable MediaType type,
            int status,
            String name) {
        var answer = send(route.method(), route.path(), token, body, type);
        assertThat(answer.status()).as("%s: %s", route, answer.body()).isEqualTo(status);
        if (!route.method().equals(HttpMethod.HEAD)) {
            assertThat(check(route.toString(), answer).path("type").asString())
                    .as(route.toString())
                    .isEqualTo("urn:lectern:problem:" + name);
        }
    }

    private static JsonNode check(String what, Answer answer) {
        assertThat(answer.type()).as(what).isEqualTo("application/problem+json");
        JsonNode problem = JsonMapper.shared().readTree(answer.body());
        assertThat(problem.path("status").asInt()).as(what).isEqualTo(answer.status());
        assertThat(problem.path("type").asString()).as(what).startsWith("urn:lectern:problem:");
        assertThat(problem.path("trace_id").asString("")).as(what).matches("[0-9a-f]{32}");
        assertThat(problem.path("detail").asString(""))
                .as(what)
                .isNotBlank()
                .doesNotContain("Exception", "org.lectern");
        return problem;
    }

    private Answer send(
            HttpMethod method, String path, @Nullable String token, @Nullable String body, @Nullable MediaType type) {
        var request = client.method(method).uri(path);
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        if (type != null) {
            request.contentType(type);
        }
        var result = (body == null ? request : request.bodyValue(body))
                .exchange()
                .expectBody(String.class)
                .returnResult();
        var contentType = result.getResponseHeaders().getContentType();
        return new Answer(
                result.getStatus().value(),
                contentType == null ? "" : contentType.toString(),
                Objects.requireNonNullElse(result.getResponseBody(), ""));
    }

    private String token(CourseRole role, boolean operates) {
        var opened = sessions.open(new NewSession(
                        ids.generateId(),
                        "Test",
                        new ContextId(ids.generateId()),
                        "Course",
                        Set.of(role),
                        operates,
                        LaunchTarget.CHAT))
                .block(Duration.ofSeconds(60));
        return Objects.requireNonNull(opened).token();
    }

    private record Answer(int status, String type, String body) {}

    private record Route(HttpMethod method, String path, HandlerMethod handler, RequestMappingInfo info) {

        boolean takesJson() {
            var consumes = info.getConsumesCondition();
            return Arrays.stream(handler.getMethodParameters())
                            .anyMatch(parameter -> parameter.hasParameterAnnotation(RequestBody.class))
                    && (consumes.isEmpty()
                            || consumes.getConsumableMediaTypes().stream()
                                    .anyMatch(MediaType.APPLICATION_JSON::includes));
        }

        boolean isForOperators() {
            return path.startsWith("/api/ops/");
        }

        boolean namesContext() {
            return !isForOperators()
                    && !takesJson()
                    && (takesContextAsParameter()
                            || info.getPatternsCondition().getPatterns().stream()
                                    .anyMatch(one -> one.getPatternString().contains("{contextId}")));
        }

        boolean takesContextAsParameter() {
            return Arrays.stream(handler.getMethodParameters()).anyMatch(parameter -> {
                RequestParam named = parameter.getParameterAnnotation(RequestParam.class);
                return named != null
                        && (named.name().equals("context_id") || named.value().equals("context_id"));
            });
        }

        @Override
        public String toString() {
            return method + " " + path;
        }
    }
}
