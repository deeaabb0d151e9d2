package org.lectern.app.lti.registration;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.PublicOrigin;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.util.MultiValueMap;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.function.server.ServerResponse;
import reactor.core.publisher.Mono;

/**
 * {@code /lti/register}, which an LMS opens for its administrator. The first page only asks: what is opened ahead of time
 * by a browser registers nothing.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnRole(NodeRole.WEB)
class RegistrationRoutes {

    private static final int URI_LIMIT = 2048;
    private static final int TOKEN_LIMIT = 8192;
    private static final String CONFIGURATION = "openid_configuration";
    private static final String TOKEN = "registration_token";

    private final DynamicRegistration registration;
    private final PublicOrigin origin;
    private final boolean enabled;

    RegistrationRoutes(DynamicRegistration registration, PublicOrigin origin, LtiProperties properties) {
        this.registration = registration;
        this.origin = origin;
        this.enabled = properties.dynamicRegistration().enabled();
    }

    @Bean
    RouterFunction<ServerResponse> registerPages() {
        return RouterFunctions.route()
                .GET("/lti/register", this::ask)
                .POST("/lti/register", request -> request.formData().flatMap(form -> register(request, form)))
                .build();
    }

    private Mono<ServerResponse> ask(ServerRequest request) {
        return answered(Mono.fromSupplier(() -> asked(request.queryParams())).flatMap(asked -> {
            Map<String, Object> model = new HashMap<>();
            model.put("state", "ask");
            model.put("host", asked.configuration().getHost());
            model.put("configuration", asked.configuration().toString());
            model.put("token", asked.token() == null ? "" : asked.token());
            return page(HttpStatus.OK, model);
        }));
    }

    private Mono<ServerResponse> register(ServerRequest request, MultiValueMap<String, String> form) {
        return answered(Mono.fromSupplier(() -> asked(form))
                .flatMap(asked -> registration.register(asked.configuration(), asked.token(), origin.of(request.uri())))
                .flatMap(name -> page(HttpStatus.OK, Map.of("state", "done", "host", name))));
    }

    private static Mono<ServerResponse> answered(Mono<ServerResponse> answer) {
        return answer.onErrorResume(
                RegistrationRefusedException.class,
                refused -> page(
                        HttpStatus.UNPROCESSABLE_CONTENT,
                        Map.of("state", "refused", "reason", String.valueOf(refused.getMessage()))));
    }

    private static Mono<ServerResponse> page(HttpStatus status, Map<String, Object> model) {
        return ServerResponse.status(status)
                .cacheControl(CacheControl.noStore())
                .contentType(MediaType.TEXT_HTML)
                .render("lti-register", model);
    }

    private Asked asked(MultiValueMap<String, String> parameters) {
        if (!enabled) {
            throw new ProblemException(ProblemType.NOT_FOUND, "Platforms do not register themselves here");
        }
        String configuration = one(parameters, CONFIGURATION, URI_LIMIT);
        if (configuration == null) {
            throw new RegistrationRefusedException(
                    "This page is opened by a learning management system that registers Lectern; enter its address there");
        }
        try {
            URI address = new URI(configuration);
            if (!address.isAbsolute() || address.getHost() == null || address.getRawUserInfo() != null) {
                throw new RegistrationRefusedException("openid_configuration is no address");
            }
            return new Asked(address, one(parameters, TOKEN, TOKEN_LIMIT));
        } catch (URISyntaxException e) {
            throw new RegistrationRefusedException("openid_configuration is no address");
        }
    }

    private static @Nullable String one(MultiValueMap<String, String> parameters, String name, int limit) {
        List<String> values = parameters.getOrDefault(name, List.of());
        if (values.isEmpty() || values.getFirst() == null || values.getFirst().isEmpty()) {
            return null;
        }
        String value = values.getFirst();
        if (values.size() > 1 || value.length() > limit || value.chars().anyMatch(c -> c <= ' ' || c > '~')) {
            throw new RegistrationRefusedException(name + " is given twice, too long, or holds what it may not");
        }
        return value;
    }

    private record Asked(URI configuration, @Nullable String token) {}
}
