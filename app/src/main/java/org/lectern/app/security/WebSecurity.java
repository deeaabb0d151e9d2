package org.lectern.app.security;

import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.lectern.app.problem.SecurityProblems;
import org.lectern.app.session.Sessions;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpMethod;
import org.springframework.security.authentication.ReactiveAuthenticationManager;
import org.springframework.security.config.annotation.web.reactive.EnableWebFluxSecurity;
import org.springframework.security.config.observation.SecurityObservationSettings;
import org.springframework.security.config.web.server.SecurityWebFiltersOrder;
import org.springframework.security.config.web.server.ServerHttpSecurity;
import org.springframework.security.config.web.server.ServerHttpSecurity.CsrfSpec;
import org.springframework.security.config.web.server.ServerHttpSecurity.FormLoginSpec;
import org.springframework.security.config.web.server.ServerHttpSecurity.HeaderSpec.FrameOptionsSpec;
import org.springframework.security.config.web.server.ServerHttpSecurity.HttpBasicSpec;
import org.springframework.security.config.web.server.ServerHttpSecurity.LogoutSpec;
import org.springframework.security.config.web.server.ServerHttpSecurity.RequestCacheSpec;
import org.springframework.security.oauth2.core.DelegatingOAuth2TokenValidator;
import org.springframework.security.oauth2.jwt.JwtClaimNames;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusReactiveJwtDecoder;
import org.springframework.security.oauth2.jwt.ReactiveJwtDecoder;
import org.springframework.security.oauth2.jwt.SupplierReactiveJwtDecoder;
import org.springframework.security.oauth2.server.resource.web.server.authentication.ServerBearerTokenAuthenticationConverter;
import org.springframework.security.web.server.SecurityWebFilterChain;
import org.springframework.security.web.server.authentication.AuthenticationWebFilter;
import org.springframework.security.web.server.authentication.ServerAuthenticationEntryPointFailureHandler;
import org.springframework.security.web.server.context.NoOpServerSecurityContextRepository;
import org.springframework.security.web.server.header.ReferrerPolicyServerHttpHeadersWriter.ReferrerPolicy;
import org.springframework.security.web.server.util.matcher.ServerWebExchangeMatchers;

/**
 * Who may call what, on every node: this is the whole table.
 *
 * <p>There is no cookie that authenticates, so there is nothing for a forged cross-site request to use, and no CSRF
 * token. Framing is permitted to learning systems (an LTI tool lives in their frames): a hostile page that frames
 * Lectern gets an empty, partitioned session storage and therefore no session to trick
 * (docs/adr/0004-sessions-in-iframes.md).
 */
@Configuration(proxyBeanMethods = false)
@EnableWebFluxSecurity
class WebSecurity {

    private static final String[] NEEDS_SESSION = {"/api/**", "/xapi/**"};

    /** Answers everybody, and operators with more. */
    private static final String[] HEALTH = {"/actuator/health", "/actuator/health/**"};

