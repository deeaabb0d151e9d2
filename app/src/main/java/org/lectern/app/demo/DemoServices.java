package org.lectern.app.demo;

import java.net.URI;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.HttpStatus;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;

/** The services of the demo LMS that tools call: rosters (NRPS 2.0), gradebook (AGS 2.0) and groups, each by token. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnDemo
class DemoServices {

    private static final String AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/";
    private static final String ROSTER = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly";
    private static final String GROUPS = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly";
    private static final ParameterizedTypeReference<Map<String, Object>> DOCUMENT =
            new ParameterizedTypeReference<>() {};

    private final DemoTokens tokens;
    private final DemoContent content;
    private final DemoPlatform platform;
    private final DemoAccess access;

    DemoServices(DemoTokens tokens, DemoContent content, DemoPlatform platform, DemoAccess access) {
        this.tokens = tokens;
        this.content = content;
        this.platform = platform;
        this.access = access;
    }

    @Bean
    RouterFunction<ServerResponse> demoLmsServices() {
        return RouterFunctions.route()
                .path(
                        "/demo/platform/courses/{course}",
                        () -> RouterFunctions.route()
                                .GET("/members", request -> permitted(request, this::members, ROSTER))
                                .GET("/groups", request -> permitted(request, this::groups, GROUPS))
                                .GET(
                                        "/lineitems",
                                        request -> permitted(
                                                request, this::columns, AGS + "lineitem.readonly", AGS + "lineitem"))
                                .POST("/lineitems", request -> permitted(request, this::addColumn, AGS + "lineitem"))
                                .GET(
                                        "/lineitems/{id}",
                                        request -> permitted(
                                                request, this::column, AGS + "lineitem.readonly", AGS + "lineitem"))
                                .PUT(
                                        "/lineitems/{id}",
                                        request -> permitted(request, this::changeColumn, AGS + "lineitem"))
                                .DELETE(
                                        "/lineitems/{id}",
                                        request -> permitted(request, this::removeColumn, AGS + "lineitem"))
                                .POST(
                                        "/lineitems/{id}/scores",
                                        request -> permitted(request, this::score, AGS + "score"))
                                .GET(
                                        "/lineitems/{id}/results",
                                        request -> permitted(request, this::results, AGS + "result.readonly"))
                                .build())
                .filter(access::local)
                .build();
    }

    private Mono<ServerResponse> permitted(ServerRequest request, Answer answer, String... scopes) {
        String authorization = request.headers().firstHeader("Authorization");
        return switch (tokens.permits(authorization, List.of(scopes))) {
            case UNKNOWN -> ServerResponse.status(HttpStatus.UNAUTHORIZED).build();
            case NOT_FOR_THIS -> ServerResponse.status(HttpStatus.FORBIDDEN).build();
            case PERMITTED -> answer.to(request, request.pathVariable("course"));
        };
    }

    private Mono<ServerResponse> members(ServerRequest request, String course) {
        List<Map<String, Object>> all = DemoSchool.course(course).stream()
                .flatMap(known -> known.seats().stream())
                .filter(seat -> request.queryParam("role")
                        .map(role -> seat.role().ltiRoles().contains(role))
                        .orElse(true))
                .map(DemoServices::member)
                .toList();
        int from = number(request, "from", 0);
        int to = Math.min(all.size(), from + Math.clamp(number(request, "limit", 50), 1, 50));
        List<Map<String, Object>> page =
                request.queryParam("since").isPresent() ? List.of() : all.subList(Math.min(from, to), to);
        String here = platform.course(course) + "/members";
        String link = page.size() < all.size() && to < all.size()
                ? "<" + here + "?limit=" + (to - from) + "&from=" + to + ">; rel=\"next\""
                : "<" + here + "?since=0>; rel=\"differences\"";
        return ServerResponse.ok()
                .header("Link", link)
                .bodyValue(Map.of("id", here, "context", Map.of("id", course), "members", page));
    }

    private static Map<String, Object> member(DemoSchool.Seat seat) {
        DemoSchool.Person person = seat.person();
        return Map.of(
                "status", "Active",
                "user_id", person.key(),
                "name", person.name(),
                "given_name", person.givenName(),
                "family_name", person.familyName(),
                "email", person.key() + "@demo.example",
                "roles", seat.role().ltiRoles(),
                "group_enrollments", List.of(Map.of("group_id", group(seat))));
    }

    private static String group(DemoSchool.Seat seat) {
        return seat.person().key().charAt(0) < 'm' ? "a" : "b";
    }

    private Mono<ServerResponse> groups(ServerRequest request, String course) {
        return ServerResponse.ok()
                .bodyValue(Map.of(
                        "id",
                        platform.course(course) + "/groups",
                        "groups",
                        List.of(Map.of("id", "a", "name", "Group A"), Map.of("id", "b", "name", "Group B"))));
    }

    private Mono<ServerResponse> columns(ServerRequest request, String course) {
        Stream<DemoContent.Column> found = content.columns(course).stream()
                .filter(column -> request.queryParam("resource_id")
                        .map(id -> id.equals(column.resourceId()))
                        .orElse(true));
        return ServerResponse.ok()
                .bodyValue(found.map(column -> document(course, column)).toList());
    }

    private Mono<ServerResponse> column(ServerRequest request, String course) {
        return answered(
                course, content.column(course, request.pathVariable("id")).orElse(null));
    }

    private Mono<ServerResponse> addColumn(ServerRequest request, String course) {
        return request.bodyToMono(DOCUMENT)
                .flatMap(document ->
                        answered(course, content.addColumn(course, document).orElse(null)));
    }

    private Mono<ServerResponse> changeColumn(ServerRequest request, String course) {
        return request.bodyToMono(DOCUMENT)
                .flatMap(document -> answered(
                        course,
                        content.changeColumn(course, request.pathVariable("id"), document)
                                .orElse(null)));
    }

    private Mono<ServerResponse> removeColumn(ServerRequest request, String course) {
        content.removeColumn(course, request.pathVariable("id"));
        return ServerResponse.noContent().build();
    }

    private Mono<ServerResponse> score(ServerRequest request, String course) {
        DemoContent.Column column =
                content.column(course, request.pathVariable("id")).orElse(null);
        if (column == null) {
            return ServerResponse.notFound().build();
        }
        return request.bodyToMono(DOCUMENT).flatMap(score -> {
            if (!(score.get("userId") instanceof String person
                    && score.get("timestamp") instanceof String at
                    && score.get("scoreGiven") instanceof Number given
                    && score.get("scoreMaximum") instanceof Number maximum)) {
                return ServerResponse.unprocessableContent().build();
            }
            boolean taken = content.score(column, person, at, given.doubleValue(), maximum.doubleValue());
            return ServerResponse.status(taken ? HttpStatus.OK : HttpStatus.CONFLICT)
                    .build();
        });
    }

    private Mono<ServerResponse> results(ServerRequest request, String course) {
        return content.column(course, request.pathVariable("id"))
                .map(column -> ServerResponse.ok()
                        .bodyValue(column.scores().entrySet().stream()
                                .map(score -> Map.of(
                                        "id", address(course, column) + "/results/" + score.getKey(),
                                        "userId", score.getKey(),
                                        "scoreOf", address(course, column).toString(),
                                        "resultScore", score.getValue().points(),
                                        "resultMaximum", column.maximum()))
                                .toList()))
                .orElseGet(() -> ServerResponse.notFound().build());
    }

    private Mono<ServerResponse> answered(String course, DemoContent.@Nullable Column column) {
        return column == null
                ? ServerResponse.notFound().build()
                : ServerResponse.ok().bodyValue(document(course, column));
    }

    private Map<String, Object> document(String course, DemoContent.Column column) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("id", address(course, column).toString());
        document.put("label", column.label());
        document.put("scoreMaximum", column.maximum());
        if (column.resourceId() != null) {
            document.put("resourceId", column.resourceId());
        }
        if (column.resourceLinkId() != null) {
            document.put("resourceLinkId", column.resourceLinkId());
        }
        return document;
    }

    private URI address(String course, DemoContent.Column column) {
        return URI.create(platform.course(course) + "/lineitems/" + column.id());
    }

    private static int number(ServerRequest request, String name, int otherwise) {
        String text = request.queryParam(name).orElse("");
        return text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : otherwise;
    }

    /** Answers a request about a course. */
    @FunctionalInterface
    private interface Answer {
        Mono<ServerResponse> to(ServerRequest request, String course);
    }
}
