package org.lectern.app.demo;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.CacheControl;
import org.springframework.http.MediaType;
import org.springframework.util.MultiValueMap;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import org.springframework.web.util.UriComponentsBuilder;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The demo LMS over HTTP: its pages, and what a platform answers. All of it only for this machine ({@link DemoAccess}).
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnDemo
class DemoRoutes {

    private final DemoPlatform platform;
    private final DemoKeys keys;
    private final DemoTokens tokens;
    private final DemoContent content;
    private final DemoAccess access;

    DemoRoutes(DemoPlatform platform, DemoKeys keys, DemoTokens tokens, DemoContent content, DemoAccess access) {
        this.platform = platform;
        this.keys = keys;
        this.tokens = tokens;
        this.content = content;
        this.access = access;
    }

    @Bean
    RouterFunction<ServerResponse> demoLms() {
        return RouterFunctions.route()
                .GET("/demo", request -> ServerResponse.ok().render("demo", Map.of("courses", DemoSchool.COURSES)))
                .GET("/demo/courses/{course}", this::course)
                .POST(
                        "/demo/courses/{course}/content",
                        request -> request.formData().flatMap(form -> placed(request, form)))
                .POST("/demo/launch", request -> request.formData().flatMap(form -> launch(request, form)))
                .GET("/demo/platform/authorize", request -> authorize(request.queryParams()))
                .POST("/demo/platform/authorize", request -> request.formData().flatMap(this::authorize))
                .POST("/demo/platform/token", request -> request.formData().flatMap(this::token))
                .GET(
                        "/demo/platform/jwks",
                        request -> ServerResponse.ok()
                                .cacheControl(CacheControl.maxAge(Duration.ofMinutes(5)))
                                .bodyValue(keys.published().toJSONObject(true)))
                .POST(
                        "/demo/platform/rotate",
                        request -> Mono.fromRunnable(keys::rotate)
                                .subscribeOn(Schedulers.boundedElastic())
                                .then(ServerResponse.noContent().build()))
                .filter(access::local)
                .build();
    }

    private Mono<ServerResponse> course(ServerRequest request) {
        DemoSchool.Course course = DemoSchool.course(request.pathVariable("course"))
                .filter(known -> !known.seats().isEmpty())
                .orElseThrow(() -> new ProblemException(ProblemType.NOT_FOUND, "There is no such course"));
        String asked = request.queryParam("user").orElse("");
        DemoSchool.Seat seat = course.seats().stream()
                .filter(one -> one.person().key().equals(asked))
                .findFirst()
                .orElse(course.seats().getFirst());
        return ServerResponse.ok()
                .render(
                        "demo-course",
                        Map.of(
                                "course", course,
                                "seat", seat,
                                "links", content.links(course.key()),
                                "columns", content.columns(course.key()),
                                "students",
                                        course.seats().stream()
                                                .filter(one -> one.role() == DemoRole.STUDENT)
                                                .toList()));
    }

    /** The end of deep linking: the tool's signed answer, posted by the browser. */
    private Mono<ServerResponse> placed(ServerRequest request, MultiValueMap<String, String> form) {
        String course = request.pathVariable("course");
        return tokens.deepLinkAnswer(form.getFirst("JWT"), course)
                .map(items -> content.place(course, items))
                .flatMap(count -> ServerResponse.ok()
                        .cacheControl(CacheControl.noStore())
                        .contentType(MediaType.TEXT_HTML)
                        .render("demo-placed", Map.of("count", count)))
                .switchIfEmpty(Mono.error(() -> new ProblemException(
                        ProblemType.INVALID_REQUEST, "This is no answer of the tool to a request of this course")));
    }

