package org.lectern.app.lti.doctor;

import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.JWTClaimsSet;
import java.net.URI;
import java.text.ParseException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.app.lti.doctor.Diagnosis.Step;
import org.lectern.app.lti.keys.ToolKeys;
import org.lectern.app.lti.launch.Rejections;
import org.lectern.app.lti.platform.Approval;
import org.lectern.app.lti.platform.PlatformHttp;
import org.lectern.app.lti.platform.RegisteredPlatform;
import org.lectern.app.lti.platform.Registration;
import org.lectern.app.lti.platform.RegistrationDesk;
import org.lectern.app.lti.platform.UnacceptableAddressException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import org.springframework.web.reactive.function.BodyInserters;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Looks at a registration in the order of a launch. It asks the platform what a launch and a service call would ask, through
 * the same guard and under the same limits, and changes nothing. What is wrong is said with what to do about it.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Doctor {

    private static final String SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score";
    private static final Duration ASSERTION_LIFETIME = Duration.ofMinutes(1);
    private static final int REJECTIONS_SHOWN = 5;

    private final RegistrationDesk desk;
    private final PlatformHttp http;
    private final ToolKeys keys;
    private final Rejections rejections;
    private final LtiProperties properties;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Clock clock;

    Doctor(
            RegistrationDesk desk,
            PlatformHttp http,
            ToolKeys keys,
            Rejections rejections,
            LtiProperties properties,
            JsonMapper json,
            IdGenerator ids,
            Clock clock) {
        this.desk = desk;
        this.http = http;
        this.keys = keys;
        this.rejections = rejections;
        this.properties = properties;
        this.json = json;
        this.ids = ids;
        this.clock = clock;
    }

    /** Checks a registration; errors with a not-found problem when there is none. */
    Mono<Diagnosis> examine(UUID id) {
        return desk.find(id).flatMap(platform -> {
            Registration registration = platform.registration();
            return Mono.zip(authorization(registration), keySet(registration), token(registration))
                    .map(answers -> {
                        List<Step> steps = new ArrayList<>();
                        steps.add(state(registration));
                        steps.add(issuer(registration));
                        steps.add(deployments(platform));
                        steps.add(answers.getT1());
                        steps.addAll(answers.getT2());
                        steps.add(answers.getT3());
                        steps.add(rejected(registration));
                        return new Diagnosis(id, clock.instant(), steps);
                    });
        });
    }

    private static Step state(Registration registration) {
        if (registration.approval() != Approval.APPROVED) {
            return Step.failure(
                    "registration",
                    "The registration is " + registration.approval().key(),
                    "Approve it when you know who asked for it; until then every launch is rejected");
        }
        return registration.paused()
                ? Step.failure("registration", "The registration is paused", "Resume it to let it launch")
                : Step.ok("registration", "The registration is approved and not paused");
    }

    private static Step issuer(Registration registration) {
        String issuer = registration.issuer();
        if (!issuer.equals(issuer.strip())) {
            return Step.failure("issuer", "The issuer begins or ends with a space", "Register it without");
        }
        return issuer.startsWith("https://")
                ? Step.ok("issuer", "The issuer is " + issuer)
                : Step.warning(
                        "issuer",
                        "The issuer " + issuer + " is no https address",
                        "Compare it with iss as the platform sends it; it has to be the same to the letter");
    }

    private static Step deployments(RegisteredPlatform platform) {
        String counted =
                platform.activeDeployments() + " may launch, " + platform.pendingDeployments() + " wait for approval";
        if (platform.activeDeployments() == 0) {
            return Step.failure(
                    "deployments",
                    counted,
                    platform.registration().pendingDeployments()
                            ? "Launch once from the course, then approve the deployment that shows up"
                            : "Add the deployment id that the platform shows, or switch pending_deployments on and launch once");
        }
        return platform.pendingDeployments() > 0
                ? Step.warning("deployments", counted, "Approve or block those that wait")
                : Step.ok("deployments", counted);
    }

    private Mono<Step> authorization(Registration registration) {
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

    private Mono<List<Step>> keySet(Registration registration) {
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
            long usable = all.stream().filter(Doctor::usable).count();
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

    private Mono<Step> token(Registration registration) {
        String name = "token-endpoint";
        URI address = registration.tokenEndpoint();
        if (address == null) {
            return Mono.just(Step.warning(
                    name, "None is registered", "Launches work; scores, rosters and other services need one"));
        }
        return exchanged(
                        name,
                        registration,
                        address,
                        client -> client.post()
                                .uri(address)
                                .accept(MediaType.APPLICATION_JSON)
                                .body(BodyInserters.fromFormData("grant_type", "client_credentials")
                                        .with(
                                                "client_assertion_type",
                                                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                                        .with("client_assertion", assertion(registration, address))
                                        .with("scope", SCOPE))
                                .exchangeToMono(response -> response.bodyToMono(String.class)
                                        .defaultIfEmpty("")
                                        .map(body -> new Response(
                                                response.statusCode().value(),
                                                response.headers().asHttpHeaders(),
                                                body))))
                .map(answer -> switch (answer) {
                    case Failed<?> failed -> failed.step();
                    case Answered<Response> answered -> granted(answered.value());
                });
    }

    private Step granted(Response response) {
        String name = "token-endpoint";
        JsonNode body = read(response.body());
        if (response.status() == 200 && body != null && body.hasNonNull("access_token")) {
            return Step.ok(name, "It gives out a token for scores");
        }
        String error = body == null ? "" : body.path("error").asString("");
        return switch (error) {
            case "invalid_scope", "unauthorized_client" ->
                Step.warning(
                        name,
                        "It knows us, and does not permit scores (" + error + ")",
                        "Permit the Assignment and Grade Services for this tool in the platform, if you want scores");
            case "invalid_client", "invalid_request" ->
                Step.failure(
                        name,
                        "It does not accept our signature (" + error + ")",
                        "Give the platform our key set's address, /.well-known/jwks.json, and see that it can reach it");
            default ->
                Step.failure(
                        name,
                        "It answers " + response.status() + " and no token",
                        "Compare the address with the one the platform shows");
        };
    }

    private String assertion(Registration registration, URI endpoint) {
        Instant now = clock.instant();
        return keys.sign(new JWTClaimsSet.Builder()
                .issuer(registration.clientId())
                .subject(registration.clientId())
                .audience(endpoint.toString())
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plus(ASSERTION_LIFETIME)))
                .jwtID(ids.generateId().toString())
                .build());
    }

    private Step rejected(Registration registration) {
        List<String> last = rejections.recent().stream()
                .filter(one -> registration.issuer().equals(one.issuer())
                        && registration.clientId().equals(one.clientId()))
                .limit(REJECTIONS_SHOWN)
                .map(one -> one.at() + " " + one.rule() + ": " + one.detail() + " (" + one.reference() + ")")
                .toList();
        return last.isEmpty()
                ? Step.ok("rejections", "This node rejected no launch of it lately")
                : Step.warning("rejections", String.join("; ", last), "docs/lti.md says what each rule asks for");
    }

    private @Nullable JsonNode read(String body) {
        try {
            return json.readTree(body);
        } catch (JacksonException e) {
            return null;
        }
    }

    /** One call under the guard and the limits; what goes wrong becomes a step. */
    private <T> Mono<Answer<T>> exchanged(String name, Registration registration, URI address, Call<T> call) {
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
    private interface Call<T> {
        Mono<T> with(WebClient client);
    }

    /** What came of a call. */
    private sealed interface Answer<T> permits Answered, Failed {}

    private record Answered<T>(T value) implements Answer<T> {}

    private record Failed<T>(Step step) implements Answer<T> {}

    private record Response(int status, HttpHeaders headers, String body) {}
}
