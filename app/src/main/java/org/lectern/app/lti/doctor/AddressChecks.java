package org.lectern.app.lti.doctor;

import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import java.net.URI;
import java.text.ParseException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.doctor.Diagnosis.Step;
import org.lectern.app.lti.platform.PlatformHttp;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.UnacceptableAddressException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;

/**
 * Asks a platform's addresses what a launch would ask, through the same guard and under the same limits. Needs neither
 * database nor node, so the command line can do it before anything is started.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class AddressChecks {

    private final PlatformHttp http;
    private final LtiProperties properties;
    private final Clock clock;

    AddressChecks(PlatformHttp http, LtiProperties properties, Clock clock) {
        this.http = http;
        this.properties = properties;
        this.clock = clock;
    }

    /** The authorization endpoint answers, whatever it says to a request that is no login. */
    Mono<Step> authorization(Registration registration) {
        String name = "authorization-endpoint";
        return exchanged(
                        name,
                        registration,
                        registration.authorizationEndpoint(),
                        client -> client.get()
                                .uri(registration.authorizationEndpoint())
                                .exchangeToMono(response -> response.releaseBody()
                                        .thenReturn(response.statusCode().value())))
                .map(answer -> switch (answer) {
                    case Failed<?> failed -> failed.step();
                    // Without a login it has nothing to say: most platforms answer 400, or lead to their own page.
                    case Answered<Integer> answered ->
                        answered.value() == 404 || answered.value() == 410 || answered.value() >= 500
                                ? Step.failure(
                                        name,
                                        "It answers " + answered.value(),
                                        "Compare the address with the one the platform shows")
                                : Step.ok(name, "It answers (" + answered.value() + " to a request that is no login)");
                });
    }

    /** The key set has keys that may sign, and the clock of whoever serves it is right. */
    Mono<List<Step>> keySet(Registration registration) {
        String name = "key-set";
        return exchanged(
                        name,
                        registration,
                        registration.jwksUri(),
                        client -> client.get()
                                .uri(registration.jwksUri())
                                .accept(
                                        MediaType.APPLICATION_JSON,
                                        MediaType.parseMediaType("application/jwk-set+json"))
                                .exchangeToMono(response -> response.bodyToMono(String.class)
                                        .defaultIfEmpty("")
                                        .map(body -> new Response(
                                                response.statusCode().value(),
                                                response.headers().asHttpHeaders(),
                                                body))))
                .map(answer -> switch (answer) {
                    case Failed<?> failed -> List.of(failed.step());
                    case Answered<Response> answered ->
                        List.of(keys(answered.value()), time(answered.value().headers()));
                });
    }

    private static Step keys(Response response) {
        String name = "key-set";
        String advice = "Launches fail at rule key-known or keys-available; compare the address with the platform's";
        if (response.status() != 200) {
            return Step.failure(name, "It answers " + response.status(), advice);
        }
        try {
            List<JWK> all = JWKSet.parse(response.body()).getKeys();
            long usable = all.stream().filter(AddressChecks::usable).count();
            String counted = all.size() + " keys, " + usable + " of them fit for RS256 or ES256 with a kid";
            return usable == 0 ? Step.failure(name, counted, advice) : Step.ok(name, counted);
        } catch (ParseException e) {
            return Step.failure(name, "It answers what is no key set", advice);
        }
    }

    private static boolean usable(JWK key) {
        return key.getKeyID() != null
                && ((key instanceof RSAKey rsa && rsa.size() >= 2048)
                        || (key instanceof ECKey curve && Curve.P_256.equals(curve.getCurve())));
    }

    private Step time(HttpHeaders headers) {
        long date = headers.getFirstDate(HttpHeaders.DATE);
        if (date < 0) {
            return Step.ok("clock", "The platform does not say what time it is");
        }
        // The header has whole seconds, and the answer took a moment.
        Duration off =
                Duration.between(Instant.ofEpochMilli(date), clock.instant()).abs();
        String said = "The platform's clock is " + off.toSeconds() + " s from ours";
        return off.compareTo(properties.clockLeeway()) > 0
                ? Step.failure(
                        "clock",
                        said,
                        "Launches fail at rules issued-at and expiry; set the clock right (NTP) on the side that is wrong")
                : off.compareTo(Duration.ofSeconds(30)) > 0
                        ? Step.warning("clock", said, "Set the clock right (NTP) on the side that is wrong")
                        : Step.ok("clock", said);
    }

    /** One call under the guard and the limits; what goes wrong becomes a step. */
    <T> Mono<Answer<T>> exchanged(String name, Registration registration, URI address, Call<T> call) {
        return Mono.fromSupplier(() -> http.to(address, registration.trustedAddresses()))
                .flatMap(call::with)
                .timeout(properties.jwks().timeout())
                .<Answer<T>>map(Answered::new)
                .onErrorResume(
                        UnacceptableAddressException.class,
                        e -> Mono.just(
                                new Failed<>(
                                        Step.failure(
                                                name,
                                                "The address " + address.getHost() + " may not be called",
                                                "It has to be https and name a public host; for a platform of your own network set trusted_addresses"))))
                .onErrorResume(
                        failure -> Mono.just(
                                new Failed<>(
                                        Step.failure(
                                                name,
                                                address.getHost()
                                                        + " cannot be reached, is too slow or answers too much ("
                                                        + failure.getClass().getSimpleName() + ")",
                                                "See that this server can reach the platform: name resolution, firewall, proxy, certificate"))));
    }

    /** A call by a client that may be used for its address. */
    interface Call<T> {
        Mono<T> with(WebClient client);
    }

    /** What came of a call. */
    sealed interface Answer<T> permits Answered, Failed {}

    record Answered<T>(T value) implements Answer<T> {}

    record Failed<T>(Step step) implements Answer<T> {}

    record Response(int status, HttpHeaders headers, String body) {}
}