    /** Third-party-initiated login: the platform sends the browser to the tool, which asks the platform to sign in. */
    private Mono<ServerResponse> launch(ServerRequest request, MultiValueMap<String, String> form) {
        DemoLaunch launch = DemoLaunch.of(
                        form.getFirst("course"), form.getFirst("user"), form.getFirst("role"), form.getFirst("target"))
                .orElseThrow(() -> new ProblemException(
                        ProblemType.INVALID_REQUEST,
                        "Fields: course and user (letters, digits, . _ -), role (student, ta, instructor,"
                                + " administrator), target (chat, video, dashboard, ops, place, or a placed link)"));
        URI toolOrigin = URI.create("http://" + request.uri().getRawAuthority());
        URI login = UriComponentsBuilder.fromPath("/lti/login")
                .queryParam("iss", "{iss}")
                .queryParam("login_hint", "{login}")
                .queryParam("lti_message_hint", "{message}")
                .queryParam("target_link_uri", "{target}")
                .queryParam("client_id", "{client}")
                .queryParam("lti_deployment_id", "{deployment}")
                .queryParamIfPresent("lti_storage_target", storageTarget(form))
                .encode()
                .buildAndExpand(
                        platform.issuer(),
                        launch.person().key(),
                        launch.hint(),
                        platform.targetLink(toolOrigin, launch),
                        DemoPlatform.CLIENT_ID,
                        DemoPlatform.DEPLOYMENT_ID)
                .toUri();
        return ServerResponse.seeOther(login).build();
    }

    /** A page of ours that frames the tool offers storage to it; a new tab has none. */
    private static Optional<String> storageTarget(MultiValueMap<String, String> form) {
        return "_parent".equals(form.getFirst("storage")) ? Optional.of("_parent") : Optional.empty();
    }

    /** The authentication request: answered by a form that posts itself to the tool. */
    private Mono<ServerResponse> authorize(MultiValueMap<String, String> parameters) {
        String redirect = parameters.getFirst("redirect_uri");
        if (redirect == null || !platform.knowsRedirect(redirect)) {
            // Nothing is sent to an address nobody registered, not even an error.
            return Mono.error(new ProblemException(ProblemType.INVALID_REQUEST, "This redirect_uri is not registered"));
        }
        Map<String, String> fields = new LinkedHashMap<>();
        String state = parameters.getFirst("state");
        String nonce = parameters.getFirst("nonce");
        Optional<DemoLaunch> launch = DemoLaunch.ofHint(parameters.getFirst("lti_message_hint"))
                .filter(one -> one.person().key().equals(parameters.getFirst("login_hint")));
        @Nullable String error = refusal(parameters, nonce, launch.isPresent());
        if (error == null) {
            URI tool = URI.create(redirect);
            fields.put(
                    "id_token",
                    platform.idToken(
                            launch.orElseThrow(),
                            Objects.requireNonNull(nonce),
                            URI.create(tool.getScheme() + "://" + tool.getRawAuthority())));
        } else {
            fields.put("error", error);
        }
        if (state != null) {
            fields.put("state", state);
        }
        return ServerResponse.ok()
                .cacheControl(CacheControl.noStore())
                .contentType(MediaType.TEXT_HTML)
                .render("demo-submit", Map.of("action", redirect, "fields", fields));
    }

    private static @Nullable String refusal(
            MultiValueMap<String, String> parameters, @Nullable String nonce, boolean launchKnown) {
        if (!DemoPlatform.CLIENT_ID.equals(parameters.getFirst("client_id"))) {
            return "unauthorized_client";
        }
        if (!"id_token".equals(parameters.getFirst("response_type"))) {
            return "unsupported_response_type";
        }
        if (!List.of(Objects.requireNonNullElse(parameters.getFirst("scope"), "")
                        .split(" "))
                .contains("openid")) {
            return "invalid_scope";
        }
        if (!"form_post".equals(parameters.getFirst("response_mode"))
                || !"none".equals(parameters.getFirst("prompt"))
                || nonce == null
                || nonce.isBlank()) {
            return "invalid_request";
        }
        return launchKnown ? null : "login_required";
    }

    private Mono<ServerResponse> token(MultiValueMap<String, String> form) {
        return tokens.issue(
                        form.getFirst("grant_type"),
                        form.getFirst("client_assertion_type"),
                        form.getFirst("client_assertion"),
                        form.getFirst("scope"))
                .flatMap(answer -> switch (answer) {
                    case DemoTokens.Granted granted ->
                        ServerResponse.ok()
                                .cacheControl(CacheControl.noStore())
                                .bodyValue(Map.of(
                                        "access_token", granted.token(),
                                        "token_type", "Bearer",
                                        "expires_in", DemoTokens.LIFETIME.toSeconds(),
                                        "scope", granted.scope()));
                    case DemoTokens.Refused refused ->
                        ServerResponse.badRequest()
                                .cacheControl(CacheControl.noStore())
                                .bodyValue(Map.of("error", refused.error()));
                });
    }
}
