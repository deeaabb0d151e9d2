package org.lectern.chat.door;

import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.LiveSessions;
import org.reactivestreams.Publisher;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.core.MethodParameter;
import org.springframework.core.annotation.Order;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.client.ReactorResourceFactory;
import org.springframework.http.server.reactive.ServerHttpResponseDecorator;
import org.springframework.web.reactive.BindingContext;
import org.springframework.web.reactive.config.WebFluxConfigurer;
import org.springframework.web.reactive.result.method.HandlerMethodArgumentResolver;
import org.springframework.web.reactive.result.method.annotation.ArgumentResolverConfigurer;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebExceptionHandler;
import org.springframework.web.server.WebFilter;
import reactor.core.publisher.Mono;

/**
 * A node with the chat role and everything below it, on real servers; only the edge of app is missing, in whose place a
 * header names the session.
 */
@SpringBootApplication(scanBasePackages = "org.lectern")
@ConfigurationPropertiesScan("org.lectern")
public class TestNode {

    static final String SESSION = "X-Session";
    static final String PROBLEM = "X-Problem";
    static final String DETAIL = "X-Detail";
    static final String PAUSED = "X-Paused";
    static final Map<UUID, LaunchSession> SESSIONS = new ConcurrentHashMap<>();

    /** What asking for sessions waits for. */
    static volatile Mono<Void> directory = Mono.empty();

    /** What the bodies of answers to requests with the header {@value #PAUSED} wait for. */
    static volatile Mono<Void> answers = Mono.empty();

    static ConfigurableApplicationContext start(Map<String, Object> properties) {
        SpringApplication application = new SpringApplicationBuilder(TestNode.class)
                .properties(Map.of(
                        "server.port", "0",
                        "lectern.roles", "chat",
                        "spring.rabbitmq.host", "127.0.0.1",
                        "spring.jackson.property-naming-strategy", "SNAKE_CASE",
                        "spring.main.banner-mode", "off",
                        "server.shutdown", "graceful",
                        "spring.autoconfigure.exclude",
                                "org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration"))
                .properties(properties)
                .application();
        application.setRegisterShutdownHook(false);
        return application.run();
    }

    static int port(ConfigurableApplicationContext node) {
        return node.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
    }

    @Bean
    WebFluxConfigurer sessions() {
        return new WebFluxConfigurer() {
            @Override
            public void configureArgumentResolvers(ArgumentResolverConfigurer configurer) {
                configurer.addCustomResolver(new HandlerMethodArgumentResolver() {
                    @Override
                    public boolean supportsParameter(MethodParameter parameter) {
                        return parameter.getParameterType() == LaunchSession.class;
                    }

                    @Override
                    public Mono<Object> resolveArgument(
                            MethodParameter parameter, BindingContext binding, ServerWebExchange exchange) {
                        String id = exchange.getRequest().getHeaders().getFirst(SESSION);
                        return Mono.justOrEmpty(id).map(UUID::fromString).mapNotNull(SESSIONS::get);
                    }
                });
            }
        };
    }

    /** A session has ended when it is not in {@link #SESSIONS} any more; the answer comes after {@link #directory}. */
    @Bean
    LiveSessions liveSessions() {
        return asked -> Mono.defer(() -> directory)
                .then(Mono.fromSupplier(
                        () -> asked.stream().filter(SESSIONS::containsKey).collect(Collectors.toSet())));
    }

    /** Lets answers wait between what the controller decided and their first byte. */
    @Bean
    WebFilter pause() {
        return (exchange, chain) -> exchange.getRequest().getHeaders().getFirst(PAUSED) == null
                ? chain.filter(exchange)
                : chain.filter(exchange.mutate()
                        .response(new ServerHttpResponseDecorator(exchange.getResponse()) {
                            @Override
                            public Mono<Void> writeAndFlushWith(
                                    Publisher<? extends Publisher<? extends DataBuffer>> body) {
                                return Mono.defer(() -> answers).then(Mono.defer(() -> super.writeAndFlushWith(body)));
                            }
                        })
                        .build());
    }

    /** Event loops of its own: a node that stops must not take those of the other nodes in this JVM along. */
    @Bean
    ReactorResourceFactory loops() {
        ReactorResourceFactory loops = new ReactorResourceFactory();
        loops.setUseGlobalResources(false);
        return loops;
    }

    @Bean
    @Order(-2)
    WebExceptionHandler problems() {
        return (exchange, error) -> {
            if (error instanceof ProblemException problem) {
                exchange.getResponse()
                        .getHeaders()
                        .set(
                                PROBLEM,
                                problem.type().name().toLowerCase(Locale.ROOT).replace('_', '-'));
                exchange.getResponse().getHeaders().set(DETAIL, problem.detail());
                exchange.getResponse()
                        .setStatusCode(HttpStatusCode.valueOf(problem.type().status()));
                return exchange.getResponse().setComplete();
            }
            return Mono.error(error);
        };
    }
}
