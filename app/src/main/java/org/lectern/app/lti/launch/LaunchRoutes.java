package org.lectern.app.lti.launch;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.PublicOrigin;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.Registrations;
import org.lectern.app.session.NewSession;
import org.lectern.app.session.SessionDocument;
import org.lectern.app.session.Sessions;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.util.MultiValueMap;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import org.springframework.web.server.MethodNotAllowedException;
import reactor.core.publisher.Mono;

/**
 * {@code /lti/login} and {@code /lti/launch}: HTTP in, HTTP out. A launch ends with a redirect to the launch page and a
 * one-time code, so that a reload does not replay it; a client that asks for JSON gets the session itself.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnRole(NodeRole.WEB)
class LaunchRoutes {

    private static final int HINT_LIMIT = 4096;
    private static final int ID_LIMIT = 255;

    private final Registrations registrations;
    private final Logins logins;
    private final Launches launches;
    private final Sessions sessions;
    private final LoginCookies cookies;
    private final Rejections rejections;
    private final PublicOrigin origin;

    LaunchRoutes(
            Registrations registrations,
            Logins logins,
            Launches launches,
            Sessions sessions,
            LoginCookies cookies,
            Rejections rejections,
            PublicOrigin origin) {
        this.registrations = registrations;
        this.logins = logins;
        this.launches = launches;
        this.sessions = sessions;
        this.cookies = cookies;
        this.rejections = rejections;
        this.origin = origin;
    }

    @Bean
    RouterFunction<ServerResponse> ltiRoutes() {
        return RouterFunctions.route()
                .GET("/lti/login", request -> login(request, request.queryParams()))
                .POST("/lti/login", request -> request.formData().flatMap(form -> login(request, form)))
                .GET(
                        "/lti/launch",
                        request -> Mono.error(new MethodNotAllowedException(HttpMethod.GET, Set.of(HttpMethod.POST))))
                .POST("/lti/launch", request -> request.formData().flatMap(form -> launch(request, form)))
                .filter((request, next) -> next.handle(request)
                        .onErrorResume(LaunchRejectedException.class, rejected -> rejected(request, rejected)))
                .build();
    }

    private Mono<ServerResponse> login(ServerRequest request, MultiValueMap<String, String> parameters) {
        return Mono.defer(() -> {
            URI origin = origin(request);
            String issuer = needed(parameters, "iss", 512);
            String loginHint = needed(parameters, "login_hint", HINT_LIMIT);
            String target = needed(parameters, "target_link_uri", LaunchTargets.LIMIT);
            String client = optional(parameters, "client_id", ID_LIMIT);
            String deployment = optional(parameters, "lti_deployment_id", ID_LIMIT);
            String messageHint = optional(parameters, "lti_message_hint", HINT_LIMIT);
            String storage = optional(parameters, "lti_storage_target", ID_LIMIT);
            return registrations
                    .ofLogin(issuer, client)
                    .map(known -> chosen(known, issuer, client))
                    .flatMap(registration -> {
                        if (!LaunchTargets.ours(target, origin)) {
                            return Mono.error(new LaunchRejectedException(
                                    LaunchRule.LOGIN_TARGET,
                                    "target_link_uri is " + Operators.quoted(target) + ", this server is " + origin,
                                    registration));
                        }
                        return logins.begin(registration, target, deployment, storage, loginHint, messageHint)
                                .flatMap(begun ->
                                        toPlatform(origin, registration, begun, loginHint, messageHint, storage));
                    });
        });
    }

    private Mono<ServerResponse> toPlatform(
            URI origin,
            Registration registration,
            Logins.Begun begun,
            String loginHint,
            @Nullable String messageHint,
            @Nullable String storage) {
        Map<String, String> query = new LinkedHashMap<>();
        query.put("scope", "openid");
        query.put("response_type", "id_token");
        query.put("response_mode", "form_post");
        query.put("prompt", "none");
        query.put("client_id", registration.clientId());
        query.put("redirect_uri", origin + "/lti/launch");
        query.put("login_hint", loginHint);
        if (messageHint != null) {
            query.put("lti_message_hint", messageHint);
        }
        query.put("state", begun.state());
        query.put("nonce", begun.nonce());
        String endpoint = registration.authorizationEndpoint().toString();
        String joined = query.entrySet().stream()
                .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
        URI next = URI.create(endpoint + (endpoint.indexOf('?') < 0 ? "?" : "&") + joined);
        ServerResponse.BodyBuilder response = ServerResponse.status(storage == null ? HttpStatus.FOUND : HttpStatus.OK)
                .cookies(kept -> cookies.keep(origin, begun.state(), begun.browserSecret())
                        .forEach(cookie -> kept.add(cookie.getName(), cookie)));
        return storage == null
                ? response.location(next).cacheControl(CacheControl.noStore()).build()
                : PlatformStorage.keep(response, registration, storage, begun, next);
    }

    private Mono<ServerResponse> launch(ServerRequest request, MultiValueMap<String, String> form) {
        return Mono.defer(() -> {
            if (form.containsKey("error")) {
                return platformError(form);
            }
            String idToken = answered(form, "id_token", TokenSignatures.TOKEN_LIMIT);
            String state = answered(form, "state", ID_LIMIT);
            String cookie = cookies.read(request.cookies(), state);
            String browserSecret = cookie != null ? cookie : PlatformStorage.sent(request, form, origin(request));
            Mono<ServerResponse> verified =
                    Mono.defer(() -> launches.verified(idToken, state, browserSecret, origin(request))
                            .flatMap(launch -> (wantsJson(request)
                                            ? handedOver(launch.session())
                                            : redirected(request, state, launch.session()))
                                    .switchIfEmpty(Mono.error(launch::closedMeanwhile))));
            boolean maybeStored = browserSecret == null && !form.containsKey(PlatformStorage.FIELD);
            return maybeStored
                    ? logins.keptByPlatform(state)
                            .flatMap(kept -> PlatformStorage.fetch(kept, idToken, state))
                            .switchIfEmpty(verified)
                    : verified;
        });
    }

    private Mono<ServerResponse> platformError(MultiValueMap<String, String> form) {
        String error = Operators.quoted(form.getFirst("error"));
        String state = form.getFirst("state");
        var rejected = new LaunchRejectedException(
                LaunchRule.PLATFORM_ERROR, "the platform answered the login with " + error, null);
        return state == null
                ? Mono.error(rejected)
                : logins.take(state)
                        .map(Login::registration)
                        .flatMap(registration -> Mono.<ServerResponse>error(new LaunchRejectedException(
                                LaunchRule.PLATFORM_ERROR, rejected.detail(), registration)))
                        .switchIfEmpty(Mono.error(rejected));
    }

    private Mono<ServerResponse> handedOver(NewSession session) {
        return sessions.open(session)
                .flatMap(open -> ServerResponse.ok()
                        .cacheControl(CacheControl.noStore())
                        .contentType(MediaType.APPLICATION_JSON)
                        .bodyValue(SessionDocument.handOver(open)));
    }

    private Mono<ServerResponse> redirected(ServerRequest request, String state, NewSession session) {
        return sessions.openWithCode(session)
                .flatMap(code -> ServerResponse.status(HttpStatus.SEE_OTHER)
                        .location(URI.create("/launch?code=" + code))
                        .cacheControl(CacheControl.noStore())
                        .cookies(kept -> cookies.forget(origin(request), state)
                                .forEach(cookie -> kept.add(cookie.getName(), cookie)))
                        .build());
    }

    private Mono<ServerResponse> rejected(ServerRequest request, LaunchRejectedException rejected) {
        return rejections.note(rejected).flatMap(reference -> told(request, rejected, reference));
    }

    private static Mono<ServerResponse> told(
            ServerRequest request, LaunchRejectedException rejected, String reference) {
        var advice = rejected.rule().advice();
        if (!wantsHtml(request)) {
            return Mono.error(
                    new ProblemException(ProblemType.LAUNCH_REJECTED, advice.text() + " Reference: " + reference));
        }
        return ServerResponse.status(ProblemType.LAUNCH_REJECTED.status())
                .cacheControl(CacheControl.noStore())
                .contentType(MediaType.TEXT_HTML)
                .render(
                        "launch-rejected",
                        Map.of(
                                "advice", advice.text(),
                                "reference", reference,
                                "again", Objects.requireNonNullElse(rejected.again(), "")));
    }

    /** The one registration a login means. */
    private static Registration chosen(List<Registration> meant, String issuer, @Nullable String client) {
        if (meant.size() != 1) {
            throw new LaunchRejectedException(
                    LaunchRule.LOGIN_REGISTRATION,
                    meant.isEmpty()
                            ? "no registration of issuer " + Operators.quoted(issuer)
                                    + (client == null ? "" : " with client id " + Operators.quoted(client))
                            : "the issuer " + Operators.quoted(issuer)
                                    + " has several client ids and the login names none",
                    null);
        }
        Registration registration = meant.getFirst();
        Launches.requireOpen(registration);
        return registration;
    }

    private URI origin(ServerRequest request) {
        return origin.of(request.uri());
    }

    private static String needed(MultiValueMap<String, String> parameters, String name, int limit) {
        return required(LaunchRule.LOGIN_PARAMETERS, parameters, name, limit);
    }

    private static @Nullable String optional(MultiValueMap<String, String> parameters, String name, int limit) {
        String value = parameters.getFirst(name);
        return value == null || value.isEmpty() ? null : needed(parameters, name, limit);
    }

    private static String answered(MultiValueMap<String, String> parameters, String name, int limit) {
        return required(LaunchRule.RESPONSE_PARAMETERS, parameters, name, limit);
    }

    private static String required(LaunchRule rule, MultiValueMap<String, String> parameters, String name, int limit) {
        List<String> values = parameters.getOrDefault(name, List.of());
        String value = values.size() == 1 && values.getFirst() != null ? values.getFirst() : "";
        if (value.isBlank() || value.length() > limit || value.indexOf('\0') >= 0) {
            throw new LaunchRejectedException(
                    rule, name + (values.isEmpty() ? " is missing" : " is empty, given twice or too long"), null);
        }
        return value;
    }

    private static boolean wantsHtml(ServerRequest request) {
        return request.headers().accept().stream()
                .anyMatch(accepted -> accepted.getType().equals("text")
                        && accepted.getSubtype().equals("html"));
    }

    private static boolean wantsJson(ServerRequest request) {
        return !wantsHtml(request)
                && request.headers().accept().stream()
                        .anyMatch(accepted ->
                                accepted.isCompatibleWith(MediaType.APPLICATION_JSON) && !accepted.isWildcardType());
    }
}
