package org.lectern.video;

import io.micrometer.core.instrument.MeterRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.session.CourseRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.SessionWatch;
import org.lectern.infra.session.SessionWatchSettings;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.annotation.Bean;
import org.springframework.core.MethodParameter;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.reactive.BindingContext;
import org.springframework.web.reactive.config.WebFluxConfigurer;
import org.springframework.web.reactive.result.method.HandlerMethodArgumentResolver;
import org.springframework.web.reactive.result.method.annotation.ArgumentResolverConfigurer;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebExceptionHandler;
import reactor.core.publisher.Mono;

/**
 * A node without the app: database, jobs and video are real. Sessions and problem documents belong to the app and are
 * tested there; here a bearer token names role and course.
 */
@SpringBootApplication(
        scanBasePackages = {
            "org.lectern.db",
            "org.lectern.infra.activity",
            "org.lectern.infra.embedded",
            "org.lectern.infra.ids",
            "org.lectern.infra.jobs",
            "org.lectern.infra.storage",
            "org.lectern.infra.telemetry",
            "org.lectern.video"
        })
@ConfigurationPropertiesScan("org.lectern")
public class TestVideoNode implements WebFluxConfigurer {

    /** For tests that kill it. */
    public static void main(String[] arguments) {
        SpringApplication.run(TestVideoNode.class, arguments);
    }

    /** The token of a person. */
    public static String token(CourseRole role, ContextId course) {
        return role.key() + "." + course;
    }

    private static LaunchSession session(@Nullable String header) {
        if (header == null || !header.startsWith("Bearer ")) {
            throw new ProblemException(ProblemType.UNAUTHENTICATED, "no token");
        }
        String[] parts = header.substring(7).split("\\.", 2);
        CourseRole role = CourseRole.valueOf(parts[0].toUpperCase(Locale.ROOT));
        UUID user = id(role);
        return new LaunchSession(
                user, user, role.key(), ContextId.parse(parts[1]), "Course", Set.of(role), false, Instant.MAX);
    }

    /** The session of a role, in all courses, ends when a test says so. */
    static final Set<CourseRole> ENDED = ConcurrentHashMap.newKeySet();

    @Bean
    SessionWatch sessions(Clock clock, MeterRegistry meters) {
        return new SessionWatch(
                asked -> Mono.fromSupplier(() -> asked.stream()
                        .filter(session -> ENDED.stream().noneMatch(role -> id(role).equals(session)))
                        .collect(Collectors.toSet())),
                new SessionWatchSettings(Duration.ofMillis(200)),
                clock,
                meters);
    }

    private static UUID id(CourseRole role) {
        return UUID.nameUUIDFromBytes(role.key().getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void configureArgumentResolvers(ArgumentResolverConfigurer configurer) {
        configurer.addCustomResolver(new HandlerMethodArgumentResolver() {
            @Override
            public boolean supportsParameter(MethodParameter parameter) {
                return parameter.hasParameterAnnotation(AuthenticationPrincipal.class);
            }

            @Override
            public Mono<Object> resolveArgument(
                    MethodParameter parameter, BindingContext binding, ServerWebExchange exchange) {
                return Mono.fromSupplier(
                        () -> session(exchange.getRequest().getHeaders().getFirst(HttpHeaders.AUTHORIZATION)));
            }
        });
    }

    @Bean
    @Order(-10)
    WebExceptionHandler problems() {
        return (exchange, failure) -> {
            if (!(failure instanceof ProblemException problem)) {
                return Mono.error(failure);
            }
            var response = exchange.getResponse();
            response.setStatusCode(HttpStatusCode.valueOf(problem.type().status()));
            response.getHeaders().setContentType(MediaType.TEXT_PLAIN);
            return response.writeWith(Mono.fromSupplier(
                    () -> response.bufferFactory().wrap(problem.detail().getBytes(StandardCharsets.UTF_8))));
        };
    }
}
