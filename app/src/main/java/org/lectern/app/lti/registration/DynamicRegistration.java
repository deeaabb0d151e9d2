package org.lectern.app.lti.registration;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.platform.PlatformHttp;
import org.lectern.app.lti.platform.RegistrationDesk;
import org.lectern.app.lti.platform.UnacceptableAddressException;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.telemetry.TraceScope;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.ClientResponse;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;

/**
 * Dynamic Registration (LTI Dynamic Registration 1.0): reads a platform's configuration, asks it for a client id and
 * keeps the registration as pending until an operator approves it.
 *
 * <p>Nobody is believed on the way. The configuration's issuer has to be of the host that served it; every address is
 * held to the guard of {@link PlatformHttp}; answers are bounded in time and size; redirects are not followed; a
 * registration that is there is never changed; a token registers once. A few run at a time, one for each host, and
 * only so many may wait for approval, of one host and of all, so that strangers cannot fill the table.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class DynamicRegistration {

    private static final Logger log = LoggerFactory.getLogger(DynamicRegistration.class);
    private static final int AT_ONCE = 4;
    /** How many registrations of one configuration's host may wait for approval. */
    private static final int WAITING_OF_HOST = 3;

    /** Token endpoints that are known to go by the name of another server of the same platform. */
    private static final Map<String, String> KNOWN_AUDIENCES = Map.of("auth.brightspace.com", "api.brightspace.com");

    private static final int CLIENT_ID_LIMIT = 255;
    private static final ParameterizedTypeReference<Map<String, Object>> OBJECT = new ParameterizedTypeReference<>() {};

    private final PlatformHttp http;
    private final RegistrationDesk desk;
    private final RegistrationTokens tokens;
    private final LtiProperties.DynamicRegistration settings;
    private final Duration patience;
    private final Semaphore running = new Semaphore(AT_ONCE);
    /** Hosts whose configuration is being read now; never more than {@link #AT_ONCE}. */
    private final Set<String> runningHosts = ConcurrentHashMap.newKeySet();

    DynamicRegistration(PlatformHttp http, RegistrationDesk desk, RegistrationTokens tokens, LtiProperties properties) {
        this.http = http;
        this.desk = desk;
        this.tokens = tokens;
        this.settings = properties.dynamicRegistration();
        this.patience = properties.jwks().timeout();
    }

    /**
     * Registers Lectern with a platform.
     *
     * @param configuration where the platform's configuration is
     * @param token what the platform gave out for this registration, if anything
     * @param origin where the platform will reach Lectern
     * @return the platform's name; errors with {@link RegistrationRefusedException}
     */
    Mono<String> register(URI configuration, @Nullable String token, URI origin) {
        return Mono.defer(() -> {
            String host = host(configuration);
            if (!running.tryAcquire()) {
                return Mono.error(busy());
            }
            if (!runningHosts.add(host)) {
                running.release();
                return Mono.error(busy());
            }
            return registered(configuration, token, origin)
                    .onErrorMap(ProblemException.class, problem -> new RegistrationRefusedException(problem.detail()))
                    .onErrorResume(
                            RegistrationRefusedException.class,
                            refused -> Mono.deferContextual(context -> {
                                TraceScope.run(
                                        context,
                                        () -> log.warn(
                                                "a platform was not registered: {} (host {})",
                                                refused.getMessage(),
                                                configuration.getHost()));
                                return Mono.error(refused);
                            }))
                    .doFinally(signal -> {
                        runningHosts.remove(host);
                        running.release();
                    });
        });
    }

    private static RegistrationRefusedException busy() {
        return new RegistrationRefusedException(
                "Several platforms are being registered just now; try again in a minute");
    }

    private Mono<String> registered(URI configuration, @Nullable String token, URI origin) {
        boolean trusted = trusts(configuration);
        return read(configuration, trusted).flatMap(platform -> {
            check(configuration, platform, trusted);
            return desk.requireRoomForRequests(settings.pendingLimit(), host(configuration), WAITING_OF_HOST)
                    .then(token == null ? Mono.just(true) : tokens.take(token))
                    .flatMap(
                            fresh -> fresh
                                    ? ask(platform, token, origin, trusted)
                                    : Mono.error(
                                            new RegistrationRefusedException(
                                                    "This registration link was used before; begin again in your learning management system")))
                    .flatMap(answer -> kept(host(configuration), platform, answer, trusted));
        });
    }

    private Mono<PlatformConfiguration> read(URI address, boolean trusted) {
        return call(
                        "configuration",
                        client(address, trusted)
                                .flatMap(client -> client.get()
                                        .uri(address)
                                        .accept(MediaType.APPLICATION_JSON)
                                        .exchangeToMono(response -> object(response, "configuration"))))
                .map(PlatformConfiguration::of);
    }

    private Mono<Map<String, Object>> ask(
            PlatformConfiguration platform, @Nullable String token, URI origin, boolean trusted) {
        return call(
                "registration endpoint",
                client(platform.registrationEndpoint(), trusted)
                        .flatMap(client -> client.post()
                                .uri(platform.registrationEndpoint())
                                .headers(headers -> {
                                    if (token != null) {
                                        headers.setBearerAuth(token);
                                    }
                                })
                                .accept(MediaType.APPLICATION_JSON)
                                .contentType(MediaType.APPLICATION_JSON)
                                .bodyValue(ToolConfiguration.of(origin, platform))
                                .exchangeToMono(response -> object(response, "registration endpoint"))));
    }

    private Mono<String> kept(
            String servedBy, PlatformConfiguration platform, Map<String, Object> answer, boolean trusted) {
        if (!(answer.get("client_id") instanceof String client)
                || client.isBlank()
                || client.length() > CLIENT_ID_LIMIT
                || client.indexOf('\0') >= 0) {
            return Mono.error(
                    new RegistrationRefusedException("The platform answered the registration without a client_id"));
        }
        String deployment = answer.get(ToolConfiguration.TOOL) instanceof Map<?, ?> tool
                        && tool.get("deployment_id") instanceof String id
                        && !id.isBlank()
                        && id.length() <= CLIENT_ID_LIMIT
                        && id.indexOf('\0') < 0
                ? id
                : null;
        String name = platform.product() == null
                ? platform.issuerHost()
                : platform.issuerHost() + " (" + platform.product() + ")";
        return desk.request(new RegistrationDesk.Requested(
                        name,
                        platform.issuer(),
                        client,
                        platform.authorizationEndpoint(),
                        platform.tokenEndpoint(),
                        believedAudience(platform),
                        platform.jwksUri(),
                        deployment == null ? List.of() : List.of(deployment),
                        servedBy,
                        trusted))
                .thenReturn(name);
    }

    /**
     * The audience that the platform asks for, if it is its own. One that names somebody else's server is not believed: an
     * assertion made for that server could be used there.
     */
    private static @Nullable String believedAudience(PlatformConfiguration platform) {
        String audience = platform.tokenAudience();
        URI tokens = platform.tokenEndpoint();
        if (audience == null || audience.equals(tokens.toString())) {
            return null;
        }
        try {
            URI named = new URI(audience);
            return tokens.getScheme().equals(named.getScheme())
                            && (tokens.getRawAuthority().equals(named.getRawAuthority())
                                    || String.valueOf(named.getRawAuthority())
                                            .equals(KNOWN_AUDIENCES.get(tokens.getRawAuthority())))
                    ? audience
                    : null;
        } catch (URISyntaxException e) {
            return null;
        }
    }

    /** The rules about addresses; all of them before the first one is called, but the configuration's own. */
    private void check(URI configuration, PlatformConfiguration platform, boolean trusted) {
        String served = host(configuration);
        String issuer = platform.issuerHost().toLowerCase(Locale.ROOT);
        boolean known = settings.issuerHosts().contains(issuer + "=" + served);
        if (issuer.isEmpty() || (!issuer.equals(served) && !known)) {
            throw new RegistrationRefusedException(
                    "The configuration names an issuer of another host than the one it came from");
        }
        for (URI address : List.of(
                platform.authorizationEndpoint(),
                platform.tokenEndpoint(),
                platform.jwksUri(),
                platform.registrationEndpoint())) {
            if (trusted ? !trusts(address) : !acceptable(address)) {
                throw new RegistrationRefusedException(
                        "The configuration names an address that is not acceptable: " + address.getHost());
            }
        }
    }

    private boolean acceptable(URI address) {
        try {
            http.to(address, false);
            return true;
        } catch (UnacceptableAddressException e) {
            return false;
        }
    }

    private boolean trusts(URI address) {
        String authority = address.getRawAuthority();
        return authority != null && settings.trustedHosts().contains(authority.toLowerCase(Locale.ROOT));
    }

    private Mono<WebClient> client(URI address, boolean trusted) {
        return Mono.fromSupplier(() -> http.to(address, trusted))
                .onErrorMap(
                        UnacceptableAddressException.class,
                        e -> new RegistrationRefusedException("The address " + host(address)
                                + " is not acceptable: it has to be https and name a public host"));
    }

    private static Mono<Map<String, Object>> object(ClientResponse response, String what) {
        return response.statusCode().is2xxSuccessful()
                ? response.bodyToMono(OBJECT)
                        .switchIfEmpty(Mono.error(
                                () -> new RegistrationRefusedException("The platform's " + what + " answered nothing")))
                : response.releaseBody()
                        .then(Mono.error(new RegistrationRefusedException("The platform's " + what + " answered "
                                + response.statusCode().value())));
    }

    /** What goes wrong on the wire becomes a refusal that says where, and nothing of what was found there. */
    private <T> Mono<T> call(String what, Mono<T> exchange) {
        return exchange.timeout(patience)
                .onErrorMap(failure -> !(failure instanceof RegistrationRefusedException), failure -> {
                    log.debug("a platform's {} is of no use", what, failure);
                    return new RegistrationRefusedException("The platform's " + what
                            + " cannot be reached, is too slow, or answers what is no small JSON object");
                });
    }

    private static String host(URI address) {
        String host = address.getHost();
        return host == null ? "" : host.toLowerCase(Locale.ROOT);
    }
}
