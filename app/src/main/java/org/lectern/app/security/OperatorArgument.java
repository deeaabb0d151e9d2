package org.lectern.app.security;

import org.lectern.infra.session.Operator;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.MethodParameter;
import org.springframework.security.authentication.AuthenticationCredentialsNotFoundException;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.ReactiveSecurityContextHolder;
import org.springframework.web.reactive.BindingContext;
import org.springframework.web.reactive.config.WebFluxConfigurer;
import org.springframework.web.reactive.result.method.HandlerMethodArgumentResolver;
import org.springframework.web.reactive.result.method.annotation.ArgumentResolverConfigurer;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;

/** Gives a controller the {@link Operator} who calls it, whichever way the operator came. */
@Configuration(proxyBeanMethods = false)
class OperatorArgument implements WebFluxConfigurer, HandlerMethodArgumentResolver {

    @Override
    public void configureArgumentResolvers(ArgumentResolverConfigurer configurer) {
        configurer.addCustomResolver(this);
    }

    @Override
    public boolean supportsParameter(MethodParameter parameter) {
        return parameter.getParameterType().equals(Operator.class);
    }

    @Override
    public Mono<Object> resolveArgument(
            MethodParameter parameter, BindingContext bindingContext, ServerWebExchange exchange) {
        return ReactiveSecurityContextHolder.getContext()
                .mapNotNull(security -> security.getAuthentication())
                .filter(known -> known.getAuthorities().stream()
                        .anyMatch(one -> SessionAuthentication.OPERATOR.equals(one.getAuthority())))
                .<Object>map(OperatorArgument::operator)
                .switchIfEmpty(Mono.error(
                        () -> new AuthenticationCredentialsNotFoundException("This request is no operator's")));
    }

    private static Operator operator(Authentication known) {
        return new Operator(
                known instanceof SessionAuthentication session
                        ? "user:" + session.getPrincipal().userId()
                        : "token:" + known.getName());
    }
}