    @Bean
    SecurityWebFilterChain securityChain(
            ServerHttpSecurity http,
            ReactiveAuthenticationManager bearer,
            SecurityProblems problems,
            SecurityProperties properties) {
        var authentication = new AuthenticationWebFilter(bearer);
        authentication.setServerAuthenticationConverter(new ServerBearerTokenAuthenticationConverter());
        authentication.setRequiresAuthenticationMatcher(ServerWebExchangeMatchers.matchers(
                ServerWebExchangeMatchers.pathMatchers(NEEDS_SESSION), ServerWebExchangeMatchers.pathMatchers(HEALTH)));
        authentication.setAuthenticationFailureHandler(new ServerAuthenticationEntryPointFailureHandler(problems));

        return http.authorizeExchange(routes -> routes
                        // The hand-over of a launch: its one-time code is the credential.
                        .pathMatchers(HttpMethod.POST, "/api/session")
                        .permitAll()
                        .pathMatchers("/api/ops", "/api/ops/**")
                        .hasAuthority(SessionAuthentication.OPERATOR)
                        .pathMatchers(NEEDS_SESSION)
                        .hasAuthority(SessionAuthentication.SESSION)
                        // Each of these is public or checks a credential of its own: a launch its token and state,
                        // the demo platform the loopback address, media the signed URL, a socket its ticket.
                        .pathMatchers("/lti/**", "/.well-known/**", "/demo", "/demo/**", "/media/**", "/ws/chat/**")
                        .permitAll()
                        .pathMatchers(HEALTH)
                        .permitAll()
                        .pathMatchers("/actuator/info", "/actuator/prometheus")
                        .permitAll()
                        .pathMatchers("/actuator", "/actuator/**")
                        .denyAll()
                        .pathMatchers("/v3/api-docs", "/v3/api-docs/**", "/v3/api-docs.yaml")
                        .permitAll()
                        // Pages are shells without data; everything else here is static.
                        .pathMatchers(HttpMethod.GET, "/**")
                        .permitAll()
                        .pathMatchers(HttpMethod.HEAD, "/**")
                        .permitAll()
                        .anyExchange()
                        .denyAll())
                .addFilterAt(authentication, SecurityWebFiltersOrder.AUTHENTICATION)
                .securityContextRepository(NoOpServerSecurityContextRepository.getInstance())
                .exceptionHandling(
                        refused -> refused.authenticationEntryPoint(problems).accessDeniedHandler(problems))
                .headers(headers -> headers.frameOptions(FrameOptionsSpec::disable)
                        .contentSecurityPolicy(policy -> policy.policyDirectives(policy(properties)))
                        .referrerPolicy(referrer -> referrer.policy(ReferrerPolicy.SAME_ORIGIN))
                        .permissionsPolicy(permissions ->
                                permissions.policy("camera=(), microphone=(), geolocation=(), payment=(), usb=()")))
                .csrf(CsrfSpec::disable)
                .requestCache(RequestCacheSpec::disable)
                .httpBasic(HttpBasicSpec::disable)
                .formLogin(FormLoginSpec::disable)
                .logout(LogoutSpec::disable)
                .build();
    }

    /** A request has its own span and timer; one more for each filter told nobody anything and cost more than the filters. */
    @Bean
    SecurityObservationSettings securityObservations() {
        return SecurityObservationSettings.noObservations();
    }

    @Bean
    ReactiveAuthenticationManager bearerAuthentication(Sessions sessions, OperatorProperties operators) {
        return new BearerAuthentication(sessions, operatorTokens(operators));
    }

    private static @Nullable ReactiveJwtDecoder operatorTokens(OperatorProperties operators) {
        var issuer = operators.issuerUri();
        if (issuer == null) {
            return null;
        }
        // The issuer's metadata is fetched at the first token, not at start: its outage must not stop a node.
        return new SupplierReactiveJwtDecoder(() -> {
            var decoder = NimbusReactiveJwtDecoder.withIssuerLocation(issuer.toString())
                    .build();
            var issued = JwtValidators.createDefaultWithIssuer(issuer.toString());
            String audience = operators.audience();
            decoder.setJwtValidator(
                    audience == null
                            ? issued
                            : new DelegatingOAuth2TokenValidator<>(
                                    issued,
                                    new JwtClaimValidator<Collection<String>>(
                                            JwtClaimNames.AUD, aud -> aud != null && aud.contains(audience))));
            return decoder;
        });
    }

    /** Nothing inline, nothing from elsewhere; blob for the player's media source and its worker. */
    static String policy(SecurityProperties properties) {
        return Stream.of(
                        "default-src 'self'",
                        "script-src 'self'",
                        "style-src 'self'",
                        sources("img-src 'self' data: blob:", properties.connectSources()),
                        // Where the browser plays a playlist by itself, the video's address is the source.
                        sources("media-src 'self' blob:", properties.connectSources()),
                        "worker-src 'self' blob:",
                        sources("connect-src 'self'", properties.connectSources()),
                        "object-src 'none'",
                        "base-uri 'none'",
                        sources("frame-ancestors", properties.frameAncestors()))
                .collect(Collectors.joining("; "));
    }

    private static String sources(String directive, List<String> more) {
        return Stream.concat(Stream.of(directive), more.stream()).collect(Collectors.joining(" "));
    }
}
